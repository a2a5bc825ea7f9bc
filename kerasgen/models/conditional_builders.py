"""Conditional GANs as functions: networks x loss x techniques of `GAN`."""

from kerasgen.arguments import check_positive_integer
from kerasgen.models.gan import GAN
from kerasgen.networks.conditional import (
    classifying_discriminator,
    concatenation_discriminator,
    concatenation_generator,
)
from kerasgen.networks.dcgan import dcgan_discriminator, dcgan_generator
from kerasgen.techniques import AuxiliaryClassifier


def projection_gan(
    image_shape,
    num_classes,
    latent_dim=64,
    filters=64,
    loss="hinge",
    discriminator_steps=1,
    ema_decay=None,
    seed=None,
    name="projection_gan",
):
    """GAN with a projection discriminator, spectrally normalised.

    The generator has BatchNorm by class; the logit adds the inner product of the
    discriminator's features with an embedding of the class.

    Args:
        image_shape: As in `dcgan`.
        num_classes: Number of classes, at least 1.
        latent_dim: Size of z.
        filters: As in `dcgan`.
        loss: See `GAN`.
        discriminator_steps: Discriminator updates to one of the generator.
        ema_decay: See `GAN`.
        seed: See `GenerativeModel`.
        name: Name of the model.

    Returns:
        `GAN`, to be compiled; the paper uses Adam(2e-4, beta_1=0, beta_2=0.9) and 5
        discriminator steps.

    Raises:
        ValueError: The architecture does not admit the image shape.

    Example:

    >>> import kerasgen
    >>> gan = kerasgen.models.projection_gan((8, 8, 1), num_classes=3, filters=4)
    >>> gan.generate(2, seed=0, labels=[0, 2]).shape
    (2, 8, 8, 1)

    Reference: Miyato and Koyama 2018, "cGANs with Projection Discriminator".
    """
    _check(num_classes, latent_dim, filters)
    return GAN(
        dcgan_generator(image_shape, latent_dim, filters, num_classes),
        dcgan_discriminator(
            image_shape,
            filters,
            batch_norm=False,
            spectral_norm=True,
            num_classes=num_classes,
        ),
        latent_dim,
        loss=loss,
        num_classes=num_classes,
        discriminator_steps=discriminator_steps,
        ema_decay=ema_decay,
        seed=seed,
        name=name,
    )


def conditional_gan(
    image_shape,
    num_classes,
    latent_dim=64,
    filters=64,
    loss="non_saturating",
    ema_decay=None,
    seed=None,
    name="conditional_gan",
):
    """Conditional GAN by concatenation, on the layers of `dcgan`.

    The generator takes the one-hot label beside z, the discriminator a plane of ones
    for the class beside the image.

    Args:
        image_shape: As in `dcgan`.
        num_classes: Number of classes, at least 1.
        latent_dim: Size of z.
        filters: As in `dcgan`.
        loss: See `GAN`.
        ema_decay: See `GAN`.
        seed: See `GenerativeModel`.
        name: Name of the model.

    Returns:
        `GAN`, to be compiled.

    Raises:
        ValueError: The architecture does not admit the image shape.

    Reference: Mirza and Osindero 2014, "Conditional Generative Adversarial Nets".
    """
    _check(num_classes, latent_dim, filters)
    return GAN(
        concatenation_generator(image_shape, latent_dim, num_classes, filters),
        concatenation_discriminator(image_shape, num_classes, filters),
        latent_dim,
        loss=loss,
        num_classes=num_classes,
        ema_decay=ema_decay,
        seed=seed,
        name=name,
    )


def acgan(
    image_shape,
    num_classes,
    latent_dim=64,
    filters=64,
    loss="non_saturating",
    class_weight=1.0,
    ema_decay=None,
    seed=None,
    name="acgan",
):
    """Auxiliary classifier GAN, on the layers of `dcgan`.

    The discriminator sees no label and names the class of real and fake images; both
    players lower the cross-entropy.

    Args:
        image_shape: As in `dcgan`.
        num_classes: Number of classes, at least 1.
        latent_dim: Size of z.
        filters: As in `dcgan`.
        loss: See `GAN`.
        class_weight: Weight >= 0 of the class losses.
        ema_decay: See `GAN`.
        seed: See `GenerativeModel`.
        name: Name of the model.

    Returns:
        `GAN`, to be compiled.

    Raises:
        ValueError: The architecture does not admit the image shape.

    Reference: Odena et al. 2017, "Conditional Image Synthesis with Auxiliary
    Classifier GANs".
    """
    _check(num_classes, latent_dim, filters)
    return GAN(
        concatenation_generator(image_shape, latent_dim, num_classes, filters),
        classifying_discriminator(image_shape, num_classes, filters),
        latent_dim,
        loss=loss,
        techniques=[AuxiliaryClassifier(class_weight)],
        num_classes=num_classes,
        ema_decay=ema_decay,
        seed=seed,
        name=name,
    )


def _check(num_classes, latent_dim, filters):
    check_positive_integer("num_classes", num_classes)
    check_positive_integer("latent_dim", latent_dim)
    check_positive_integer("filters", filters)
