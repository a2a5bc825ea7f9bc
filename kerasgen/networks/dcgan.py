"""Strided convolutional networks of DCGAN and its relatives.

Shapes: z (B, latent_dim), image (B, H, W, C), labels int32 (B,). The number of stride-2
layers follows from the image size; filters double towards the small end.
"""

import keras
from keras import layers

from kerasgen.layers import (
    ConditionalBatchNormalization,
    ProjectionHead,
    SpectralNormalization,
)
from kerasgen.networks.shapes import check_image_shape, count_halvings

MAX_FILTERS = 512
KERNEL = 4


def dcgan_generator(
    image_shape, latent_dim, filters=64, num_classes=None, name="generator"
):
    """Dense layer, then transposed convolutions with BatchNorm and ReLU, then tanh.

    Args:
        image_shape: (height, width, channels), even sizes from 8 to 128.
        latent_dim: Size of z.
        filters: Filters of the last hidden layer; they double at each smaller size,
            up to 512.
        num_classes: Where given, the network takes labels too, and each BatchNorm has
            the factors and offsets of the class.
        name: Name of the network.

    Returns:
        Functional `keras.Model`, (B, latent_dim) -> float32 (B, H, W, C) in [-1, 1],
        or of [z, labels].

    Raises:
        ValueError: The architecture does not admit the image shape.

    Reference: Radford et al. 2016, "Unsupervised Representation Learning with Deep
    Convolutional GANs", section 3; Miyato and Koyama 2018, "cGANs with Projection
    Discriminator" (labels). Kernels are 4x4 as in common code, not 5x5.
    """
    z = keras.Input((latent_dim,), name="z")
    if num_classes is None:
        image = upsample(z, image_shape, filters, _batch_norm)
        return keras.Model(z, image, name=name)
    labels = keras.Input((), dtype="int32", name="labels")

    def norm_by_class(name):
        layer = ConditionalBatchNormalization(num_classes, 0.9, 1e-5, name=name)
        return lambda x: layer([x, labels])

    image = upsample(z, image_shape, filters, norm_by_class)
    return keras.Model([z, labels], image, name=name)


def dcgan_discriminator(
    image_shape,
    filters=64,
    batch_norm=True,
    spectral_norm=False,
    num_classes=None,
    name="discriminator",
):
    """Strided convolutions with LeakyReLU(0.2), then one logit.

    Args:
        image_shape: (height, width, channels), even sizes from 8 to 128.
        filters: Filters of the first layer; they double at each smaller size, up to
            512.
        batch_norm: BatchNorm in all but the first layer. Not beside a gradient
            penalty, which is defined for each sample alone.
        spectral_norm: Divide each kernel by its largest singular value.
        num_classes: Where given, the network takes labels too, and the logit adds the
            inner product of the features with an embedding of the class.
        name: Name of the network.

    Returns:
        Functional `keras.Model`, (B, H, W, C) in [-1, 1] -> float32 logits (B, 1), or
        of [images, labels].

    Raises:
        ValueError: The architecture does not admit the image shape.

    Reference: Radford et al. 2016, section 3; Miyato et al. 2018 (spectral_norm);
    Miyato and Koyama 2018, equation 9 (labels), there with features summed over
    positions.
    """
    image = keras.Input(check_image_shape(image_shape), name="image")
    features = downsample(image, image_shape, filters, batch_norm, spectral_norm)
    if num_classes is None:
        inputs, logits = image, logit_head(features, spectral_norm)
    else:
        labels = keras.Input((), dtype="int32", name="labels")
        inputs = [image, labels]
        head = ProjectionHead(num_classes, spectral_norm, name="logit")
        logits = head([features, labels])
    logits = layers.Activation("linear", dtype="float32", name="float32_logit")(logits)
    return keras.Model(inputs, logits, name=name)


def upsample(z, image_shape, filters, norm):
    """The layers of `dcgan_generator`.

    Args:
        z: Symbolic (B, latent_dim).
        image_shape: (height, width, channels).
        filters: See `dcgan_generator`.
        norm: Function of a name that returns a normalization of one tensor.

    Returns:
        Symbolic float32 (B, H, W, C) in [-1, 1].
    """
    height, width, channels = check_image_shape(image_shape)
    halvings = count_halvings(image_shape)
    widths = [min(filters * 2**i, MAX_FILTERS) for i in reversed(range(halvings))]
    base = (height >> halvings, width >> halvings, widths[0])
    x = layers.Dense(
        base[0] * base[1] * base[2],
        use_bias=False,
        kernel_initializer=_initializer(),
        name="project",
    )(z)
    x = layers.Reshape(base, name="reshape")(x)
    x = norm("project_norm")(x)
    x = layers.ReLU(name="project_relu")(x)
    for index, units in enumerate(widths[1:], start=1):
        x = layers.Conv2DTranspose(
            units,
            KERNEL,
            strides=2,
            padding="same",
            use_bias=False,
            kernel_initializer=_initializer(),
            name=f"up_{index}",
        )(x)
        x = norm(f"up_{index}_norm")(x)
        x = layers.ReLU(name=f"up_{index}_relu")(x)
    x = layers.Conv2DTranspose(
        channels,
        KERNEL,
        strides=2,
        padding="same",
        kernel_initializer=_initializer(),
        name="to_image",
    )(x)
    return layers.Activation("tanh", dtype="float32", name="image")(x)


def downsample(image, image_shape, filters, batch_norm, spectral_norm):
    """The layers of `dcgan_discriminator` before its head.

    Args:
        image: Symbolic (B, H, W, ...).
        image_shape: (height, width, channels).
        filters: See `dcgan_discriminator`.
        batch_norm: See `dcgan_discriminator`.
        spectral_norm: See `dcgan_discriminator`.

    Returns:
        Symbolic features (B, D).
    """
    x = image
    for index in range(count_halvings(image_shape)):
        has_norm = batch_norm and index > 0
        convolution = layers.Conv2D(
            min(filters * 2**index, MAX_FILTERS),
            KERNEL,
            strides=2,
            padding="same",
            use_bias=not has_norm,
            kernel_initializer=_initializer(),
            name=f"down_{index}",
        )
        x = _wrap(convolution, spectral_norm)(x)
        if has_norm:
            x = _batch_norm(f"down_{index}_norm")(x)
        x = layers.LeakyReLU(negative_slope=0.2, name=f"down_{index}_relu")(x)
    return layers.Flatten(name="flatten")(x)


def logit_head(features, spectral_norm, units=1, name="logit"):
    """Logits (B, units) of features (B, D), both symbolic."""
    dense = layers.Dense(units, kernel_initializer=_initializer(), name=name)
    return _wrap(dense, spectral_norm)(features)


def _wrap(layer, spectral_norm):
    if not spectral_norm:
        return layer
    return SpectralNormalization(layer, name=f"{layer.name}_sn")


def _batch_norm(name):
    return layers.BatchNormalization(momentum=0.9, epsilon=1e-5, name=name)


def _initializer():
    return keras.initializers.RandomNormal(stddev=0.02)
