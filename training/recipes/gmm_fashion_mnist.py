"""Mixture of probabilistic PCA on Fashion-MNIST, fitted by EM.

    kerasgen train gmm_fashion_mnist --backend torch

The iteration of the best likelihood of 5,000 held-out training images is kept. Each
component gives all directions but its factors equal noise, in samples too: the price of
a density over all pixels.
"""

import numpy as np

from kerasgen import datasets, models

from ..extractor import extractor_card, load_extractor
from ..runs import GenerativeRun
from ..scoring import SampleScores

PARAMETERS = {
    "dataset": "fashion_mnist",
    "split": "train[:55000]",
    "validation_split": "train[55000:]",
    "extractor": "features_fashion_mnist",
    "epochs": 10,
    "num_components": 50,
    "num_factors": 20,
    "tolerance": 0.5,
    "num_test_samples": 10000,
    "seed": 0,
}
QUICK = {
    "dataset": "digits",
    "split": "train[:256]",
    "validation_split": "train[256:512]",
    "extractor": "features_digits",
    "epochs": 2,
    "num_components": 4,
    "num_factors": 3,
    "num_test_samples": 128,
}


def build(p):
    """The run of these parameters."""
    data, validation = (
        datasets.load(p["dataset"], p[key], seed=p["seed"])
        for key in ("split", "validation_split")
    )
    model = models.GaussianMixture(
        data.image_shape,
        p["num_components"],
        covariance="ppca",
        num_factors=p["num_factors"],
        seed=p["seed"],
        name="gaussian_mixture",
    )
    extractor = load_extractor(p["extractor"], data.image_shape)
    scores = SampleScores(extractor, p["dataset"], p["split"], p["num_test_samples"])

    def measure(model):
        bits = float(np.mean(model.bits_per_dim(scores.test)))
        protocol = (
            f"mean over {len(scores.test)} test images, uniform dequantisation, one "
            "draw, seed 0: an upper bound"
        )
        return {
            "test_bits_per_dim": {"value": round(bits, 4), "protocol": protocol},
            **scores.measure(model),
        }

    return GenerativeRun(
        model=model,
        data=data,
        score="val_bits_per_dim",
        measure=measure,
        references=scores.references,
        card={
            "description": f"Mixture of {p['num_components']} probabilistic PCAs of "
            f"{p['num_factors']} factors on {p['dataset']}",
            "family": "explicit, exact",
            "paper": "Tipping and Bishop 1999, Neural Computation 11(2)",
            "dataset": p["dataset"],
            "split": p["split"],
            "extractor": extractor_card(extractor),
        },
        fit_arguments={"validation_data": validation, "tolerance": p["tolerance"]},
        resumes=False,
    )
