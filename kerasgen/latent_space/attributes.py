"""Attributes as directions of a latent space."""

import numpy as np

from kerasgen.arguments import as_numbers, is_finite_number
from kerasgen.latent_space.checks import check_model


def attribute_vector(model, samples_with, samples_without, value_range=None):
    """The way from samples without an attribute to those with it.

    The difference of the means of their codes. Other differences of the two sets go
    along: take sets that are alike but for the attribute.

    Args:
        model: `VAE`, `Autoencoder` or their kin, without labels.
        samples_with: uint8 or float samples (N, ...), as in `fit`.
        samples_without: uint8 or float samples (M, ...).
        value_range: As in `fit`.

    Returns:
        float32 (latent_dim,).

    Raises:
        ValueError: The samples do not fit the model.

    Reference: Larsen et al. 2016, "Autoencoding beyond Pixels using a Learned
    Similarity Metric", section 5.2; White 2016, "Sampling Generative Networks",
    section 4.
    """
    check_model(model)
    ends = [
        model.encode(x, value_range=value_range).mean(axis=0)
        for x in (samples_with, samples_without)
    ]
    return ends[0] - ends[1]


def edit(model, x, vector, strength=1.0, value_range=None):
    """Samples with an attribute added: decoded from code + strength * vector.

    Args:
        model: `VAE`, `Autoencoder` or their kin, without labels.
        x: uint8 or float samples (B, ...), as in `fit`.
        vector: float (latent_dim,), such as `attribute_vector` returns.
        strength: Number; negative takes the attribute away.
        value_range: As in `fit`.

    Returns:
        uint8 (B, H, W, C), or float32 for vectors.

    Raises:
        ValueError: The vector is of another size, or not finite.

    Example:

    >>> import kerasgen
    >>> from kerasgen.latent_space import attribute_vector, edit
    >>> data = kerasgen.datasets.load("digits", split="train[:100]")
    >>> ones, zeros = (data.images[data.labels == digit] for digit in (1, 0))
    >>> model = kerasgen.models.dense_autoencoder((8, 8, 1), 2, hidden=(4,))
    >>> vector = attribute_vector(model, ones, zeros)
    >>> edit(model, zeros[:3], vector, strength=1.5).shape
    (3, 8, 8, 1)
    """
    check_model(model)
    vector = as_numbers("numbers, a direction of the latents", vector)
    is_finite = is_finite_number(strength) and np.isfinite(vector).all()
    if vector.shape != (model.latent_dim,) or not is_finite:
        raise ValueError(
            f"Expected a finite vector of shape ({model.latent_dim},) and a finite "
            f"strength. Received: shape {vector.shape}, strength={strength!r}"
        )
    change = strength * vector
    return model.decode_path(model.encode(x, value_range=value_range) + change)
