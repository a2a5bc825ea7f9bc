"""Features and accuracy of a classifier that the caller hands in."""

import math

import keras
import numpy as np
from keras import ops

_FEATURES = "features"


def extract_features(model, images, batch_size=256):
    """Features of images: the output of a model's layer named `features`.

    Args:
        model: Functional `keras.Model` on images in the model domain, with a layer
            named `features` whose output has shape (B, D), as built by
            `kerasgen.networks.classifier`.
        images: uint8 array (N, H, W, C) in [0, 255], N at least 1.
        batch_size: Images in one forward pass.

    Returns:
        A float32 numpy array (N, D).

    Raises:
        TypeError: If `images` is not uint8.
        ValueError: If the images do not fit the model, or the model has no such layer.

    Example:

    >>> import numpy as np
    >>> from kerasgen import metrics, networks
    >>> model = networks.classifier((8, 8, 1), num_classes=10, feature_dim=64)
    >>> images = np.zeros((5, 8, 8, 1), "uint8")
    >>> metrics.extract_features(model, images).shape
    (5, 64)
    """
    names = [layer.name for layer in model.layers]
    if _FEATURES not in names:
        raise ValueError(
            f"model must have a layer named {_FEATURES!r}. Received: layers {names}"
        )
    output = model.get_layer(_FEATURES).output
    if len(output.shape) != 2:
        raise ValueError(
            f"The layer {_FEATURES!r} must have an output of shape (B, D). "
            f"Received: shape={output.shape}"
        )
    return _predict(keras.Model(model.input, output), images, batch_size)


def accuracy(model, images, labels, batch_size=256):
    """Fraction of images whose largest logit is that of their label.

    Args:
        model: `keras.Model` from images in the model domain to logits (B, num_classes).
        images: uint8 array (N, H, W, C) in [0, 255], N at least 1.
        labels: Integer array (N,) in [0, num_classes).
        batch_size: Images in one forward pass.

    Returns:
        A Python float in [0, 1].

    Raises:
        TypeError: If `images` is not uint8 or `labels` are not integers.
        ValueError: If the images do not fit the model, or the labels do not fit both.

    Example:

    >>> import numpy as np
    >>> from kerasgen import metrics, networks
    >>> model = networks.classifier((8, 8, 1), num_classes=1)
    >>> metrics.accuracy(model, np.zeros((5, 8, 8, 1), "uint8"), np.zeros(5, "int64"))
    1.0
    """
    labels = np.asarray(labels)
    if labels.dtype.kind not in "iu":
        raise TypeError(f"labels must be integers. Received: dtype={labels.dtype}")
    if labels.shape != np.shape(images)[:1]:
        raise ValueError(
            "labels must have shape (N,), one for each image. Received: "
            f"labels.shape={labels.shape}, images.shape={np.shape(images)}"
        )
    num_classes = model.output_shape[-1]
    if labels.size and not 0 <= labels.min() <= labels.max() < num_classes:
        raise ValueError(
            f"labels must be in [0, {num_classes}). "
            f"Received: labels from {labels.min()} to {labels.max()}"
        )
    logits = _predict(model, images, batch_size)
    return float(np.mean(logits.argmax(axis=-1) == labels))


def _predict(model, images, batch_size):
    """Outputs of the model in inference mode, float32.

    `model.predict` would compile a second time for a smaller last batch, and start a
    data pipeline for each call: the last batch is filled up instead.
    """
    images = np.asarray(images)
    if images.dtype != np.uint8:
        raise TypeError(
            "images must be uint8 in [0, 255], the data domain. "
            f"Received: dtype={images.dtype}"
        )
    if images.ndim != 4 or images.shape[1:] != model.input_shape[1:] or not len(images):
        raise ValueError(
            f"images must have shape (N, *{model.input_shape[1:]}) with N at least 1. "
            f"Received: shape={images.shape}"
        )
    if batch_size < 1:
        raise ValueError(
            f"batch_size must be at least 1. Received: batch_size={batch_size}"
        )
    batch_size = min(batch_size, len(images))
    outputs = []
    for batch in range(math.ceil(len(images) / batch_size)):
        x = images[batch * batch_size : (batch + 1) * batch_size]
        num = len(x)
        x = np.pad(x, [(0, batch_size - num)] + [(0, 0)] * 3)
        y = model.predict_on_batch(x.astype("float32") / 127.5 - 1.0)
        outputs.append(ops.convert_to_numpy(y)[:num].astype("float32"))
    return np.concatenate(outputs)
