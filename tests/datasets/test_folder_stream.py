"""Folders that are decoded batch by batch: equal to those in memory."""

import warnings

import numpy as np
import pytest
from PIL import Image

from kerasgen.datasets import image_files, load, load_folder

pytestmark = pytest.mark.eager
GENERATOR = np.random.default_rng(0)


@pytest.fixture
def folder(tmp_path):
    """Two classes, a rotated, a 16-bit and a transparent image, and what is no good."""
    for index in range(20):
        path = tmp_path / "ab"[index % 2] / f"{index:02}.png"
        path.parent.mkdir(exist_ok=True)
        pixels = GENERATOR.integers(0, 256, (9, 9, 3 + index % 3 // 2), np.uint8)
        exif = Image.Exif()
        exif[0x0112] = 6 if index == 4 else 1
        Image.fromarray(pixels).save(path, exif=exif)
    Image.fromarray(np.arange(81, dtype=np.uint16).reshape(9, 9) * 800).save(
        tmp_path / "a" / "deep.png"
    )
    good = (tmp_path / "a" / "00.png").read_bytes()
    (tmp_path / "a" / "cut.png").write_bytes(good[: len(good) // 2])
    (tmp_path / "b" / "text.jpg").write_text("hello")
    (tmp_path / "b" / "notes.txt").write_text("hello")
    Image.fromarray(np.zeros((40, 40, 3), np.uint8)).save(tmp_path / "b" / "large.png")
    return tmp_path


def assert_same_batches(a, b):
    assert (a.num_samples, len(a), a.image_shape) == (
        b.num_samples,
        len(b),
        b.image_shape,
    )
    assert (a.class_names, a.shuffle, a.split) == (b.class_names, b.shuffle, b.split)
    for epoch in range(2):
        for index in range(len(a)):
            pairs = zip(
                a.get_batch(epoch, index), b.get_batch(epoch, index), strict=True
            )
            for left, right in pairs:
                assert left.dtype == right.dtype
                np.testing.assert_array_equal(left, right)


def quietly(load, *arguments, **options):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        data = load(*arguments, **options)
    return data, [str(warning.message) for warning in caught]


@pytest.mark.parametrize("split", ["train", "train[:40%]+train[70%:]"])
def test_batches_skips_and_reports_are_those_of_a_folder_in_memory(folder, split):
    options = {"split": split, "batch_size": 4, "seed": 2, "max_pixels": 1000}
    memory, reports = quietly(load_folder, folder, **options)
    stream, same_reports = quietly(load_folder, folder, stream=True, **options)
    assert_same_batches(stream, memory)
    assert same_reports == reports and len(reports) == 1
    assert "4 of 25 files" in reports[0] and "2 damaged" in reports[0]


def test_a_resized_folder_by_name_and_its_first_samples(folder):
    memory, _ = quietly(load_folder, folder, image_size=(4, 6), color_mode="grayscale")
    stream, _ = quietly(
        load_folder, folder, image_size=(4, 6), color_mode="grayscale", stream=True
    )
    assert_same_batches(stream, memory)
    assert_same_batches(stream.take(5), memory.take(5))
    (folder / "b" / "large.png").unlink()
    named, _ = quietly(load, f"folder:{folder}", split="train[:6]", stream=True)
    assert named.num_samples == 6 and named.image_shape == (9, 9, 3)


def test_nothing_but_the_batch_is_decoded(folder, monkeypatch):
    stream, _ = quietly(load_folder, folder, batch_size=5, max_pixels=1000, stream=True)
    decoded = []
    decode = image_files.decode_image

    def count(path, *arguments):
        decoded.append(path)
        return decode(path, *arguments)

    monkeypatch.setattr(image_files, "decode_image", count)
    stream.get_batch(3, 1)
    expected = [stream.images.paths[row] for row in stream.order(3)[5:10]]
    assert sorted(decoded) == sorted(expected)
    stream.get_batch(3, 1, slice(2, 4))
    assert len(decoded) == 5 + 2


def test_headers_alone_are_read_where_files_are_not_checked(folder, monkeypatch):
    decoded = []
    decode = image_files.decode_image
    monkeypatch.setattr(
        image_files,
        "decode_image",
        lambda path, *rest: decoded.append(path) or decode(path, *rest),
    )
    options = {"max_pixels": 1000, "stream": True, "check_files": False}
    stream, reports = quietly(load_folder, folder, **options)
    assert "3 of 25 files" in reports[0] and len(decoded) == 2
    place = stream.images.paths.tolist().index(folder / "a" / "cut.png")
    with pytest.raises(ValueError, match="Expected a readable.*cut.png.*damaged"):
        stream.images[[place]]


def test_a_file_that_changes_its_size_or_goes_is_named(folder):
    stream, _ = quietly(load_folder, folder, max_pixels=1000, stream=True)
    place = stream.images.paths.tolist().index(folder / "a" / "00.png")
    Image.fromarray(np.zeros((5, 9, 3), np.uint8)).save(folder / "a" / "00.png")
    with pytest.raises(ValueError, match=r"one size.*\(5, 9\) in .*00.png, \(9, 9\)"):
        stream.images[[place]]
    (folder / "a" / "00.png").unlink()
    with pytest.raises(ValueError, match="Received: .*00.png"):
        stream.images[[place]]


def test_images_of_several_sizes_need_image_size(folder):
    with pytest.raises(ValueError, match="image_size.*large.png"):
        quietly(load_folder, folder, stream=True)


def test_decoding_leaves_the_filters_of_warnings_to_others(folder):
    stream, _ = quietly(load_folder, folder, max_pixels=1000, stream=True)
    before = list(warnings.filters)
    stream.get_batch(0, 0)
    added = [entry for entry in warnings.filters if entry not in before]
    assert [entry[3].pattern for entry in added] in ([], [r"PIL\."])
    with pytest.raises(UserWarning):
        warnings.warn("of our own", stacklevel=1)
