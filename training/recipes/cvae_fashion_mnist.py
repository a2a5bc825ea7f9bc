"""Conditional VAE on Fashion-MNIST, Bernoulli likelihood of the grey levels.

    kerasgen train cvae_fashion_mnist --backend tensorflow

The networks of `vae_fashion_mnist`, told the class; the epoch of the lowest loss on
5,000 held-out training images is kept. The card says how often a classifier agrees with
the class that was asked for. A weight of the KL term above 1 and more epochs are for
its sake: the code stops saying what the label says, and fewer draws from the prior fall
between the codes of a class.
"""

import functools

from kerasgen import models

from ..autoencoders import PARAMETERS as SHARED
from ..autoencoders import QUICK as SHARED_QUICK
from ..autoencoders import compile_model, load
from ..class_scores import judge_classes
from ..extractor import extractor_card, load_extractor
from ..likelihoods import vae_likelihoods
from ..runs import GenerativeRun
from ..scoring import SampleScores

PARAMETERS = {
    **SHARED,
    "epochs": 30,
    "latent_dim": 16,
    "beta": 2.0,
    "likelihood": "bernoulli",
    "num_test_samples": 10000,
    "num_bound_images": 2000,
    "num_importance_samples": 500,
}
QUICK = {
    **SHARED_QUICK,
    "latent_dim": 4,
    "num_test_samples": 128,
    "num_bound_images": 50,
    "num_importance_samples": 10,
}


def build(p):
    """The run of these parameters."""
    data, validation = (load(p, p[key]) for key in ("split", "validation_split"))
    test = load(p, "test")
    model = models.conv_vae(
        data.image_shape,
        latent_dim=p["latent_dim"],
        filters=p["filters"],
        likelihood=p["likelihood"],
        beta=p["beta"],
        num_classes=data.num_classes,
        seed=p["seed"],
        name="cvae",
    )
    compile_model(p, model, data)
    # After the model: it draws initial weights, too.
    extractor = load_extractor(p["extractor"], data.image_shape)
    scores = SampleScores(extractor, p["dataset"], p["split"], p["num_test_samples"])

    def likelihoods(model):
        bound = p["num_bound_images"], p["num_importance_samples"]
        return vae_likelihoods(model, test, data, *bound, given_labels=True)

    return GenerativeRun(
        model=model,
        data=data,
        score="val_loss",
        likelihoods=likelihoods,
        measure=scores.measure,
        references=scores.references,
        card={
            "description": f"Convolutional VAE, conditional on {data.num_classes} "
            f"classes, {p['likelihood']} likelihood, beta {p['beta']:g}, on "
            f"{p['dataset']}",
            "family": "explicit, approximate",
            "paper": "Sohn et al. 2015, "
            "papers.nips.cc/paper/2015/hash/8d55a249e6baa5c06772297520da2051",
            "dataset": p["dataset"],
            "split": p["split"],
            "extractor": extractor_card(extractor),
        },
        judge_classes=functools.partial(judge_classes, p, extractor),
        fit_arguments={"validation_data": validation},
    )
