"""Convolutional VAE on Fashion-MNIST, Bernoulli likelihood of the grey levels.

    kerasgen train vae_fashion_mnist --backend tensorflow

The epoch of the best ELBO on 5,000 held-out training images is kept; the card has the
ELBO and a 500-sample bound of the log-likelihood, of test and of training images. The
exact likelihood of the 256 levels (likelihood=discretized_logistic) spends 58 nats on
z, and a third of its samples from the prior are ghosts; the cross-entropy spends 15,
and they look like garments.
"""

import keras

from kerasgen import datasets, models

from ..extractor import extractor_card, load_extractor
from ..likelihoods import vae_likelihoods
from ..runs import GenerativeRun
from ..scoring import SampleScores

PARAMETERS = {
    "dataset": "fashion_mnist",
    "split": "train[:55000]",
    "validation_split": "train[55000:]",
    "extractor": "features_fashion_mnist",
    "epochs": 20,
    "batch_size": 128,
    "latent_dim": 16,
    "filters": 32,
    "likelihood": "bernoulli",
    "learning_rate": 1e-3,
    "num_test_samples": 10000,
    "num_bound_images": 2000,
    "num_importance_samples": 500,
    "seed": 0,
}
QUICK = {
    "dataset": "digits",
    "split": "train[:256]",
    "validation_split": "train[256:512]",
    "extractor": "features_digits",
    "epochs": 1,
    "filters": 4,
    "latent_dim": 4,
    "num_test_samples": 128,
    "num_bound_images": 50,
    "num_importance_samples": 10,
}


def build(p):
    """The run of these parameters."""
    data, validation, test = (
        datasets.load(p["dataset"], split, batch_size=p["batch_size"], seed=p["seed"])
        for split in (p["split"], p["validation_split"], "test")
    )
    model = models.conv_vae(
        data.image_shape,
        latent_dim=p["latent_dim"],
        filters=p["filters"],
        likelihood=p["likelihood"],
        seed=p["seed"],
        name="vae",
    )
    model.compile(
        keras.optimizers.Adam(
            keras.optimizers.schedules.CosineDecay(
                p["learning_rate"], p["epochs"] * len(data), alpha=0.01
            )
        )
    )
    # After the model: it draws initial weights, too.
    extractor = load_extractor(p["extractor"], data.image_shape)
    scores = SampleScores(extractor, p["dataset"], p["split"], p["num_test_samples"])

    def likelihoods(model):
        bound = p["num_bound_images"], p["num_importance_samples"]
        return vae_likelihoods(model, test, data, *bound)

    return GenerativeRun(
        model=model,
        data=data,
        score="val_loss",
        likelihoods=likelihoods,
        measure=scores.measure,
        references=scores.references,
        card={
            "description": f"Convolutional VAE on {p['dataset']}, "
            f"{p['likelihood']} likelihood",
            "family": "explicit, approximate",
            "paper": "Kingma and Welling 2014, arXiv:1312.6114",
            "dataset": p["dataset"],
            "split": p["split"],
            "extractor": extractor_card(extractor),
        },
        fit_arguments={"validation_data": validation},
    )
