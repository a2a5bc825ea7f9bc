"""Variational autoencoders with ready networks."""

from kerasgen import likelihoods
from kerasgen.arguments import check_positive_integer
from kerasgen.models.vae import VAE
from kerasgen.networks.autoencoding import (
    conv_decoder,
    conv_encoder,
    dense_decoder,
    dense_encoder,
)


def dense_vae(
    data_shape,
    latent_dim=16,
    hidden=(512, 256),
    likelihood="bernoulli",
    beta=1.0,
    seed=None,
    name="dense_vae",
):
    """VAE of dense layers, for images or vectors.

    Args:
        data_shape: Shape of one sample: (height, width, channels) or (features,).
        latent_dim: Size of z.
        hidden: Units of the encoder's hidden layers; the decoder mirrors them.
        likelihood: See `VAE`.
        beta: See `VAE`.
        seed: See `GenerativeModel`.
        name: Name of the model.

    Returns:
        `VAE`, to be compiled.

    Raises:
        ValueError: An argument is out of its range.
    """
    check_positive_integer("latent_dim", latent_dim)
    if not isinstance(data_shape, list | tuple) or len(data_shape) not in (1, 3):
        raise ValueError(
            "`data_shape` is (height, width, channels) or (features,). "
            f"Received: data_shape={data_shape!r}"
        )
    for size in data_shape:
        check_positive_integer("data_shape", size)
    for index, units in enumerate(hidden):
        check_positive_integer(f"hidden[{index}]", units)
    likelihood = likelihoods.get(likelihood)
    *shape, channels = data_shape
    return VAE(
        dense_encoder(data_shape, 2 * latent_dim, hidden),
        dense_decoder(
            (*shape, channels * likelihood.num_parameters), latent_dim, hidden[::-1]
        ),
        likelihood=likelihood,
        beta=beta,
        seed=seed,
        name=name,
    )


def conv_vae(
    image_shape,
    latent_dim=16,
    filters=32,
    likelihood="bernoulli",
    beta=1.0,
    seed=None,
    name="conv_vae",
):
    """VAE of strided convolutions, for images.

    Args:
        image_shape: (height, width, channels): even sizes from 8 to 128, 1 or 3
            channels.
        latent_dim: Size of z.
        filters: Filters next to the image; they double at each smaller size.
        likelihood: See `VAE`.
        beta: See `VAE`.
        seed: See `GenerativeModel`.
        name: Name of the model.

    Returns:
        `VAE`, to be compiled.

    Raises:
        ValueError: The architecture does not admit the image shape.
    """
    check_positive_integer("latent_dim", latent_dim)
    check_positive_integer("filters", filters)
    likelihood = likelihoods.get(likelihood)
    return VAE(
        conv_encoder(image_shape, 2 * latent_dim, filters),
        conv_decoder(image_shape, latent_dim, likelihood.num_parameters, filters),
        likelihood=likelihood,
        beta=beta,
        seed=seed,
        name=name,
    )
