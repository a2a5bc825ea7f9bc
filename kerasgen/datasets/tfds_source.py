"""Reader of named datasets through TensorFlow Datasets."""

import contextlib
import urllib.error
import urllib.request

import keras
import numpy as np

from kerasgen.datasets.splits import Split

CONNECT_SECONDS = 15
READ_BATCH = 1024


def read_tfds(name, split, data_dir, url, class_names, other_sources=""):
    """Reads one split of a TFDS image classification dataset into memory.

    The dataset is downloaded and prepared on first use. TFDS writes its samples in
    a shuffled order of its own, so a slice holds other samples than the same slice of
    the original files.

    Args:
        name: Name in the TFDS catalogue.
        split: Split name.
        data_dir: TFDS's `data_dir`; `None` for its default, `~/tensorflow_datasets`.
        url: Where TFDS downloads the dataset from. It is tried before TFDS is asked
            to download, since TFDS retries for minutes without a network.
        class_names: List of the names of the classes.
        other_sources: Sentence for the error message: where else the files may lie.

    Returns:
        `Split` with uint8 images of shape (num_samples, height, width, channels).

    Raises:
        FileNotFoundError: If the dataset is not on disk and cannot be downloaded.
    """
    import tensorflow_datasets as tfds  # noqa: TID253

    builder = prepared_builder(name, data_dir, url, other_sources)
    batches = builder.as_dataset(
        split=split,
        batch_size=READ_BATCH,
        shuffle_files=False,
        as_supervised=True,
        # One file after the other, so that slices mean what they mean to TFDS.
        read_config=tfds.ReadConfig(interleave_cycle_length=1),
    )
    images, labels = zip(*tfds.as_numpy(batches), strict=True)
    return Split(
        images=np.concatenate(images),
        labels=np.concatenate(labels).astype(np.int32),
        num_classes=len(class_names),
        class_names=class_names,
    )


def prepared_builder(name, data_dir, url, other_sources=""):
    """The TFDS builder of a dataset, downloaded and prepared on first use.

    Args:
        name: As in `read_tfds`.
        data_dir: As in `read_tfds`.
        url: As in `read_tfds`.
        other_sources: As in `read_tfds`.

    Returns:
        `tfds.core.DatasetBuilder`.

    Raises:
        FileNotFoundError: If the dataset is not on disk and cannot be downloaded.
    """
    builder = _catalogue_builder(name, data_dir)
    if not builder.is_prepared():
        try:
            _connect(url)
            builder.download_and_prepare()
        except OSError as error:
            raise FileNotFoundError(
                f"Expected {name} prepared by TensorFlow Datasets in "
                f"{builder.data_path}, or a connection to {url} to download it. "
                f"{other_sources}Without a network, run `import tensorflow_datasets "
                f"as tfds; tfds.load({name!r})` on a machine that has one, copy its "
                "folder ~/tensorflow_datasets and pass that as `data_dir`. "
                f"Received: {error}"
            ) from error
    return builder


def found_builder(name, data_dir):
    """The TFDS builder of a dataset that is prepared on disk.

    Args:
        name: As in `read_tfds`.
        data_dir: As in `read_tfds`.

    Returns:
        `tfds.core.DatasetBuilder`.

    Raises:
        ValueError: TFDS knows no such dataset.
        FileNotFoundError: It is not prepared.
    """
    import tensorflow_datasets as tfds  # noqa: TID253

    try:
        builder = _catalogue_builder(name, data_dir)
    except (tfds.core.DatasetNotFoundError, ValueError) as error:
        raise ValueError(
            "Expected a dataset that TensorFlow Datasets knows. "
            f"Received: name={name!r}"
        ) from error
    if not builder.is_prepared():
        raise FileNotFoundError(
            f"Expected {name} prepared by TensorFlow Datasets, as `tfds build {name}` "
            f"does. Received: nothing in {builder.data_path}"
        )
    return builder


def _catalogue_builder(name, data_dir):
    import tensorflow as tf  # noqa: TID253
    import tensorflow_datasets as tfds  # noqa: TID253

    if keras.backend.backend() != "tensorflow":
        # Else TensorFlow, here a file reader, would claim the accelerator's memory.
        with contextlib.suppress(RuntimeError):  # TensorFlow is in use already.
            tf.config.set_visible_devices([], "GPU")
    return tfds.builder(name, data_dir=data_dir)


def _connect(url):
    request = urllib.request.Request(url, method="HEAD")
    try:
        urllib.request.urlopen(request, timeout=CONNECT_SECONDS).close()
    except urllib.error.HTTPError:
        # The server answers; whether it has the file, TFDS will see.
        pass
