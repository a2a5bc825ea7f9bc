"""A small convolutional classifier, whose features score generated images."""

import keras
from keras import layers

from kerasgen.arguments import check_positive_integer
from kerasgen.networks.shapes import check_image_shape

SMALLEST_STAGE = 7  # pixels; a side of at least this gets one more pair of layers


def classifier(image_shape, num_classes, width=16, feature_dim=64, name="classifier"):
    """Pairs of 3x3 convolutions with BatchNorm, then a layer of smooth features.

    The layer `features` ends in a GELU and nothing random follows it: its outputs are
    dense, as the covariances of the Fréchet distance need them to be.

    Args:
        image_shape: (height, width, channels): sizes from 8 to 128, 1 or 3 channels.
        num_classes: Number of logits, at least 1.
        width: Filters of the first pair, at least 1; they double at each smaller
            size, up to four times as many.
        feature_dim: Units of the layer `features`, at least 1.
        name: Name of the network.

    Returns:
        Functional `keras.Model`, float32 (B, H, W, C) in [-1, 1] -> float32 logits
        (B, num_classes). Its last two layers are `features`, with an output of shape
        (B, feature_dim), and `logits`.

    Raises:
        ValueError: If the image shape is not admitted or a count is not an integer of
            at least 1.

    Example:

    >>> from kerasgen.networks import classifier
    >>> model = classifier((28, 28, 1), num_classes=10)
    >>> model.output_shape, model.get_layer("features").output.shape
    ((None, 10), (None, 64))
    """
    image_shape = check_image_shape(image_shape)
    check_positive_integer("num_classes", num_classes)
    check_positive_integer("width", width)
    check_positive_integer("feature_dim", feature_dim)
    x = image = keras.Input(image_shape, name="image")
    size, filters, stage = min(image_shape[:2]), width, 0
    while size >= SMALLEST_STAGE or stage < 2:
        x = _conv(x, filters, 2 if stage else 1, f"stage_{stage}_a")
        x = _conv(x, filters, 1, f"stage_{stage}_b")
        size, filters, stage = -(-size // 2), min(2 * filters, 4 * width), stage + 1
    x = layers.AveragePooling2D(2, name="pool")(x)
    x = layers.Flatten(name="flatten")(x)
    x = layers.Dense(feature_dim, activation="gelu", name="features")(x)
    logits = layers.Dense(num_classes, dtype="float32", name="logits")(x)
    return keras.Model(image, logits, name=name)


def _conv(x, filters, strides, name):
    x = layers.Conv2D(
        filters, 3, strides=strides, padding="same", use_bias=False, name=name
    )(x)
    x = layers.BatchNormalization(momentum=0.9, name=f"{name}_norm")(x)
    return layers.ReLU(name=f"{name}_relu")(x)
