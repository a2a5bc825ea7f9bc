"""Arrays on disk in `fit`: not loaded, and trained on as those in memory; shares."""

import keras
import numpy as np
import pytest
from PIL import Image

import kerasgen
from kerasgen.callbacks import Checkpoint
from kerasgen.datasets import ArrayDataset, load_folder
from kerasgen.models import inputs
from kerasgen.models.feed import Feed
from kerasgen.models.sources import make_source
from tests.checkpoint.helpers import StopAt

SHAPE = (8, 8, 1)
IMAGES = np.random.RandomState(0).randint(0, 256, (40, *SHAPE)).astype("uint8")


class OnDisk:
    """An array-like that counts the rows that it reads at once."""

    def __init__(self, array):
        self.array = array
        self.shape = array.shape
        self.dtype = array.dtype
        self.counts = []

    def __getitem__(self, rows):
        part = self.array[rows]
        self.counts.append(len(part))
        return part


def make_vae():
    keras.utils.set_random_seed(0)
    vae = kerasgen.models.dense_vae(SHAPE, latent_dim=2, hidden=(8,), seed=1)
    vae.compile(keras.optimizers.Adam(1e-2))
    return vae


def fitted(x, callbacks=(), model=None, **options):
    model = model or make_vae()
    options = {"epochs": 2, "verbose": 0, **options}
    history = model.fit(x, callbacks=list(callbacks), **options).history
    return [np.array(w) for w in model.get_weights()], history


def assert_same(a, b):
    for left, right in zip(a[0], b[0], strict=True):
        np.testing.assert_array_equal(left, right)
    assert a[1] == b[1]


KINDS = {
    "uint8": (IMAGES, None),
    "float32": ((IMAGES / 127.5 - 1.0).astype("float32"), None),
    "float64 in a range": (IMAGES / 255.0, (0, 1)),
}


@pytest.mark.parametrize(
    "kind",
    [
        "uint8",
        # Dtypes are our own code's matter, and each compiles anew.
        pytest.param("float32", marks=pytest.mark.eager),
        pytest.param("float64 in a range", marks=pytest.mark.eager),
    ],
)
def test_an_array_on_disk_trains_as_one_in_memory_and_is_not_loaded(
    kind, tmp_path, monkeypatch
):
    x, value_range = KINDS[kind]
    # Ten rows a block.
    monkeypatch.setattr(inputs, "SCAN_BYTES", 10 * x[0].nbytes)
    options = {"batch_size": 8, "value_range": value_range, "validation_split": 0.2}
    expected = fitted(x, **options)
    np.save(tmp_path / "x.npy", x)
    assert_same(fitted(np.load(tmp_path / "x.npy", mmap_mode="r"), **options), expected)
    disk = OnDisk(x)
    assert_same(fitted(disk, **options), expected)
    assert max(disk.counts) <= (8 if kind == "uint8" else 10)


@pytest.mark.eager
def test_a_dataset_on_disk_trains_as_one_in_memory():
    disk, memory = (
        ArrayDataset(x, batch_size=8, seed=1) for x in (OnDisk(IMAGES), IMAGES)
    )
    assert_same(fitted(disk), fitted(memory))


@pytest.mark.eager
def test_the_memory_of_a_mapped_file_is_not_copied(tmp_path):
    np.save(tmp_path / "x.npy", KINDS["float32"][0])
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    spec = make_vae().data_spec()
    source = make_source(mapped, None, 8, 0, True, spec)
    assert np.shares_memory(source.dataset.images.samples, mapped)


@pytest.mark.eager
def test_a_bad_value_on_disk_is_found_before_training(monkeypatch):
    monkeypatch.setattr(inputs, "SCAN_BYTES", 10 * 8 * 8 * 4)
    x = KINDS["float32"][0].copy()
    x[33, 4, 5] = np.nan
    disk = OnDisk(x)
    with pytest.raises(ValueError, match="in sample 33"):
        make_vae().fit(disk, verbose=0)
    assert max(disk.counts) == 10
    with pytest.raises(ValueError, match=r"in \[0, 1\]"):
        make_vae().fit(OnDisk(IMAGES / np.float32(255)), verbose=0)
    with pytest.raises(ValueError, match=r"shape=\(40, 8, 7, 1\)"):
        make_vae().fit(OnDisk(IMAGES[:, :, :7]), verbose=0)


