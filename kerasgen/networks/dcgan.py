"""Strided convolutional networks of DCGAN and its relatives.

Shapes: z (B, latent_dim), image (B, H, W, C). The number of stride-2 layers follows
from the image size; filters double towards the small end.
"""

import keras
from keras import layers

from kerasgen.layers.spectral_normalization import SpectralNormalization
from kerasgen.networks.shapes import check_image_shape, count_halvings

MAX_FILTERS = 512
KERNEL = 4


def dcgan_generator(image_shape, latent_dim, filters=64, name="generator"):
    """Dense layer, then transposed convolutions with BatchNorm and ReLU, then tanh.

    Args:
        image_shape: (height, width, channels), even sizes from 8 to 128.
        latent_dim: Size of z.
        filters: Filters of the last hidden layer; they double at each smaller size,
            up to 512.
        name: Name of the network.

    Returns:
        Functional `keras.Model`, (B, latent_dim) -> float32 (B, H, W, C) in [-1, 1].

    Raises:
        ValueError: The architecture does not admit the image shape.

    Reference: Radford et al. 2016, "Unsupervised Representation Learning with Deep
    Convolutional GANs", section 3. Kernels are 4x4 as in common code, not 5x5.
    """
    height, width, channels = check_image_shape(image_shape)
    halvings = count_halvings(image_shape)
    widths = [min(filters * 2**i, MAX_FILTERS) for i in reversed(range(halvings))]
    base = (height >> halvings, width >> halvings, widths[0])
    x = z = keras.Input((latent_dim,), name="z")
    x = layers.Dense(
        base[0] * base[1] * base[2],
        use_bias=False,
        kernel_initializer=_initializer(),
        name="project",
    )(x)
    x = layers.Reshape(base, name="reshape")(x)
    x = _batch_norm("project_norm")(x)
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
        x = _batch_norm(f"up_{index}_norm")(x)
        x = layers.ReLU(name=f"up_{index}_relu")(x)
    x = layers.Conv2DTranspose(
        channels,
        KERNEL,
        strides=2,
        padding="same",
        kernel_initializer=_initializer(),
        name="to_image",
    )(x)
    x = layers.Activation("tanh", dtype="float32", name="image")(x)
    return keras.Model(z, x, name=name)


def dcgan_discriminator(
    image_shape,
    filters=64,
    batch_norm=True,
    spectral_norm=False,
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
        name: Name of the network.

    Returns:
        Functional `keras.Model`, (B, H, W, C) in [-1, 1] -> float32 logits (B, 1).

    Raises:
        ValueError: The architecture does not admit the image shape.

    Reference: Radford et al. 2016, section 3; Miyato et al. 2018 (spectral_norm).
    """
    check_image_shape(image_shape)
    halvings = count_halvings(image_shape)
    wrap = SpectralNormalization if spectral_norm else lambda layer, name: layer
    x = image = keras.Input(tuple(image_shape), name="image")
    for index in range(halvings):
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
        x = wrap(convolution, name=f"down_{index}_sn")(x)
        if has_norm:
            x = _batch_norm(f"down_{index}_norm")(x)
        x = layers.LeakyReLU(negative_slope=0.2, name=f"down_{index}_relu")(x)
    x = layers.Flatten(name="flatten")(x)
    dense = layers.Dense(1, kernel_initializer=_initializer(), name="logit")
    x = wrap(dense, name="logit_sn")(x)
    x = layers.Activation("linear", dtype="float32", name="float32_logit")(x)
    return keras.Model(image, x, name=name)


def _batch_norm(name):
    return layers.BatchNormalization(momentum=0.9, epsilon=1e-5, name=name)


def _initializer():
    return keras.initializers.RandomNormal(stddev=0.02)
