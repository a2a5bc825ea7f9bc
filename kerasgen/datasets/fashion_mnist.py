"""Fashion-MNIST: 70,000 garments of 28x28 pixels, from idx files or TFDS."""

import os
from pathlib import Path

import numpy as np

from kerasgen.datasets.idx import read_idx
from kerasgen.datasets.splits import Split
from kerasgen.datasets.tfds_source import read_tfds

URL = (
    "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"
    "train-images-idx3-ubyte.gz"
)
DEBIAN_FOLDER = Path("/usr/share/datasets/fashion-mnist")
CLASS_NAMES = [
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
]
PREFIXES = {"train": ("train", 60_000), "test": ("t10k", 10_000)}


def load_split(split, data_dir=None):
    """Returns one split of Fashion-MNIST.

    The original idx files (`train-images-idx3-ubyte.gz` and so on, compressed or not)
    are read where they lie in the first of: `data_dir`; the folder named by the
    environment variable `KERASGEN_DATA`, or `fashion-mnist` in it; the folder of
    Debian's package `dataset-fashion-mnist`. Otherwise TensorFlow Datasets provides
    the same images in an order of its own.

    Args:
        split: "train" (60,000) or "test" (10,000).
        data_dir: Folder of the idx files, or TFDS's `data_dir`, or `None`.

    Returns:
        `Split` with uint8 images of shape (num_samples, 28, 28, 1).

    Raises:
        ValueError: If an idx file is damaged.
        FileNotFoundError: If the data are not on disk and cannot be downloaded.

    Reference:
        H. Xiao, K. Rasul, R. Vollgraf, "Fashion-MNIST: a Novel Image Dataset for
        Benchmarking Machine Learning Algorithms", arXiv:1708.07747, 2017.
    """
    folders = search_folders(data_dir)
    for folder in folders:
        paths = [_find(folder, split, kind) for kind in ("images-idx3", "labels-idx1")]
        if None not in paths:
            return _read(paths, PREFIXES[split][1])
    return read_tfds(
        "fashion_mnist",
        split,
        data_dir,
        URL,
        CLASS_NAMES,
        other_sources=(
            "No idx files (train-images-idx3-ubyte.gz and so on) were found in "
            f"{', '.join(map(str, folders))}; on Debian and Ubuntu, `apt install "
            "dataset-fashion-mnist` puts them into the last of these. "
        ),
    )


def search_folders(data_dir=None):
    """Returns the folders in which idx files are looked for, first one first.

    Args:
        data_dir: Folder to try before the others, or `None`.

    Returns:
        List of `pathlib.Path`.
    """
    folders = [] if data_dir is None else [Path(data_dir)]
    if root := os.environ.get("KERASGEN_DATA"):
        folders += [Path(root), Path(root) / "fashion-mnist"]
    return [*folders, DEBIAN_FOLDER]


def _find(folder, split, kind):
    stem = f"{PREFIXES[split][0]}-{kind}-ubyte"
    paths = (folder / f"{stem}.gz", folder / stem)
    return next((path for path in paths if path.is_file()), None)


def _read(paths, num_samples):
    images = read_idx(paths[0], (num_samples, 28, 28))
    labels = read_idx(paths[1], (num_samples,))
    return Split(
        images=images[..., np.newaxis],
        labels=labels.astype(np.int32),
        num_classes=len(CLASS_NAMES),
        class_names=CLASS_NAMES,
    )
