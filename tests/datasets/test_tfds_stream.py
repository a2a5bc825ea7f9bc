"""Datasets of TFDS sample by sample, from files that TFDS wrote and from its mocks."""

import shutil

import keras
import numpy as np
import pytest

import kerasgen
from kerasgen.callbacks import Checkpoint
from kerasgen.datasets import load, load_tfds, tfds_source
from kerasgen.datasets.tf_records import record_places
from tests.checkpoint.helpers import StopAt

tfds = pytest.importorskip("tensorflow_datasets")
pytestmark = pytest.mark.eager
NUM_TRAIN, NUM_TEST, NUM_SHARDS = 90, 10, 3


def write_mnist(data_dir, **options):
    """A small MNIST of several files in TFDS's own format."""
    images = np.random.default_rng(0).integers(0, 256, (100, 28, 28, 1), np.uint8)
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
            test = write(NUM_TRAIN, NUM_TRAIN + NUM_TEST)
            return {"train": write(0, NUM_TRAIN), "test": test}

        def _generate_examples(self):
            raise NotImplementedError

    Mnist(data_dir=data_dir, **options).download_and_prepare(
        download_config=tfds.download.DownloadConfig(num_shards=NUM_SHARDS)
    )
    return data_dir


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    return write_mnist(tmp_path_factory.mktemp("tfrecord"))


@pytest.fixture(scope="module")
def array_records(tmp_path_factory):
    folder = tmp_path_factory.mktemp("array_record")
    return write_mnist(folder, file_format="array_record")


@pytest.fixture
def mocked(monkeypatch):
    monkeypatch.setattr(tfds_source, "_connect", lambda url: None)
    with tfds.testing.mock_data(num_examples=12):
        yield


@pytest.mark.parametrize("split", ["train", "train[10%:50]+test[:3]", "test[-4:]"])
def test_batches_are_those_of_the_dataset_in_memory(data_dir, split):
    options = {"split": split, "data_dir": data_dir, "batch_size": 16, "seed": 5}
    memory, stream = load("mnist", **options), load("mnist", stream=True, **options)
    assert len(list(data_dir.rglob("*train.tfrecord*"))) == NUM_SHARDS
    assert (stream.num_samples, len(stream), stream.image_shape) == (
        memory.num_samples,
        len(memory),
        memory.image_shape,
    )
    assert (stream.shuffle, stream.num_classes) == (memory.shuffle, 10)
    assert stream.class_names == memory.class_names
    for epoch in range(2):
        for index in range(len(memory)):
            for a, b in zip(
                stream.get_batch(epoch, index),
                memory.get_batch(epoch, index),
                strict=True,
            ):
                assert a.dtype == b.dtype
                np.testing.assert_array_equal(a, b)


