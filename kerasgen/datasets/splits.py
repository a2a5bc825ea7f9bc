"""Split names and slices, written as TensorFlow Datasets writes them."""

import re
from typing import Any, NamedTuple

import numpy as np

SPLIT_NAMES = ("train", "test")
_BOUND = r"(-?\d[\d_]*|-?\d+(?:\.\d+)?%)?"
_PART = re.compile(rf"(\w+)(?:\[{_BOUND}:{_BOUND}\])?")


class Split(NamedTuple):
    """What a loader returns: one split of a dataset, whole.

    Attributes:
        images: Array of shape (num_samples, ...), in the data domain.
        labels: int32 array of shape (num_samples,), or `None`.
        num_classes: Number of classes, or `None`.
        class_names: List of `num_classes` names, or `None`.
        centers: Array of shape (num_classes, num_features), the modes of a known
            mixture of Gaussians, or `None`.
        std: Their standard deviation, or `None`.
    """

    images: Any
    labels: Any = None
    num_classes: int | None = None
    class_names: list | None = None
    centers: Any = None
    std: float | None = None


def read_split(spec, load_split, names=SPLIT_NAMES):
    """Loads what a split specification asks for.

    Args:
        spec: A split name, a slice of one, or several joined by `+`: `"train"`,
            `"train[:1000]"`, `"train[90%:]"`, `"train[:-10%]+test"`. Percentages are
            rounded to the nearest sample, as TensorFlow Datasets does.
        load_split: Function from a split name to a `Split`.
        names: The split names that exist.

    Returns:
        `Split`.

    Raises:
        ValueError: If `spec` cannot be read, names no split of the dataset, reaches
            past its end or selects no sample.

    Example:
    >>> part = read_split("train[75%:]", lambda name: Split(np.arange(8)), ["train"])
    >>> part.images.tolist()
    [6, 7]
    """
    parts = [_parse(part.strip(), names, spec) for part in str(spec).split("+")]
    whole = {name: load_split(name) for name in dict.fromkeys(p[0] for p in parts)}
    slices = [
        (whole[name], _to_slice(low, high, len(whole[name].images), spec))
        for name, low, high in parts
    ]
    first = slices[0][0]
    images = _join([split.images[rows] for split, rows in slices])
    if len(images) == 0:
        raise ValueError(f"Expected at least one sample. Received: split={spec!r}")
    if first.labels is None:
        return first._replace(images=images)
    labels = _join([split.labels[rows] for split, rows in slices])
    return first._replace(images=images, labels=labels)


def names_in(spec):
    """Returns the split names in a specification that `read_split` accepted.

    Example:
    >>> names_in("train[:10%]+test")
    ['train', 'test']
    """
    return [part.split("[")[0].strip() for part in str(spec).split("+")]


def _parse(part, names, spec):
    match = _PART.fullmatch(part)
    if not match:
        raise ValueError(
            "Expected a split such as 'train', 'train[:1000]', 'train[90%:]' or "
            f"'train+test'. Received: split={spec!r}"
        )
    name, low, high = match.groups()
    if name not in names:
        raise ValueError(
            f"Expected a split among {', '.join(names)}. Received: split={spec!r}"
        )
    return name, low, high


def _to_slice(low, high, num_samples, spec):
    low, high = (
        _to_row(bound, default, num_samples, spec)
        for bound, default in ((low, 0), (high, num_samples))
    )
    return slice(low, high)


def _to_row(bound, default, num_samples, spec):
    if bound is None:
        return default
    if bound.endswith("%"):
        row = round(float(bound[:-1]) * num_samples / 100)
    else:
        row = int(bound)
    if abs(row) > num_samples:
        raise ValueError(
            f"Expected a slice within {num_samples} samples. Received: split={spec!r}"
        )
    return row + num_samples if row < 0 else row


def _join(parts):
    return parts[0] if len(parts) == 1 else np.concatenate(parts)
