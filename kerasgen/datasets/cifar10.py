"""CIFAR-10: 60,000 colour photographs of 32x32 pixels in ten classes."""

from kerasgen.datasets.tfds_source import read_tfds

URL = "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz"
CLASS_NAMES = "airplane automobile bird cat deer dog frog horse ship truck".split()


def load_split(split, data_dir=None):
    """Returns one split of CIFAR-10 from TensorFlow Datasets.

    Args:
        split: "train" (50,000) or "test" (10,000).
        data_dir: TFDS's `data_dir`, or `None`.

    Returns:
        `Split` with uint8 images of shape (num_samples, 32, 32, 3).

    Raises:
        FileNotFoundError: If it is not on disk and cannot be downloaded.

    Reference:
        A. Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009.
    """
    return read_tfds("cifar10", split, data_dir, URL, CLASS_NAMES)
