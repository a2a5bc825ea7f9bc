"""The same images behind every adapter, for `input_pipeline`."""

import h5py
import keras
import numpy as np
from PIL import Image

from kerasgen import datasets
from kerasgen.datasets import mapped_file
from kerasgen.models.training_data import make_training_feed

BATCH_SIZE = 64


class Batches(keras.utils.PyDataset):
    """A user's own dataset: batches of an array, shuffled."""

    def __init__(self, images, batch_size):
        super().__init__()
        order = np.random.default_rng(0).permutation(len(images))
        self.images, self.order, self.batch_size = images, order, batch_size

    def __len__(self):
        return len(self.images) // self.batch_size

    def __getitem__(self, index):
        start = index * self.batch_size
        return self.images[self.order[start : start + self.batch_size]]


def feed_of(model, source):
    """The feed of `fit` on a source."""
    return make_training_feed(model, source, None, None, True, None, None, False)


def map_larger_than_memory(path, shape):
    """Black images in a mapped file, half as large again as the memory.

    The file is sparse: it takes no place on the disk.

    Args:
        path: Of the new file, ending in .npy.
        shape: Of an image.

    Returns:
        uint8 `np.memmap` (N, *shape), and the GB of file and memory as a dict.
    """
    total = mapped_file.memory_bytes()
    num_images = int(1.5 * total) // int(np.prod(shape))
    np.lib.format.open_memmap(path, "w+", np.uint8, (num_images, *shape)).flush()
    images = np.load(path, mmap_mode="r")
    sizes = {"file_gb": images.nbytes, "memory_gb": total}
    return images, {name: round(size / 1e9, 1) for name, size in sizes.items()}


def make_sources(images, batch_size, folder):
    """Dict of adapter name to what `fit` takes; each gives the same images.

    Args:
        images: uint8 (N, H, W, 1), N a multiple of the batch size.
        batch_size: Samples a batch.
        folder: `pathlib.Path` of an empty folder for files.
    """
    import tensorflow as tf
    import torch

    np.save(folder / "images.npy", images)
    with h5py.File(folder / "images.h5", "w") as file:
        file.create_dataset("images", data=images)
    pictures = folder / "pictures"
    pictures.mkdir()
    for number, image in enumerate(images):
        Image.fromarray(image[..., 0]).save(pictures / f"{number:06}.png")
    write_tfds(images, folder / "tfds")
    options = {"batch_size": batch_size, "seed": 0}
    tf_dataset = tf.data.Dataset.from_tensor_slices(images).shuffle(len(images))
    loader = torch.utils.data.DataLoader(
        torch.from_numpy(images), batch_size=batch_size, shuffle=True
    )
    return {
        "array": datasets.ArrayDataset(images, **options),
        "memmap": datasets.ArrayDataset(
            np.load(folder / "images.npy", mmap_mode="r"), **options
        ),
        "h5py": datasets.ArrayDataset(
            h5py.File(folder / "images.h5")["images"], **options
        ),
        "folder, stream": datasets.load_folder(
            pictures, color_mode="grayscale", stream=True, **options
        ),
        "TFDS, stream": datasets.load(
            "tfds:mnist", data_dir=folder / "tfds", **options
        ),
        "PyDataset": Batches(images, batch_size),
        "tf.data": tf_dataset.batch(batch_size),
        "DataLoader": loader,
    }


def write_tfds(images, data_dir):
    """Writes images as TFDS would MNIST, PNG in TFRecord files.

    Args:
        images: uint8 (N, H, W, 1).
        data_dir: Folder.
    """
    import tensorflow_datasets as tfds

    data_dir.mkdir()
    features = tfds.features.FeaturesDict(
        {
            "image": tfds.features.Image(shape=images.shape[1:]),
            "label": tfds.features.ClassLabel(num_classes=10),
        }
    )

    class Mnist(tfds.core.GeneratorBasedBuilder, skip_registration=True):
        """Stands in for the real one."""

        VERSION = tfds.core.Version("3.0.1")
        pkg_dir_path = data_dir

        def _info(self):
            return self.dataset_info_from_configs(
                features=features, supervised_keys=("image", "label")
            )

        def _split_generators(self, dl_manager):
            return {"train": self._generate_examples()}

        def _generate_examples(self):
            for number, image in enumerate(images):
                yield number, {"image": image, "label": number % 10}

    tfds.disable_progress_bar()
    Mnist(data_dir=data_dir).download_and_prepare()
