"""Variational autoencoders with ready networks."""

from kerasgen import likelihoods
from kerasgen.models.iwae import IWAE
from kerasgen.models.vae import VAE
from kerasgen.networks.autoencoding import conv_coders, dense_coders


def dense_vae(
    data_shape,
    latent_dim=16,
    hidden=(512, 256),
    likelihood="bernoulli",
    beta=1.0,
    num_classes=None,
    seed=None,
    name="dense_vae",
    **options,
):
    """VAE of dense layers, for images or vectors.

    Args:
        data_shape: Shape of one sample: (height, width, channels) or (features,).
        latent_dim: Size of z.
        hidden: Units of the encoder's hidden layers; the decoder mirrors them.
        likelihood: See `VAE`.
        beta: See `VAE`.
        num_classes: Number of classes of a conditional VAE, or None.
        seed: See `GenerativeModel`.
        name: Name of the model.
        **options: `annealing`, `free_bits` and `prior_penalty` of `VAE`.

    Returns:
        `VAE`, to be compiled.

    Raises:
        ValueError: An argument is out of its range.
    """
    likelihood = likelihoods.get(likelihood)
    return VAE(
        *dense_coders(
            data_shape, latent_dim, hidden, likelihood.num_parameters, 2, num_classes
        ),
        likelihood=likelihood,
        beta=beta,
        num_classes=num_classes,
        seed=seed,
        name=name,
        **options,
    )


def conv_vae(
    image_shape,
    latent_dim=16,
    filters=32,
    likelihood="bernoulli",
    beta=1.0,
    num_classes=None,
    seed=None,
    name="conv_vae",
    **options,
):
    """VAE of strided convolutions, for images.

    Args:
        image_shape: (height, width, channels): even sizes from 8 to 128, 1 or 3
            channels.
        latent_dim: Size of z.
        filters: Filters next to the image; they double at each smaller size.
        likelihood: See `VAE`.
        beta: See `VAE`.
        num_classes: Number of classes of a conditional VAE, or None.
        seed: See `GenerativeModel`.
        name: Name of the model.
        **options: `annealing`, `free_bits` and `prior_penalty` of `VAE`.

    Returns:
        `VAE`, to be compiled.

    Raises:
        ValueError: The architecture does not admit the image shape.
    """
    likelihood = likelihoods.get(likelihood)
    return VAE(
        *conv_coders(
            image_shape, latent_dim, filters, likelihood.num_parameters, 2, num_classes
        ),
        likelihood=likelihood,
        beta=beta,
        num_classes=num_classes,
        seed=seed,
        name=name,
        **options,
    )


def dense_iwae(
    data_shape,
    latent_dim=16,
    hidden=(512, 256),
    likelihood="bernoulli",
    num_importance_samples=5,
    num_classes=None,
    seed=None,
    name="dense_iwae",
):
    """IWAE of dense layers, for images or vectors; as `dense_vae`.

    Args:
        data_shape: As in `dense_vae`.
        latent_dim: As in `dense_vae`.
        hidden: As in `dense_vae`.
        likelihood: See `VAE`.
        num_importance_samples: See `IWAE`.
        num_classes: As in `dense_vae`.
        seed: See `GenerativeModel`.
        name: Name of the model.

    Returns:
        `IWAE`, to be compiled.

    Raises:
        ValueError: An argument is out of its range.
    """
    likelihood = likelihoods.get(likelihood)
    return IWAE(
        *dense_coders(
            data_shape, latent_dim, hidden, likelihood.num_parameters, 2, num_classes
        ),
        likelihood=likelihood,
        num_importance_samples=num_importance_samples,
        num_classes=num_classes,
        seed=seed,
        name=name,
    )
