import errno
import os
import stat

import numpy as np
import pytest
from PIL import Image

from kerasgen.plot import image_grid, pair_rows, save_image_grid, save_pairs


def numbered(num, height=3, width=5, channels=1):
    images = np.zeros((num, height, width, channels), "uint8")
    return images + np.arange(num, dtype="uint8")[:, None, None, None]


@pytest.mark.parametrize("channels", [1, 3])
def test_every_image_is_in_its_cell(channels):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (5, 4, 6, channels), "uint8")
    grid = image_grid(images, columns=3, padding=1)
    assert grid.dtype == np.uint8
    assert grid.shape == (1 + 2 * 5, 1 + 3 * 7, channels)
    for index, image in enumerate(images):
        top, left = 1 + index // 3 * 5, 1 + index % 3 * 7
        np.testing.assert_array_equal(grid[top : top + 4, left : left + 6], image)
    assert (grid[6:, 15:] == 255).all()  # the empty sixth cell
    assert (grid[0] == 255).all() and (grid[:, 0] == 255).all()


def test_scale_is_nearest_neighbour():
    images = np.random.default_rng(0).integers(0, 256, (1, 3, 2, 1), "uint8")
    grid = image_grid(images, padding=0, scale=4)
    np.testing.assert_array_equal(grid, np.kron(images[0], np.ones((4, 4, 1))))


@pytest.mark.parametrize(
    "num, columns, cells", [(1, None, (1, 1)), (10, None, (3, 4)), (10, 10, (1, 10))]
)
def test_columns(num, columns, cells):
    grid = image_grid(numbered(num), columns=columns, padding=0)
    assert grid.shape[:2] == (cells[0] * 3, cells[1] * 5)


@pytest.mark.parametrize("channels", [1, 3])
def test_file_holds_the_grid(tmp_path, channels):
    images = np.random.default_rng(0).integers(0, 256, (6, 8, 8, channels), "uint8")
    path = save_image_grid(str(tmp_path / "samples.png"), images, columns=2)
    read = np.asarray(Image.open(path))
    expected = image_grid(images, columns=2, scale=6)  # 8 * 6 = 48 pixels
    np.testing.assert_array_equal(read.reshape(expected.shape), expected)
    assert os.listdir(tmp_path) == ["samples.png"]


def test_file_has_the_permissions_of_any_new_file(tmp_path):
    plain = tmp_path / "plain"
    plain.touch()
    path = save_image_grid(tmp_path / "samples.png", numbered(1))
    assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE(plain.stat().st_mode)


def test_failed_write_keeps_the_old_file_and_leaves_no_other(tmp_path, monkeypatch):
    path = save_image_grid(tmp_path / "samples.png", numbered(1))
    before = path.read_bytes()

    def fail(_):
        raise OSError(errno.ENOSPC, "no space left")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="no space left"):
        save_image_grid(path, numbered(4))
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["samples.png"]


@pytest.mark.parametrize(
    "images, error",
    [
        (np.zeros((2, 8, 8, 1), "float32"), TypeError),
        (np.zeros((2, 8, 8, 1), "int64"), TypeError),
        (np.zeros((8, 8, 1), "uint8"), ValueError),
        (np.zeros((2, 8, 8, 2), "uint8"), ValueError),
        (np.zeros((0, 8, 8, 1), "uint8"), ValueError),
    ],
)
def test_bad_images_are_refused_before_a_file_is_made(tmp_path, images, error):
    with pytest.raises(error, match="Received: "):
        save_image_grid(tmp_path / "samples.png", images)
    assert not os.listdir(tmp_path)


@pytest.mark.parametrize(
    "name, value",
    [
        ("columns", 0),
        ("columns", 2.0),
        ("padding", -1),
        ("scale", 0),
        ("scale", True),
    ],
)
def test_bad_counts(name, value):
    with pytest.raises(ValueError, match=f"is an integer >= .* {name}={value}"):
        image_grid(numbered(2), **{name: value})


def test_pairs_that_fill_no_rows():
    for images, others in (
        (numbered(3), numbered(2)),
        (numbered(5), numbered(5)),
        (numbered(4)[..., 0], numbered(4)[..., 0]),
    ):
        with pytest.raises(ValueError, match="Received: "):
            pair_rows(images, others, columns=2)
    with pytest.raises(ValueError, match="Received: columns=0"):
        pair_rows(numbered(2), numbered(2), columns=0)


@pytest.mark.parametrize("name", ["samples", "samples.txt", ".png"])
def test_bad_suffix(tmp_path, name):
    with pytest.raises(ValueError, match="Received: path="):
        save_image_grid(tmp_path / name, numbered(1))


def test_pairs_lie_side_by_side(tmp_path):
    images = np.arange(4, dtype="uint8")[:, None, None, None] * np.ones(
        (1, 8, 8, 1), "uint8"
    )
    path = save_pairs(
        tmp_path / "a.png", images, images + 100, pairs_per_row=2, scale=1
    )
    sheet = np.asarray(Image.open(path))
    row = sheet[6, 6::10]
    assert row.tolist() == [0, 100, 1, 101]


def test_pairs_of_other_shapes_are_refused(tmp_path):
    images = np.zeros((4, 8, 8, 1), "uint8")
    with pytest.raises(ValueError, match="equal shapes. Received"):
        save_pairs(tmp_path / "a.png", images, images[:3])
    assert not list(tmp_path.iterdir())


def test_rows_of_images_keep_their_columns(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (2, 3, 8, 8, 1), "uint8")
    flat = image_grid(images.reshape(6, 8, 8, 1), columns=3)
    np.testing.assert_array_equal(image_grid(images), flat)
    path = save_image_grid(tmp_path / "rows.png", images, scale=1)
    np.testing.assert_array_equal(np.asarray(Image.open(path)), flat[..., 0])
