"""TensorFlow Datasets as a source, without a network."""

import http.server
import threading

import numpy as np
import pytest

from kerasgen.datasets import (
    cifar10,
    fashion_mnist,
    load,
    mnist,
    movielens,
    tfds_source,
)

tfds = pytest.importorskip("tensorflow_datasets")


@pytest.fixture
def no_idx_files(monkeypatch, tmp_path):
    monkeypatch.delenv("KERASGEN_DATA", raising=False)
    monkeypatch.setattr(fashion_mnist, "DEBIAN_FOLDER", tmp_path / "absent")


@pytest.fixture
def offline(monkeypatch):
    for module in (mnist, cifar10, fashion_mnist):
        monkeypatch.setattr(module, "URL", "http://127.0.0.1:9/file")


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """A small MNIST on disk, written by TFDS in its own format."""
    data_dir = tmp_path_factory.mktemp("tfds")
    images = np.random.default_rng(0).integers(0, 256, (2100, 28, 28, 1), np.uint8)
    features = tfds.features.FeaturesDict(
        {
            "image": tfds.features.Image(shape=(28, 28, 1)),
            "label": tfds.features.ClassLabel(num_classes=10),
        }
    )

    def write(low, high):
        for index in range(low, high):
            yield index, {"image": images[index], "label": index % 10}

    class Mnist(tfds.core.GeneratorBasedBuilder, skip_registration=True):
        """Stands in for the real one."""

        VERSION = tfds.core.Version("3.0.1")
        pkg_dir_path = data_dir

        def _info(self):
            return self.dataset_info_from_configs(
                features=features, supervised_keys=("image", "label")
            )

        def _split_generators(self, dl_manager):
            return {"train": write(0, 2050), "test": write(2050, 2100)}

        def _generate_examples(self):
            raise NotImplementedError

    Mnist(data_dir=data_dir).download_and_prepare()
    return data_dir, images


def test_prepared_dataset_is_read_whole(prepared, offline):
    data_dir, images = prepared
    train = load("mnist", data_dir=data_dir)
    assert train.images.shape == (2050, 28, 28, 1) and train.images.dtype == np.uint8
    assert train.labels.dtype == np.int32 and train.num_classes == 10
    row = {image.tobytes(): index for index, image in enumerate(images)}
    rows = [row[image.tobytes()] for image in train.images]
    assert sorted(rows) == list(range(2050))
    np.testing.assert_array_equal(train.labels, np.array(rows) % 10)
    again = load("mnist", split="train[10:20]", data_dir=data_dir)
    np.testing.assert_array_equal(again.images, train.images[10:20])
    assert load("mnist", split="test", data_dir=data_dir).num_samples == 50


@pytest.mark.parametrize(
    ("name", "shape", "class_name"),
    [
        ("mnist", (28, 28, 1), "0"),
        ("fashion_mnist", (28, 28, 1), "T-shirt/top"),
        ("cifar10", (32, 32, 3), "airplane"),
    ],
)
def test_mocked_catalogue(monkeypatch, no_idx_files, tmp_path, name, shape, class_name):
    monkeypatch.setattr(tfds_source, "_connect", lambda url: None)
    with tfds.testing.mock_data(num_examples=12):
        data = load(name, split="test", data_dir=tmp_path, batch_size=5)
    assert data.images.shape == (12, *shape) and data.images.dtype == np.uint8
    assert data.labels.shape == (12,)
    assert data.num_classes == 10 and data.class_names[0] == class_name
    x, labels = data[0]
    assert x.shape == (5, *shape) and labels.shape == (5,)


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist", "cifar10"])
def test_offline_says_where_it_looked_and_what_to_do(
    offline, no_idx_files, tmp_path, name
):
    with pytest.raises(FileNotFoundError) as error:
        load(name, data_dir=tmp_path)
    message = str(error.value)
    assert str(tmp_path / name) in message and "127.0.0.1:9" in message
    assert f"tfds.load({name!r})" in message
    if name == "fashion_mnist":
        assert str(tmp_path / "absent") in message
        assert "dataset-fashion-mnist" in message
    assert "Received: " in message
    assert not list(tmp_path.rglob("*.incomplete*"))


def test_a_server_that_answers_at_all_counts_as_a_network():
    class Refuses(http.server.BaseHTTPRequestHandler):
        def do_HEAD(self):
            self.send_error(403)

        def log_message(self, *args):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Refuses) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        tfds_source._connect(f"http://127.0.0.1:{server.server_port}/")
        server.shutdown()
    with pytest.raises(OSError):
        tfds_source._connect("http://127.0.0.1:9/")


def test_class_names_are_those_of_the_catalogue(tmp_path):
    features = tfds.builder("fashion_mnist", data_dir=tmp_path).info.features
    assert features["label"].names == fashion_mnist.CLASS_NAMES


# (user, movie, rating); numbers of TFDS are strings, and leave gaps.
RATINGS = [("7", "31", 5.0), ("11", "4", 3.0), ("7", "4", 1.0), ("200", "31", 2.0)]


def test_ratings_of_the_catalogue(monkeypatch, tmp_path):
    monkeypatch.setattr(tfds_source, "_connect", lambda url: None)
    # The function's module has its name.
    monkeypatch.setitem(movielens.__globals__, "READ_BATCH", 3)

    def rows():
        for user, movie, rating in RATINGS:
            yield {"user_id": user, "movie_id": movie, "user_rating": rating}

    def as_dataset(builder, *args, **kwargs):
        import tensorflow as tf  # noqa: TID253

        assert builder.info.full_name.startswith("movielens/100k-ratings/")
        kinds = {
            key: tf.TensorSpec((), builder.info.features[key].dtype)
            for key in ("user_id", "movie_id", "user_rating")
        }
        return tf.data.Dataset.from_generator(rows, output_signature=kinds)

    with tfds.testing.mock_data(as_dataset_fn=as_dataset):
        matrix = movielens(data_dir=tmp_path)
    assert matrix.dtype == np.float32
    # Users 7, 11, 200 and movies 4, 31, in the order of their numbers.
    np.testing.assert_array_equal(matrix.toarray(), [[1, 5], [3, 0], [0, 2]])


def test_ratings_without_a_network(monkeypatch, tmp_path):
    monkeypatch.setitem(movielens.__globals__, "URL", "http://127.0.0.1:9/")
    with pytest.raises(FileNotFoundError, match="movielens/100k-ratings.*127.0.0.1:9"):
        movielens(data_dir=tmp_path)
