"""Networks of the earlier conditional GANs, on the layers of DCGAN.

Shapes: z (B, latent_dim), image (B, H, W, C), labels int32 (B,).
"""

import keras
from keras import layers, ops

from kerasgen.networks.dcgan import downsample, logit_head, upsample
from kerasgen.networks.shapes import check_image_shape


def concatenation_generator(
    image_shape, latent_dim, num_classes, filters=64, name="generator"
):
    """DCGAN's generator of z beside the one-hot label.

    Args:
        image_shape: As in `dcgan_generator`.
        latent_dim: Size of z.
        num_classes: Number of classes.
        filters: As in `dcgan_generator`.
        name: Name of the network.

    Returns:
        Functional `keras.Model`, [z, labels] -> float32 (B, H, W, C) in [-1, 1].

    Reference: Mirza and Osindero 2014, "Conditional Generative Adversarial Nets",
    section 3.2, there of dense layers.
    """
    z = keras.Input((latent_dim,), name="z")
    labels = keras.Input((), dtype="int32", name="labels")
    joined = layers.Concatenate(name="z_and_label")([z, _one_hot(labels, num_classes)])
    image = upsample(joined, image_shape, filters, _batch_norm)
    return keras.Model([z, labels], image, name=name)


def concatenation_discriminator(
    image_shape,
    num_classes,
    filters=64,
    batch_norm=True,
    spectral_norm=False,
    name="discriminator",
):
    """DCGAN's discriminator of the image beside a plane of ones for its class.

    Args:
        image_shape: As in `dcgan_discriminator`.
        num_classes: Number of classes.
        filters: As in `dcgan_discriminator`.
        batch_norm: As in `dcgan_discriminator`.
        spectral_norm: As in `dcgan_discriminator`.
        name: Name of the network.

    Returns:
        Functional `keras.Model`, [images, labels] -> float32 logits (B, 1).

    Reference: Mirza and Osindero 2014, section 3.2, there of dense layers.
    """
    height, width, _ = check_image_shape(image_shape)
    image = keras.Input(tuple(image_shape), name="image")
    labels = keras.Input((), dtype="int32", name="labels")
    planes = layers.Reshape((1, 1, num_classes))(_one_hot(labels, num_classes))
    planes = layers.UpSampling2D((height, width), name="label_planes")(planes)
    x = layers.Concatenate(name="image_and_label")([image, planes])
    features = downsample(x, image_shape, filters, batch_norm, spectral_norm)
    logits = _float32(logit_head(features, spectral_norm))
    return keras.Model([image, labels], logits, name=name)


def classifying_discriminator(
    image_shape, num_classes, filters=64, batch_norm=True, name="discriminator"
):
    """DCGAN's discriminator with a second output, logits of the classes.

    Args:
        image_shape: As in `dcgan_discriminator`.
        num_classes: Number of classes.
        filters: As in `dcgan_discriminator`.
        batch_norm: As in `dcgan_discriminator`.
        name: Name of the network.

    Returns:
        Functional `keras.Model`, images -> [logits (B, 1), class logits
        (B, num_classes)].

    Reference: Odena et al. 2017, "Conditional Image Synthesis with Auxiliary
    Classifier GANs", section 3.
    """
    image = keras.Input(check_image_shape(image_shape), name="image")
    features = downsample(image, image_shape, filters, batch_norm, False)
    heads = [
        _float32(logit_head(features, False, units, name))
        for units, name in ((1, "logit"), (num_classes, "class_logits"))
    ]
    return keras.Model(image, heads, name=name)


def _one_hot(labels, num_classes):
    return ops.one_hot(labels, num_classes, dtype="float32")


def _float32(logits):
    return layers.Activation("linear", dtype="float32")(logits)


def _batch_norm(name):
    return layers.BatchNormalization(momentum=0.9, epsilon=1e-5, name=name)
