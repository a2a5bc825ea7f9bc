"""`load`: names, splits, where files are looked for, and what is imported."""

import gzip
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from kerasgen.datasets import LOADERS, fashion_mnist, load

NO_TENSORFLOW_SCRIPT = """
import sys
import numpy as np
from PIL import Image
from kerasgen.datasets import load, load_folder
load("digits")[0]
load("gaussian_ring")[0]
load("gaussian_grid", split="test")[0]
load("fashion_mnist", data_dir=sys.argv[1])[0]
load(f"folder:{sys.argv[2]}")[0]
assert "tensorflow" not in sys.modules
assert "tensorflow_datasets" not in sys.modules
"""


def write_fashion_mnist(folder):
    """Idx files of the right sizes, all of whose pixels are their sample's number."""
    folder.mkdir(parents=True, exist_ok=True)
    for prefix, size in fashion_mnist.PREFIXES.values():
        numbers = (np.arange(size) % 256).astype(np.uint8)
        for kind, array in (
            ("images-idx3", np.broadcast_to(numbers[:, None, None], (size, 28, 28))),
            ("labels-idx1", numbers % 10),
        ):
            header = bytes([0, 0, 8, array.ndim])
            header += np.array(array.shape, ">u4").tobytes()
            data = gzip.compress(header + array.tobytes(), compresslevel=1)
            (folder / f"{prefix}-{kind}-ubyte.gz").write_bytes(data)


@pytest.fixture(scope="module")
def fake_fashion_mnist(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data") / "fashion-mnist"
    write_fashion_mnist(folder)
    return folder


def test_digits_are_the_scans_of_scikit_learn():
    scans = load_digits()
    train, test = load("digits"), load("digits", split="test")
    assert (train.num_samples, test.num_samples) == (1437, 360)
    images = np.concatenate([train.images, test.images])
    assert images.dtype == np.uint8 and images.shape == (1797, 8, 8, 1)
    assert images.min() == 0 and images.max() == 255
    np.testing.assert_array_equal(np.round(images[..., 0] * 16.0 / 255), scans.images)
    exact = scans.images * 255 / 16
    assert np.abs(images[..., 0] - exact).max() <= 0.5
    labels = np.concatenate([train.labels, test.labels])
    np.testing.assert_array_equal(labels, scans.target)
    assert labels.dtype == np.int32
    assert train.num_classes == 10 and train.class_names[3] == "3"
    assert np.bincount(test.labels).min() >= 30


def test_defaults():
    train = load("digits", batch_size=None)
    assert train.batch_size == 64 and train.shuffle
    assert (train.name, train.split) == ("digits", "train")
    assert not load("digits", split="test").shuffle
    assert load("digits", split="test", shuffle=True).shuffle
    part = load(
        "digits", split="train[:100]", batch_size=7, seed=3, drop_remainder=True
    )
    assert (part.num_samples, len(part), part.seed) == (100, 14, 3)
    assert part.split == "train[:100]" and part.shuffle


def test_augment_is_handed_on():
    data = load("digits", shuffle=False, augment=keras.layers.Rescaling(-1.0, 255.0))
    np.testing.assert_array_equal(data[0][0], 255 - data.images[:64])


def test_real_fashion_mnist():
    if not fashion_mnist.DEBIAN_FOLDER.is_dir():
        pytest.skip("Fashion-MNIST's idx files are not installed here")
    train, test = load("fashion_mnist"), load("fashion_mnist", split="test")
    assert train.images.shape == (60_000, 28, 28, 1)
    assert test.images.shape == (10_000, 28, 28, 1)
    assert np.bincount(train.labels).tolist() == [6000] * 10
    assert np.bincount(test.labels).tolist() == [1000] * 10
    # The mean and deviation that the dataset is known by.
    assert abs(train.images.mean() / 255 - 0.2860) < 1e-4
    assert abs(train.images.std() / 255 - 0.3530) < 1e-4
    assert [train.class_names[label] for label in train.labels[:2]] == [
        "Ankle boot",
        "T-shirt/top",
    ]


@pytest.mark.parametrize("place", ["data_dir", "environment", "below environment"])
def test_fashion_mnist_is_found_in_the_users_folders(
    fake_fashion_mnist, monkeypatch, place
):
    monkeypatch.delenv("KERASGEN_DATA", raising=False)
    data_dir = None
    if place == "data_dir":
        data_dir = fake_fashion_mnist
    elif place == "environment":
        monkeypatch.setenv("KERASGEN_DATA", str(fake_fashion_mnist))
    else:
        monkeypatch.setenv("KERASGEN_DATA", str(fake_fashion_mnist.parent))
    data = load("fashion_mnist", split="test[300:302]", data_dir=data_dir)
    assert data.images[:, 5, 5, 0].tolist() == [44, 45]
    assert data.labels.tolist() == [4, 5]
    assert data.class_names[4] == "Coat"


def test_uncompressed_idx_files_are_read(fake_fashion_mnist, tmp_path):
    for path in fake_fashion_mnist.glob("t10k*"):
        (tmp_path / path.stem).write_bytes(gzip.decompress(path.read_bytes()))
    data = load("fashion_mnist", split="test[:3]", data_dir=tmp_path)
    assert data.images[:, 0, 0, 0].tolist() == [0, 1, 2]


def test_truncated_download_is_an_error_not_a_fallback(fake_fashion_mnist, tmp_path):
    for path in fake_fashion_mnist.glob("t10k*"):
        data = path.read_bytes()
        (tmp_path / path.name).write_bytes(data[: len(data) // 2])
    with pytest.raises(ValueError, match="Expected a whole gzip file"):
        load("fashion_mnist", split="test", data_dir=tmp_path)


@pytest.mark.parametrize("name", ["fashion-mnist", "DIGITS", "", "../digits", None, 3])
def test_unknown_names(name):
    with pytest.raises(ValueError, match="among cifar10, digits") as error:
        load(name)
    assert str(error.value).endswith(f"Received: name={name!r}")
    assert all(known in str(error.value) for known in LOADERS)


@pytest.mark.parametrize("name", LOADERS)
def test_unknown_splits_before_anything_is_read(name):
    with pytest.raises(ValueError, match="among train, test"):
        load(name, split="validation")


def test_folders_by_name(tmp_path):
    for index in range(3):
        pixels = np.full((4, 6, 3), 80 * index, np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{index}.png")
    data = load(f"folder:{tmp_path}", split="train[1:]", batch_size=2, shuffle=False)
    assert data.images.shape == (2, 4, 6, 3)
    assert data[0][0][:, 0, 0, 0].tolist() == [80, 160]


def test_data_without_tfds_import_no_tensorflow(fake_fashion_mnist, tmp_path):
    backend = keras.backend.backend()
    if backend == "tensorflow":
        pytest.skip("TensorFlow is the backend here")
    Image.fromarray(np.zeros((4, 4, 3), np.uint8)).save(tmp_path / "a.png")
    root = Path(fashion_mnist.__file__).parents[2]
    subprocess.run(
        [sys.executable, "-c", NO_TENSORFLOW_SCRIPT, fake_fashion_mnist, tmp_path],
        env={**os.environ, "KERAS_BACKEND": backend, "PYTHONPATH": str(root)},
        check=True,
    )
