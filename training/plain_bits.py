"""Images on levels, and the bits per dimension that plain models need for them.

One protocol, whether a model has a card of its own or stands beside another one.
"""

import numpy as np

from kerasgen import datasets, models

from .likelihoods import both_splits

# Of EM, from one k-means start.
EPOCHS = 10
TOLERANCE = 0.5


def load_levels(p, split):
    """A split of a recipe's dataset, rounded to its `num_levels`."""
    data = datasets.load(
        p["dataset"], split, batch_size=p.get("batch_size", 64), seed=p["seed"]
    )
    data.images = datasets.quantize(data.images, p["num_levels"])
    return data


def make_mixture(image_shape, num_levels, num_components, num_factors, seed=0):
    """`GaussianMixture` of probabilistic PCAs over images on levels."""
    return models.GaussianMixture(
        image_shape,
        num_components,
        covariance="ppca",
        num_factors=num_factors,
        num_levels=num_levels,
        seed=seed,
        name="gaussian_mixture",
    )


def mixture_entries(model, train, test, ending="", before=""):
    """A card's entries: bits a dimension under a fitted mixture.

    Args:
        model: `GaussianMixture`.
        train, test: Datasets of uint8 images on the model's levels.
        ending: Of the entries' names.
        before: First words of the protocol.

    Returns:
        Dict of name to value and protocol.
    """
    return both_splits(
        "bits_per_dim" + ending,
        lambda images, labels: model.bits_per_dim(images),
        test,
        train,
        f"{before}mean over {{}}, {model.num_levels} levels, uniform dequantisation, "
        "one draw, seed 0: an upper bound",
    )


def plain_entries(train, test, num_levels, num_components, num_factors):
    """Entries of plain models beside another: a mixture, fitted here, and no model.

    Args:
        train, test: Datasets of uint8 images (N, H, W, C) on `num_levels` evenly
            spaced levels.
        num_levels: Integer in [2, 256].
        num_components: Gaussians.
        num_factors: Directions of each, 1 to H W C - 1.

    Returns:
        Dict of name to value and protocol.
    """
    model = make_mixture(train.image_shape, num_levels, num_components, num_factors)
    model.fit(train.images, epochs=EPOCHS, tolerance=TOLERANCE, verbose=0)
    before = (
        f"mixture of {num_components} probabilistic PCAs of {num_factors} factors, "
        f"fitted to the {len(train.images)} training images by at most {EPOCHS} "
        "iterations of EM; "
    )
    return {
        **mixture_entries(model, train, test, "_gaussian_mixture", before),
        **uniform_entry(num_levels),
    }


def uniform_entry(num_levels):
    """The entry of a model to which all levels are alike."""
    name = "test_bits_per_dim_uniform_model"
    bits = round(float(np.log2(num_levels)), 4)
    return {name: {"value": bits, "protocol": f"log2 of {num_levels} levels"}}
