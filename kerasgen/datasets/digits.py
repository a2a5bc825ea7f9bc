"""The 8x8 handwritten digits that ship inside scikit-learn."""

import numpy as np

from kerasgen.datasets.splits import Split

NUM_TRAIN = 1437


def load_split(split, data_dir=None):
    """Returns one split of the digits; it needs neither files nor a network.

    The 1,797 scans keep the order of their source: the first 1,437 are "train", the
    last 360 "test". Ink, an integer v in [0, 16], becomes the grey level 255 v / 16,
    rounded half up.

    Args:
        split: "train" or "test".
        data_dir: Not used.

    Returns:
        `Split` with uint8 images of shape (num_samples, 8, 8, 1).

    Reference:
        E. Alpaydin, C. Kaynak, "Optical Recognition of Handwritten Digits", UCI
        Machine Learning Repository, 1998 (its test set).

    Example:
    >>> load_split("test").images.shape
    (360, 8, 8, 1)
    """
    # Importing it takes seconds, which `import kerasgen` would cost everyone.
    from sklearn.datasets import load_digits

    ink, labels = load_digits(return_X_y=True)
    images = np.floor(ink * (255 / 16) + 0.5).astype(np.uint8).reshape(-1, 8, 8, 1)
    rows = slice(NUM_TRAIN) if split == "train" else slice(NUM_TRAIN, None)
    return Split(
        images=images[rows],
        labels=labels[rows].astype(np.int32),
        num_classes=10,
        class_names=[str(digit) for digit in range(10)],
    )
