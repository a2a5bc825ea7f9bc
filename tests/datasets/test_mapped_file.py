"""What is asked of the system before rows of a large mapped file are read."""

import mmap
import os

import numpy as np
import pytest

import kerasgen
from kerasgen.datasets import ArrayDataset, mapped_file

pytestmark = [
    pytest.mark.eager,
    pytest.mark.skipif(not hasattr(mmap.mmap, "madvise"), reason="no madvise"),
]
SHAPE = (40, 30, 30, 3)


class Spied(mmap.mmap):
    """A map that remembers the pages that were asked for."""

    def madvise(self, advice, start, length):
        assert advice == mmap.MADV_WILLNEED
        self.asked = [*getattr(self, "asked", []), (start, length)]
        super().madvise(advice, start, length)


@pytest.fixture
def images():
    return np.random.default_rng(0).integers(0, 256, SHAPE, np.uint8)


@pytest.fixture
def mapped(images, tmp_path, monkeypatch):
    """The images in a map, behind other bytes, on a machine of little memory."""
    path = tmp_path / "images.bin"
    path.write_bytes(b"\0" * 100 + images.tobytes())
    monkeypatch.setattr(mapped_file, "memory_bytes", lambda: images.nbytes)
    with open(path, "rb") as file:
        memory = Spied(file.fileno(), 0, access=mmap.ACCESS_READ)
    return memory, np.frombuffer(memory, "uint8", offset=100).reshape(SHAPE)


def test_the_pages_of_a_batch_and_no_others_are_asked_for(mapped, images):
    memory, array = mapped
    dataset = ArrayDataset(array[::2], batch_size=4, seed=0)
    memory.asked = []
    (x,) = dataset.get_batch(0, 1)
    numbers = dataset.order(0)[4:8]
    np.testing.assert_array_equal(x, images[::2][numbers])
    size = images[0].nbytes
    starts = [100 + 2 * size * number for number in sorted(numbers)]
    assert len(memory.asked) == 4
    for start, (page, length) in zip(starts, memory.asked, strict=True):
        assert page == start - start % mmap.PAGESIZE
        assert page + length == start + size


def test_arrays_that_fit_is_given_are_asked_for_too(mapped, images):
    memory, array = mapped
    vae = kerasgen.models.dense_vae(SHAPE[1:], latent_dim=1, hidden=(2,), seed=0)
    vae.compile()
    memory.asked = []
    vae.fit(array, batch_size=4, steps_per_epoch=3, verbose=0)
    # The first batch is looked at before training.
    assert len(memory.asked) >= 3 * 4


def test_numbers_of_rows_may_be_of_32_bits(mapped, images):
    memory, array = mapped
    rows = np.array([3, 1, 3], np.int32)
    mapped_file.announce(array, rows)
    starts = [100 + images[0].nbytes * row for row in (1, 3)]
    pages = [start - start % mmap.PAGESIZE for start in starts]
    assert [page for page, _ in memory.asked] == pages


def test_what_cannot_be_asked_for_is_left_to_the_reader(mapped):
    mapped_file.announce(mapped[1], np.array([-1000, 10**6]))


@pytest.mark.parametrize(
    ("texts", "expected"), [(["max\n"], None), (["5000\n"], 5000), ([], None)]
)
def test_a_container_bounds_the_memory(texts, expected, tmp_path, monkeypatch):
    path = tmp_path / "memory.max"
    for text in texts:
        path.write_text(text)
    monkeypatch.setattr(mapped_file, "CGROUP_LIMITS", (path,))
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    assert mapped_file.memory_bytes.__wrapped__() == (expected or total)


def test_nothing_is_asked_for_where_all_fits(mapped, images, monkeypatch):
    memory, array = mapped
    monkeypatch.setattr(mapped_file, "memory_bytes", lambda: 3 * images.nbytes)
    (x,) = ArrayDataset(array, batch_size=4, seed=0).get_batch(0, 0)
    assert not hasattr(memory, "asked") and len(x) == 4


def test_a_file_that_numpy_has_mapped_is_read_as_it_is(images, tmp_path, monkeypatch):
    monkeypatch.setattr(mapped_file, "memory_bytes", lambda: images.nbytes)
    np.save(tmp_path / "images.npy", images)
    array = np.load(tmp_path / "images.npy", mmap_mode="r")
    assert mapped_file._mapped_memory(array) is not None
    for source in (array, array[3:], array[:, :20]):
        expected = np.asarray(source)
        dataset = ArrayDataset(source, batch_size=7, seed=0)
        for index in range(len(dataset)):
            (x,) = dataset.get_batch(0, index)
            numbers = dataset.order(0)[7 * index : 7 * index + 7]
            np.testing.assert_array_equal(x, expected[numbers])
    mapped_file.announce(array, np.arange(0))
    mapped_file.announce(images, np.arange(3))
