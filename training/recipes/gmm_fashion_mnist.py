"""Mixture of probabilistic PCA on Fashion-MNIST, fitted by EM.

    kerasgen train gmm_fashion_mnist --backend torch

The iteration of the best likelihood of 5,000 held-out training images is kept. Each
component gives all directions but its factors equal noise, in samples too: the price of
a density over all pixels.
"""

from .. import plain_bits
from ..completions import CompletionRun
from ..extractor import extractor_card, load_extractor
from ..scoring import SampleScores

PARAMETERS = {
    "dataset": "fashion_mnist",
    "split": "train[:55000]",
    "validation_split": "train[55000:]",
    "extractor": "features_fashion_mnist",
    "epochs": plain_bits.EPOCHS,
    "num_levels": 256,
    "num_components": 50,
    "num_factors": 20,
    "tolerance": plain_bits.TOLERANCE,
    "num_test_samples": 10000,
    "seed": 0,
}
QUICK = {
    "dataset": "digits",
    "split": "train[:256]",
    "validation_split": "train[256:512]",
    "extractor": "features_digits",
    "epochs": 2,
    "num_levels": 17,
    "num_components": 4,
    "num_factors": 3,
    "num_test_samples": 128,
}


def build(p):
    """The run of these parameters."""
    data, validation, test = (
        plain_bits.load_levels(p, split)
        for split in (p["split"], p["validation_split"], "test")
    )
    model = plain_bits.make_mixture(
        data.image_shape,
        p["num_levels"],
        p["num_components"],
        p["num_factors"],
        p["seed"],
    )
    extractor = load_extractor(p["extractor"], data.image_shape)
    scores = SampleScores(extractor, p["dataset"], p["split"], p["num_test_samples"])

    def likelihoods(model):
        return {
            **plain_bits.mixture_entries(model, data, test),
            **plain_bits.uniform_entry(p["num_levels"]),
        }

    return CompletionRun(
        model=model,
        data=data,
        score="val_bits_per_dim",
        likelihoods=likelihoods,
        measure=scores.measure,
        references=scores.references,
        card={
            "description": f"Mixture of {p['num_components']} probabilistic PCAs of "
            f"{p['num_factors']} factors on {p['dataset']}, {p['num_levels']} levels",
            "family": "explicit, exact",
            "paper": "Tipping and Bishop 1999, Neural Computation 11(2)",
            "dataset": p["dataset"],
            "split": p["split"],
            "extractor": extractor_card(extractor),
        },
        fit_arguments={"validation_data": validation, "tolerance": p["tolerance"]},
        resumes=False,
        test_images=test.images,
    )
