"""Scores that select epochs and fill cards, without a network connection."""

import numpy as np

from kerasgen import datasets
from kerasgen.metrics import fid

GENERATION_SEED = 1234
CROSS_ENTROPY = "grey levels read as probabilities: a cross-entropy, not a density"


def fid_score(extractor, images, num_samples):
    """Function of a model: its FID against the first `num_samples` images.

    Args:
        extractor: `Extractor`.
        images: uint8 (N, H, W, C), training images.
        num_samples: Real and generated images compared, at least 2.

    Raises:
        ValueError: There are fewer than two samples to compare.
    """
    _check_num_samples("num_selection_samples", num_samples)
    real = extractor.features(images[:num_samples])

    def score(model):
        generated = model.generate(num_samples, seed=GENERATION_SEED)
        return fid(real, extractor.features(generated))

    return score


def measure_gan(extractor, dataset, num_samples):
    """Function of a model: the card's metrics of an implicit model.

    Args:
        extractor: `Extractor`.
        dataset: Name of the dataset; its test images are loaded now.
        num_samples: Generated images, at least 2.

    Raises:
        ValueError: The test images do not fit the extractor, or there are fewer than
            two samples.
    """
    _check_num_samples("num_test_samples", num_samples)
    test = _load_test_images(dataset, extractor)

    def measure(model):
        generated = model.generate(num_samples, seed=0)
        value = fid(extractor.features(test), extractor.features(generated))
        protocol = (
            f"FID in the features of the preset {extractor.name}, {len(test)} test "
            f"images of {dataset} against {num_samples} samples, seed 0"
        )
        return {"fid_test": {"value": round(value, 4), "protocol": protocol}}

    return measure


def measure_vae(extractor, dataset, num_samples, num_bound, num_importance):
    """Function of a model: the card's metrics of a VAE.

    Args:
        extractor: As for `measure_gan`, like the next two.
        dataset: Name of the dataset.
        num_samples: Generated images.
        num_bound: Test images of the importance-weighted bound.
        num_importance: Draws of z for each of them.

    Raises:
        ValueError: As for `measure_gan`.
    """
    measure_fid = measure_gan(extractor, dataset, num_samples)
    test = _load_test_images(dataset, extractor)

    def measure(model):
        bound = f"test_log_likelihood_nats_{num_importance}_samples"
        subset = test[:num_bound]
        unit = "" if model.likelihood.is_discrete else "; " + CROSS_ENTROPY
        return {
            "test_elbo_nats": _number(
                model.elbo(test),
                f"mean over {len(test)} test images, one draw of z, seed 0{unit}",
            ),
            bound: _number(
                model.log_likelihood(subset, num_importance),
                f"mean over the first {len(subset)} test images, "
                f"importance-weighted lower bound, seed 0{unit}",
            ),
            **measure_fid(model),
        }

    return measure


def _load_test_images(dataset, extractor):
    images = datasets.load(dataset, "test").images
    if images.shape[1:] != extractor.image_shape:
        raise ValueError(
            f"Expected test images of shape {extractor.image_shape}. "
            f"Received: shape {images.shape[1:]} of dataset={dataset!r}"
        )
    return images


def _check_num_samples(name, num_samples):
    if num_samples < 2:
        raise ValueError(
            f"Expected {name} >= 2, for a covariance. Received: {num_samples}"
        )


def _number(values, protocol):
    return {"value": round(float(np.mean(values)), 3), "protocol": protocol}
