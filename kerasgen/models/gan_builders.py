"""Papers as functions: networks x loss x penalties of `GAN`."""

from kerasgen.arguments import check_positive_integer
from kerasgen.models.gan import GAN
from kerasgen.networks.dcgan import dcgan_discriminator, dcgan_generator
from kerasgen.penalties import GradientPenalty


def dcgan(
    image_shape,
    latent_dim=64,
    filters=64,
    loss="non_saturating",
    ema_decay=None,
    seed=None,
    name="dcgan",
):
    """Deep convolutional GAN.

    Args:
        image_shape: (height, width, channels): even sizes from 8 to 128, 1 or 3
            channels.
        latent_dim: Size of z.
        filters: Filters next to the image; they double at each smaller size.
        loss: See `GAN`.
        ema_decay: See `GAN`.
        seed: See `GenerativeModel`.
        name: Name of the model.

    Returns:
        `GAN`, to be compiled; the paper uses Adam(2e-4, beta_1=0.5) for both players.

    Raises:
        ValueError: The architecture does not admit the image shape.

    Example:

    >>> import kerasgen
    >>> kerasgen.models.dcgan((32, 32, 3), latent_dim=8, filters=4).data_shape
    (32, 32, 3)

    Reference: Radford et al. 2016, "Unsupervised Representation Learning with Deep
    Convolutional GANs".
    """
    check_positive_integer("latent_dim", latent_dim)
    check_positive_integer("filters", filters)
    return GAN(
        dcgan_generator(image_shape, latent_dim, filters),
        dcgan_discriminator(image_shape, filters),
        latent_dim,
        loss=loss,
        ema_decay=ema_decay,
        seed=seed,
        name=name,
    )


def lsgan(
    image_shape,
    latent_dim=64,
    filters=64,
    ema_decay=None,
    seed=None,
    name="lsgan",
):
    """Least squares GAN, on the networks of `dcgan`.

    Fakes are pushed to 0, reals to 1, by the generator fakes to 1 (a, b, c of the
    paper's equation 9); other values go through `GAN` and `losses.LeastSquares`.

    Args:
        image_shape: As in `dcgan`.
        latent_dim: Size of z.
        filters: As in `dcgan`.
        ema_decay: See `GAN`.
        seed: See `GenerativeModel`.
        name: Name of the model.

    Returns:
        `GAN`, to be compiled; the paper uses Adam(1e-3, beta_1=0.5).

    Raises:
        ValueError: The architecture does not admit the image shape.

    Reference: Mao et al. 2017, "Least Squares Generative Adversarial Networks".
    """
    return dcgan(
        image_shape,
        latent_dim,
        filters,
        loss="least_squares",
        ema_decay=ema_decay,
        seed=seed,
        name=name,
    )


def wgan_gp(
    image_shape,
    latent_dim=64,
    filters=64,
    penalty_weight=10.0,
    discriminator_steps=5,
    ema_decay=None,
    seed=None,
    name="wgan_gp",
):
    """Wasserstein GAN with gradient penalty, on the networks of `dcgan`.

    The critic has no BatchNorm, since the penalty is defined for each sample alone.

    Args:
        image_shape: As in `dcgan`.
        latent_dim: Size of z.
        filters: As in `dcgan`.
        penalty_weight: Weight >= 0 of the gradient penalty (lambda).
        discriminator_steps: Critic updates to one of the generator.
        ema_decay: See `GAN`.
        seed: See `GenerativeModel`.
        name: Name of the model.

    Returns:
        `GAN`, to be compiled; the paper uses Adam(1e-4, beta_1=0, beta_2=0.9) for
        both players.

    Raises:
        ValueError: The architecture does not admit the image shape.

    Reference: Gulrajani et al. 2017, "Improved Training of Wasserstein GANs",
    algorithm 1.
    """
    check_positive_integer("latent_dim", latent_dim)
    check_positive_integer("filters", filters)
    return GAN(
        dcgan_generator(image_shape, latent_dim, filters),
        dcgan_discriminator(image_shape, filters, batch_norm=False),
        latent_dim,
        loss="wasserstein",
        penalties=[GradientPenalty(penalty_weight)],
        discriminator_steps=discriminator_steps,
        ema_decay=ema_decay,
        seed=seed,
        name=name,
    )


def sngan(
    image_shape,
    latent_dim=64,
    filters=64,
    loss="hinge",
    discriminator_steps=1,
    ema_decay=None,
    seed=None,
    name="sngan",
):
    """Spectrally normalised GAN, on the networks of `dcgan`.

    Each layer of the discriminator is divided by its largest singular value and none
    has BatchNorm. Deviation: the paper's tables use 1 or 5 discriminator steps and a
    discriminator with stride-1 layers in between.

    Args:
        image_shape: As in `dcgan`.
        latent_dim: Size of z.
        filters: As in `dcgan`.
        loss: See `GAN`.
        discriminator_steps: Discriminator updates to one of the generator.
        ema_decay: See `GAN`.
        seed: See `GenerativeModel`.
        name: Name of the model.

    Returns:
        `GAN`, to be compiled; the paper uses Adam(2e-4, beta_1=0, beta_2=0.9) or
        Adam(2e-4, beta_1=0.5).

    Raises:
        ValueError: The architecture does not admit the image shape.

    Reference: Miyato et al. 2018, "Spectral Normalization for Generative Adversarial
    Networks".
    """
    check_positive_integer("latent_dim", latent_dim)
    check_positive_integer("filters", filters)
    return GAN(
        dcgan_generator(image_shape, latent_dim, filters),
        dcgan_discriminator(image_shape, filters, batch_norm=False, spectral_norm=True),
        latent_dim,
        loss=loss,
        discriminator_steps=discriminator_steps,
        ema_decay=ema_decay,
        seed=seed,
        name=name,
    )
