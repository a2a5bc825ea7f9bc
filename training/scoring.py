"""Scores that select epochs and fill cards, without a network connection."""

import numpy as np

from kerasgen import datasets, from_preset
from kerasgen.metrics import extract_features, fid

GENERATION_SEED = 1234
CROSS_ENTROPY = "grey levels read as probabilities: a cross-entropy, not a density"


def fid_score(extractor, images, num_samples):
    """Function of a model: its FID against the first `num_samples` images.

    Args:
        extractor: Name of the feature extractor's preset.
        images: uint8 (N, H, W, C), training images.
        num_samples: Real and generated images compared.
    """
    network = from_preset(extractor)
    real = extract_features(network, images[:num_samples])

    def score(model):
        generated = model.generate(num_samples, seed=GENERATION_SEED)
        return fid(real, extract_features(network, generated))

    return score


def measure_gan(extractor, dataset, num_samples):
    """Function of a model: the card's metrics of an implicit model."""

    def measure(model):
        return _test_fid(model, extractor, dataset, num_samples)

    return measure


def measure_vae(extractor, dataset, num_samples, num_bound, num_importance):
    """Function of a model: the card's metrics of a VAE."""

    def measure(model):
        x = datasets.load(dataset, "test").images
        bound = f"test_log_likelihood_nats_{num_importance}_samples"
        subset = x[:num_bound]
        unit = "" if model.likelihood.is_discrete else "; " + CROSS_ENTROPY
        return {
            "test_elbo_nats": _number(
                model.elbo(x),
                f"mean over {len(x)} test images, one draw of z, seed 0{unit}",
            ),
            bound: _number(
                model.log_likelihood(subset, num_importance),
                f"mean over the first {len(subset)} test images, "
                f"importance-weighted lower bound, seed 0{unit}",
            ),
            **_test_fid(model, extractor, dataset, num_samples),
        }

    return measure


def _test_fid(model, extractor, dataset, num_samples):
    network = from_preset(extractor)
    real = datasets.load(dataset, "test").images
    generated = model.generate(num_samples, seed=0)
    value = fid(extract_features(network, real), extract_features(network, generated))
    protocol = (
        f"FID in the features of the preset {extractor}, {len(real)} test images of "
        f"{dataset} against {num_samples} samples, seed 0"
    )
    return {"fid_test": {"value": round(value, 4), "protocol": protocol}}


def _number(values, protocol):
    return {"value": round(float(np.mean(values)), 3), "protocol": protocol}
