"""Named datasets: one table of loaders, and the function that reads it."""

from kerasgen.datasets import cifar10, digits, fashion_mnist, mixtures, mnist
from kerasgen.datasets.array_dataset import ArrayDataset
from kerasgen.datasets.folder import load_folder
from kerasgen.datasets.splits import names_in, read_split
from kerasgen.datasets.tfds_stream import load_tfds

FOLDER_PREFIX = "folder:"
TFDS_PREFIX = "tfds:"

# A loader takes a split name ("train" or "test") and `data_dir`, and returns a `Split`.
LOADERS = {
    "cifar10": cifar10.load_split,
    "digits": digits.load_split,
    "fashion_mnist": fashion_mnist.load_split,
    "gaussian_grid": mixtures.load_grid,
    "gaussian_ring": mixtures.load_ring,
    "mnist": mnist.load_split,
}
# Of these, the ones that TensorFlow Datasets can also be asked for sample by sample.
STREAMED = {"cifar10": cifar10, "fashion_mnist": fashion_mnist, "mnist": mnist}


def load(
    name,
    split="train",
    batch_size=64,
    seed=0,
    shuffle=None,
    augment=None,
    data_dir=None,
    drop_remainder=False,
    stream=False,
):
    """Loads a dataset by its name.

    Args:
        name: "digits" (8x8 grey, inside scikit-learn), "fashion_mnist" (28x28 grey,
            from idx files on disk or TensorFlow Datasets), "mnist" (28x28 grey) and
            "cifar10" (32x32 RGB) from TensorFlow Datasets, "gaussian_ring" and
            "gaussian_grid" (points in the plane); "folder:PATH" for images of one
            size, or "tfds:NAME" for those of any dataset that TensorFlow Datasets has
            prepared on disk, always read batch by batch; `load_folder` and `load_tfds`
            also resize them.
        split: "train" or "test", a slice of one as TensorFlow Datasets writes it,
            such as "train[:1000]" or "train[90%:]", or several joined by "+".
        batch_size: Samples per batch; `None` for 64.
        seed: Integer in [0, 2**32): seed of the order.
        shuffle: Whether each epoch has an order of its own. `None`: where `split`
            names "train".
        augment: Layer or callable for the batches: see
            `kerasgen.datasets.Augmentation`.
        data_dir: Folder of downloaded files, for the datasets that need them.
        drop_remainder: Whether to leave out a last batch smaller than `batch_size`.
        stream: Whether to read each batch from disk when its turn comes, rather than
            the whole into memory: "folder:PATH", "cifar10", "fashion_mnist" and
            "mnist", the latter from TensorFlow Datasets alone, in its order.

    Returns:
        `ArrayDataset` of uint8 images, or float32 vectors.

    Raises:
        ValueError: If `name` or `split` does not exist, or another argument does not
            fit.
        FileNotFoundError: If the files are neither on disk nor to be downloaded.

    Example:
    >>> data = load("digits", split="train[:1000]", batch_size=100)
    >>> data.image_shape, data.num_classes, len(data)
    ((8, 8, 1), 10, 10)
    """
    batch_size = 64 if batch_size is None else batch_size
    options = {
        "split": split,
        "batch_size": batch_size,
        "seed": seed,
        "shuffle": shuffle,
        "augment": augment,
        "drop_remainder": drop_remainder,
    }
    if str(name).startswith(FOLDER_PREFIX):
        path = str(name).removeprefix(FOLDER_PREFIX)
        return load_folder(path, stream=stream, **options)
    if str(name).startswith(TFDS_PREFIX):
        return load_tfds(
            str(name).removeprefix(TFDS_PREFIX), data_dir=data_dir, **options
        )
    if name not in LOADERS:
        raise ValueError(
            f"Expected a dataset among {', '.join(sorted(LOADERS))}, folder:PATH or "
            f"tfds:NAME. Received: name={name!r}"
        )
    if stream:
        if name not in STREAMED:
            raise ValueError(
                f"Expected a dataset among {', '.join(sorted(STREAMED))}, folder:PATH "
                f"or tfds:NAME to read batch by batch. Received: name={name!r}"
            )
        return load_tfds(name, data_dir=data_dir, url=STREAMED[name].URL, **options)
    data = read_split(split, lambda part: LOADERS[name](part, data_dir))
    return ArrayDataset(
        data.images,
        labels=data.labels,
        batch_size=batch_size,
        shuffle="train" in names_in(split) if shuffle is None else shuffle,
        seed=seed,
        augment=augment,
        drop_remainder=drop_remainder,
        name=name,
        split=split,
        num_classes=data.num_classes,
        class_names=data.class_names,
        centers=data.centers,
        std=data.std,
    )