@pytest.mark.parametrize("kind", ["mapped", "folder"])
def test_a_run_on_disk_resumes_in_the_middle_of_an_epoch(kind, tmp_path):
    if kind == "mapped":
        np.save(tmp_path / "x.npy", IMAGES)
        x, options = np.load(tmp_path / "x.npy", mmap_mode="r"), {"batch_size": 8}
    else:
        for index, image in enumerate(IMAGES):
            Image.fromarray(image[..., 0]).save(tmp_path / f"{index:02}.png")
        options = {}
        x = load_folder(
            tmp_path, color_mode="grayscale", batch_size=8, seed=3, stream=True
        )
    expected = fitted(x, **options)
    run = tmp_path / "run"
    # Five steps an epoch; what was read ahead of the third is read again.
    with pytest.raises(KeyboardInterrupt):
        fitted(x, [Checkpoint(run, every=1), StopAt(3)], **options)
    resumed = fitted(x, [Checkpoint(run, every=1)], **options)
    assert_same(resumed, expected)


@pytest.mark.eager
@pytest.mark.parametrize("k", [1, 3])
@pytest.mark.parametrize("kind", ["array", "dataset", "batches"])
def test_processes_read_their_rows_of_each_global_batch_and_no_others(kind, k):
    spec = make_vae().data_spec()
    # Batches of 12; the last step of an epoch has unequal ones.
    parts = [IMAGES[i : i + 12] for i in range(0, 40, 12)]

    def steps(disk, **options):
        if kind == "batches":
            source = make_source((p for p in parts), None, None, 1, True, spec)
        elif kind == "dataset":
            source = make_source(
                ArrayDataset(disk, batch_size=12, seed=1), None, None, 1, True, spec
            )
        else:
            source = make_source(disk, None, 12, 1, True, spec)
        feed = Feed(source, k, **options)
        disk.counts.clear()
        feed.epoch = 1
        return [step.shares for step in feed.steps()], feed.settings()

    whole, settings = steps(OnDisk(IMAGES))
    sizes = {1: [12, 12, 12, 4], 3: [36, 3]}[k]
    assert [share[0].shape[0] for (share,) in whole] == sizes
    # Two processes of two replicas, which see some rows or, at the end, all.
    for process in range(2):

        def shares_of(size, unit, first=2 * process):
            rows = np.arange(size, dtype=np.int32)
            return np.split(rows, 4)[first : first + 2] if size > 4 else [rows] * 2

        disk = OnDisk(IMAGES)
        own, own_settings = steps(disk, shares_of=shares_of)
        assert own_settings == settings
        read = 0
        for shares, ((x, rows),) in zip(own, whole, strict=True):
            expected = shares_of(len(x), k)
            for (own_x, own_rows), numbers in zip(shares, expected, strict=True):
                np.testing.assert_array_equal(own_rows, rows[numbers])
                np.testing.assert_array_equal(own_x, x[numbers])
            read += len(np.unique(np.concatenate(expected)))
        if kind != "batches":
            assert sum(disk.counts) == read


@pytest.mark.eager
def test_a_row_that_fills_a_step_up_is_read_once():
    """As JAX's devices need it, where they cannot share the last step evenly."""
    disk = OnDisk(IMAGES)
    spec = make_vae().data_spec()
    source = make_source(disk, None, 37, 1, False, spec)
    feed = Feed(
        source, numbered=True, shares_of=lambda n, _: [np.minimum(np.arange(40), n - 1)]
    )
    disk.counts.clear()
    first, last = ((step.num_rows, *step.shares[0]) for step in feed.steps())
    assert sum(disk.counts) == 40
    assert first[0] == 37 and last[0] == 3
    assert first[2].tolist() == [*range(37), 36, 36, 36]
    assert last[2].tolist() == [37, 38, *[39] * 38]
    np.testing.assert_array_equal(last[1], IMAGES[last[2]])
