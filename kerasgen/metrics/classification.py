"""Accuracy of a classifier that the caller hands in."""

import numpy as np

from kerasgen.metrics.extractor import FeatureExtractor


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
    if np.shape(images)[1:] != model.input_shape[1:]:
        raise ValueError(
            f"images must have shape (N, *{model.input_shape[1:]}). "
            f"Received: shape={np.shape(images)}"
        )
    logits = FeatureExtractor(model)(images, batch_size).features
    return float(np.mean(logits.argmax(axis=-1) == labels))
