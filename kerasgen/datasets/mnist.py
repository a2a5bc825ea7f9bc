"""MNIST: 70,000 handwritten digits of 28x28 pixels."""

from kerasgen.datasets.tfds_source import read_tfds

URL = "https://storage.googleapis.com/cvdf-datasets/mnist/train-images-idx3-ubyte.gz"


def load_split(split, data_dir=None):
    """Returns one split of MNIST from TensorFlow Datasets.

    Args:
        split: "train" (60,000) or "test" (10,000).
        data_dir: TFDS's `data_dir`, or `None`.

    Returns:
        `Split` with uint8 images of shape (num_samples, 28, 28, 1).

    Raises:
        FileNotFoundError: If it is not on disk and cannot be downloaded.

    Reference:
        Y. LeCun et al., "Gradient-Based Learning Applied to Document Recognition",
        Proceedings of the IEEE 86(11), 1998.
    """
    class_names = [str(digit) for digit in range(10)]
    return read_tfds("mnist", split, data_dir, URL, class_names)
