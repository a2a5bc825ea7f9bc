"""Samples that are not in memory: how they are cut, read, and put in order."""

import keras
import numpy as np
import pytest

from kerasgen.datasets import ArrayDataset, StratifiedDataset
from kerasgen.datasets.rows import ArrayRows, Rows, as_rows

pytestmark = pytest.mark.eager
IMAGES = np.arange(23 * 4, dtype=np.uint8).reshape(23, 2, 2, 1)


class OnDisk:
    """An array-like that, as HDF5, takes slices and increasing rows, and counts."""

    def __init__(self, array):
        self.array = array
        self.shape = array.shape
        self.dtype = array.dtype
        self.counts = []

    def __getitem__(self, rows):
        if not isinstance(rows, slice):
            assert (np.diff(rows) > 0).all(), "rows in no increasing order"
        part = self.array[rows]
        self.counts.append(len(part))
        return part


def test_slices_read_nothing_and_integers_read():
    disk = OnDisk(IMAGES)
    rows = as_rows(disk)
    assert (rows.shape, rows.dtype, rows.ndim, len(rows)) == (
        IMAGES.shape,
        np.uint8,
        4,
        23,
    )
    part = rows[3:20:2][1:]
    assert part.shape == (8, 2, 2, 1) and disk.counts == []
    np.testing.assert_array_equal(
        part[[3, -1, 3, 0]], IMAGES[3:20:2][1:][[3, -1, 3, 0]]
    )
    assert disk.counts == [3]
    np.testing.assert_array_equal(rows[5], IMAGES[5])
    np.testing.assert_array_equal(rows[-2], IMAGES[-2])
    np.testing.assert_array_equal(np.asarray(part), IMAGES[3:20:2][1:])
    assert rows[np.array([], int)].shape == (0, 2, 2, 1)
    assert rows[4:4].shape == (0, 2, 2, 1)
    for outside in (23, [-24], [0, 23]):
        with pytest.raises(IndexError, match="among 23. Received"):
            rows[outside]


def test_rows_beside_each_other_are_read_as_a_slice():
    class Slices(OnDisk):
        def __getitem__(self, rows):
            assert isinstance(rows, slice)
            return super().__getitem__(rows)

    rows = ArrayRows(Slices(IMAGES))
    np.testing.assert_array_equal(rows[[7, 5, 6, 5]], IMAGES[[7, 5, 6, 5]])


def test_what_lies_in_memory_is_taken_as_it_is():
    for given in (IMAGES, IMAGES.tolist(), keras.ops.convert_to_tensor(IMAGES)):
        assert type(as_rows(given)) is np.ndarray
    rows = as_rows(OnDisk(IMAGES))
    assert as_rows(rows) is rows and isinstance(rows, Rows)


def test_an_hdf5_file_and_a_mapped_one_give_the_batches_of_the_array(tmp_path):
    h5py = pytest.importorskip("h5py")
    np.save(tmp_path / "a.npy", IMAGES)
    options = {"labels": np.arange(23), "batch_size": 5, "seed": 3}
    memory = ArrayDataset(IMAGES, **options)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        stored = file.create_dataset("images", data=IMAGES)
        for samples in (np.load(tmp_path / "a.npy", mmap_mode="r"), stored):
            disk = ArrayDataset(samples, **options)
            assert disk.image_shape == (2, 2, 1) and disk.take(7).num_samples == 7
            for epoch in range(2):
                for index in range(len(memory)):
                    for a, b in zip(
                        disk.get_batch(epoch, index),
                        memory.get_batch(epoch, index),
                        strict=True,
                    ):
                        assert type(a) is np.ndarray and a.dtype == b.dtype
                        np.testing.assert_array_equal(a, b)


def test_a_mapped_file_is_not_copied(tmp_path):
    np.save(tmp_path / "a.npy", IMAGES)
    mapped = np.load(tmp_path / "a.npy", mmap_mode="r")
    dataset = ArrayDataset(mapped)
    assert np.shares_memory(dataset.images, mapped)
    assert np.shares_memory(dataset.take(5).images, mapped)


def test_only_the_rows_of_a_batch_that_are_asked_for_are_read():
    disk = OnDisk(IMAGES)
    dataset = ArrayDataset(disk, labels=np.arange(23), batch_size=10)
    whole = dataset.get_batch(4, 1)
    disk.counts.clear()
    for rows in (slice(2, 5), np.array([9, 0, 3])):
        x, labels = dataset.get_batch(4, 1, rows)
        np.testing.assert_array_equal(x, whole[0][rows])
        np.testing.assert_array_equal(labels, whole[1][rows])
    assert disk.counts == [3, 3]
    assert [dataset.rows_of_batch(index) for index in range(3)] == [10, 10, 3]
    assert disk.counts == [3, 3]


def test_rows_of_an_augmented_batch_are_those_of_the_whole():
    dataset = ArrayDataset(
        np.repeat(IMAGES, 4, 2), batch_size=10, augment=keras.layers.RandomFlip()
    )
    whole = dataset.get_batch(2, 1)[0]
    part = dataset.get_batch(2, 1, slice(4, 8))[0]
    np.testing.assert_array_equal(part, whole[4:8])


def test_classes_take_turns_where_samples_lie_on_disk():
    labels = np.arange(23) % 5 % 2
    memory, disk = (
        StratifiedDataset(samples, labels, 2, batch_size=6)
        for samples in (IMAGES, OnDisk(IMAGES))
    )
    for a, b in zip(memory, disk, strict=True):
        np.testing.assert_array_equal(a[0], b[0])


def test_samples_on_disk_are_checked_as_others_are():
    with pytest.raises(TypeError, match="Received: dtype=int64"):
        ArrayDataset(OnDisk(np.zeros((3, 2), np.int64)))
    with pytest.raises(ValueError, match=r"Received: shape=\(0, 2\)"):
        ArrayDataset(OnDisk(np.zeros((0, 2), np.float32)))
