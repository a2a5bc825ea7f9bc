"""What the functions of a latent space take for a model and for labels."""

import numpy as np

from kerasgen.models.autoencoding_model import AutoencodingModel


def check_model(model):
    """Raises ValueError unless it encodes to vectors and decodes them."""
    if not isinstance(model, AutoencodingModel):
        raise ValueError(
            "Expected a model with an encoder and a decoder of vectors, such as VAE or "
            f"Autoencoder. Received: {type(model).__name__}"
        )


def labels_of(label, shape):
    """The label of latents of a leading shape, or None."""
    if np.ndim(label):
        raise ValueError(f"Expected the label of one class. Received: {label!r}")
    return None if label is None else np.full(shape, label)