def test_array_records_hold_the_same_samples(data_dir, array_records):
    records, arrays = (
        load("tfds:mnist", data_dir=folder, shuffle=False, batch_size=NUM_TRAIN)[0]
        for folder in (data_dir, array_records)
    )
    assert not list(array_records.rglob("*tfrecord*"))
    # The two formats cut the shards of a split alike, in one order.
    for a, b in zip(records, arrays, strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_part_of_a_batch_is_read_alone(data_dir, monkeypatch):
    stream = load("mnist", data_dir=data_dir, stream=True, batch_size=16)
    whole = stream.get_batch(1, 2)
    read = []
    records = type(stream.images.sources[0])
    getitem = records.__getitem__
    monkeypatch.setattr(
        records, "__getitem__", lambda self, n: read.append(n) or getitem(self, n)
    )
    part = stream.get_batch(1, 2, slice(4, 8))
    assert sorted(read) == sorted(stream.order(1)[32:48][4:8])
    for a, b in zip(part, whole, strict=True):
        np.testing.assert_array_equal(a, b[4:8])
    taken = stream.take(20)
    assert taken.num_samples == 20 and taken.batch_size == 16
    np.testing.assert_array_equal(
        taken.read(np.arange(3))[1], stream.read([0, 1, 2])[1]
    )


def test_options_that_there_are_not_are_refused(data_dir):
    for name in ("labels", "class_names", "batchsize"):
        with pytest.raises(TypeError, match=name):
            load_tfds("mnist", data_dir=data_dir, **{name: 4})


def test_mocked_datasets_stream(mocked, tmp_path):
    data = load("cifar10", split="test", batch_size=5, data_dir=tmp_path, stream=True)
    assert data.num_samples == 12 and data.num_classes == 10
    x, labels = data[0]
    assert x.shape == (5, 32, 32, 3) and x.dtype == np.uint8
    assert labels.shape == (5,) and labels.dtype == np.int32
    np.testing.assert_array_equal(data.get_batch(7, 1)[0], data.get_batch(7, 1)[0])


def test_images_of_many_sizes_are_resized(mocked, tmp_path):
    with pytest.raises(ValueError, match=r"image_size.*\(None, None, 3\)"):
        load_tfds("stanford_dogs", data_dir=tmp_path, url="")
    data = load_tfds("stanford_dogs", (8, 6), data_dir=tmp_path, url="", batch_size=3)
    assert data[0][0].shape == (3, 8, 6, 3) and data.num_classes == 120
    with pytest.raises(ValueError, match="Received: image_size=0"):
        load_tfds("stanford_dogs", 0, data_dir=tmp_path, url="")


def test_datasets_without_images_are_refused(mocked, tmp_path):
    with pytest.raises(ValueError, match="Expected a dataset of images.*'text'"):
        load_tfds("imdb_reviews", data_dir=tmp_path, url="")


def test_names_that_cannot_be_streamed(tmp_path):
    for name in ("nonsense_xyz", "../x", "a b", ""):
        with pytest.raises(ValueError, match="TensorFlow Datasets knows. Received"):
            load(f"tfds:{name}", data_dir=tmp_path)
    with pytest.raises(FileNotFoundError, match="`tfds build celeb_a`"):
        load("tfds:celeb_a", data_dir=tmp_path)
    with pytest.raises(ValueError, match="mnist, folder:PATH.*name='digits'"):
        load("digits", stream=True)


def test_splits_are_those_that_the_dataset_has(data_dir):
    with pytest.raises(ValueError, match="among train, test|among test, train"):
        load("tfds:mnist", split="validation", data_dir=data_dir)


def test_a_file_that_was_cut_off_is_refused(data_dir, tmp_path):
    whole = sorted(data_dir.rglob("*train.tfrecord*"))[0]
    data = whole.read_bytes()
    places = record_places(whole)
    lengths = [length for _, length in places]
    assert sum(lengths) + 16 * len(places) == len(data)
    # Within a record, within its header, and within its checksum.
    for size in (places[3][0] + 5, places[-1][0] - 5, len(data) - 2):
        path = tmp_path / "cut"
        path.write_bytes(data[:size])
        with pytest.raises(ValueError, match=f"whole TFRecord.*{size} bytes"):
            record_places(path)
    # Cut between two records.
    damaged = shutil.copytree(data_dir, tmp_path / "damaged")
    path = sorted(damaged.rglob("*train.tfrecord*"))[1]
    path.write_bytes(data[: places[-1][0] - 12])
    with pytest.raises(ValueError, match="Expected 30 records in .*Received: "):
        load("mnist", data_dir=damaged, stream=True)


def test_augment_is_handed_on(data_dir):
    stream = load(
        "mnist",
        data_dir=data_dir,
        stream=True,
        shuffle=False,
        augment=keras.layers.Rescaling(-1.0, 255.0),
    )
    np.testing.assert_array_equal(stream[0][0], 255 - stream.images[np.arange(64)])


def test_a_run_resumes_in_the_middle_of_an_epoch(data_dir, tmp_path):
    def trained(*callbacks):
        vae = kerasgen.models.dense_vae((28, 28, 1), latent_dim=2, hidden=(4,), seed=1)
        vae.compile("adam")
        data = load("mnist", data_dir=data_dir, stream=True, batch_size=16, seed=4)
        vae.fit(data, epochs=2, callbacks=list(callbacks), verbose=0)
        return vae.get_weights()

    keras.utils.set_random_seed(0)
    expected = trained()
    keras.utils.set_random_seed(0)
    with pytest.raises(KeyboardInterrupt):
        trained(Checkpoint(tmp_path, every=1), StopAt(8))
    resumed = trained(Checkpoint(tmp_path, every=1))
    for a, b in zip(resumed, expected, strict=True):
        np.testing.assert_array_equal(a, b)
