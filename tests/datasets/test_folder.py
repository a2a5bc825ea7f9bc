"""Folders of images: sizes, modes, classes, splits and damaged files."""

import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageFile

from kerasgen.datasets import load_folder

GENERATOR = np.random.default_rng(0)


def noise(height, width, channels=3):
    shape = (height, width, channels) if channels > 1 else (height, width)
    return GENERATOR.integers(0, 256, shape, dtype=np.uint8)


def save(path, pixels, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, **options)


def read_one(tmp_path, **kwargs):
    return load_folder(tmp_path, **kwargs).images[0]


def test_png_pixels_are_kept_in_sorted_order(tmp_path):
    pictures = {name: noise(5, 7) for name in ("b.png", "a.png", "c.PNG")}
    for name, pixels in pictures.items():
        Image.fromarray(pixels).save(tmp_path / name, format="PNG")
    data = load_folder(tmp_path, shuffle=False, batch_size=2)
    expected = np.stack([pictures[name] for name in sorted(pictures)])
    np.testing.assert_array_equal(data.images, expected)
    assert data.labels is None and len(data[0]) == 1
    assert len(data) == 2 and data.image_shape == (5, 7, 3)


@pytest.mark.parametrize(
    "extension", ["png", "jpg", "bmp", "gif", "webp", "tif", "ppm"]
)
def test_formats(tmp_path, extension):
    pixels = np.full((8, 8, 3), (200, 30, 60), np.uint8)
    save(tmp_path / f"a.{extension}", pixels)
    image = read_one(tmp_path)
    assert np.abs(image.astype(int) - pixels).max() <= 4


def test_grayscale(tmp_path):
    save(tmp_path / "a.png", np.full((4, 4, 3), (255, 0, 0), np.uint8))
    save(tmp_path / "b.png", noise(4, 4, 1))
    data = load_folder(tmp_path, color_mode="grayscale")
    assert data.images.shape == (2, 4, 4, 1)
    assert (data.images[0] == 76).all()  # 0.299 * 255
    rgb = load_folder(tmp_path)
    np.testing.assert_array_equal(rgb.images[1, ..., 2], data.images[1, ..., 0])


def test_resizing_cuts_to_the_aspect_ratio_or_squeezes(tmp_path):
    pixels = np.zeros((20, 40, 3), np.uint8)
    pixels[:, 10:30] = 255
    save(tmp_path / "a.png", pixels)
    assert (read_one(tmp_path, image_size=8) >= 235).all()  # the filter rings
    squeezed = read_one(tmp_path, image_size=(8, 16), crop_to_aspect_ratio=False)
    assert squeezed.shape == (8, 16, 3)
    assert squeezed[4, 0, 0] == 0 and squeezed[4, 8, 0] == 255


def test_antialiasing(tmp_path):
    checkers = np.indices((64, 64)).sum(axis=0) % 2 * 255
    save(tmp_path / "a.png", np.repeat(checkers[..., None], 3, 2).astype(np.uint8))
    image = read_one(tmp_path, image_size=8)
    assert np.abs(image.astype(int) - 127).max() <= 8


def test_images_of_several_sizes_need_image_size(tmp_path):
    save(tmp_path / "a.png", noise(5, 7))
    save(tmp_path / "b.png", noise(7, 5))
    with pytest.raises(
        ValueError, match=r"image_size.*\(5, 7\).*a.png.*\(7, 5\).*b.png"
    ):
        load_folder(tmp_path)
    assert load_folder(tmp_path, image_size=4).images.shape == (2, 4, 4, 3)


def test_subfolders_are_classes_and_slices_hold_all_of_them(tmp_path):
    for name, count in (("cat", 20), ("ant", 10)):
        for index in range(count):
            level = {"ant": 0, "cat": 100}[name] + index
            save(
                tmp_path / name / f"{index:02}.png", np.full((2, 2, 3), level, np.uint8)
            )
    save(tmp_path / "cat" / "deep" / "x.png", np.full((2, 2, 3), 250, np.uint8))
    data = load_folder(tmp_path)
    assert data.class_names == ["ant", "cat"] and data.num_classes == 2
    levels = data.images[:, 0, 0, 0]
    np.testing.assert_array_equal(data.labels, (levels >= 100).astype(int))
    assert data.labels.dtype == np.int32
    assert np.bincount(load_folder(tmp_path, split="train[80%:]").labels)[0] == 2
    assert levels[data.labels == 0].tolist() == list(range(10))


def test_train_and_test_subfolders_are_splits(tmp_path):
    for split, count in (("train", 3), ("test", 2)):
        for name in ("a", "b"):
            for index in range(count):
                save(tmp_path / split / name / f"{index}.png", noise(3, 3))
    assert load_folder(tmp_path).num_samples == 6
    test = load_folder(tmp_path, split="test")
    assert test.num_samples == 4 and not test.shuffle and test.num_classes == 2
    (tmp_path / "other").mkdir()
    assert load_folder(tmp_path).class_names == ["test", "train"]
    with pytest.raises(ValueError, match="among train. Received: split='test'"):
        load_folder(tmp_path, split="test")


def test_exif_rotation_is_undone(tmp_path):
    pixels = noise(4, 6)
    exif = Image.Exif()
    exif[0x0112] = 6  # held 90 degrees clockwise
    save(tmp_path / "a.png", pixels, exif=exif)
    np.testing.assert_array_equal(read_one(tmp_path), np.rot90(pixels, -1))


def test_16_bit_grey_is_scaled_not_clipped(tmp_path):
    levels = np.array([[0, 128, 129, 257], [32768, 65278, 65535, 1000]], np.uint16)
    save(tmp_path / "a.png", levels)
    image = read_one(tmp_path, color_mode="grayscale")[..., 0]
    np.testing.assert_array_equal(image, np.round(levels / 257.0))


def test_32_bit_is_skipped(tmp_path):
    save(tmp_path / "a.tif", np.ones((4, 4), np.float32))
    save(tmp_path / "b.png", noise(4, 4))
    with pytest.warns(UserWarning, match="1 of 2 files.*32-bit"):
        assert load_folder(tmp_path).num_samples == 1


def test_cmyk(tmp_path):
    cmyk = np.zeros((8, 8, 4), np.uint8)
    cmyk[..., 1:3] = 255
    Image.fromarray(cmyk, mode="CMYK").save(tmp_path / "a.tif")
    image = read_one(tmp_path)
    np.testing.assert_array_equal(image, np.full((8, 8, 3), (255, 0, 0)))


def test_transparent_pixels_become_white(tmp_path):
    rgba = np.zeros((2, 2, 4), np.uint8)
    rgba[0, 0] = (10, 20, 30, 255)
    save(tmp_path / "a.png", rgba)
    image = read_one(tmp_path)
    assert image[0, 0].tolist() == [10, 20, 30]
    assert (image[1] == 255).all()


@pytest.mark.parametrize("name", ["a.gif", "a.png", "a.webp", "a.tif"])
def test_the_first_frame_of_an_animation_is_taken(tmp_path, name):
    frames = [
        Image.fromarray(np.full((8, 8, 3), level, np.uint8)) for level in (255, 0, 128)
    ]
    frames[0].save(tmp_path / name, save_all=True, append_images=frames[1:])
    assert (read_one(tmp_path) >= 250).all()


def test_damaged_huge_and_foreign_files_are_counted(tmp_path):
    save(tmp_path / "good.png", noise(8, 8))
    save(tmp_path / "huge.png", np.zeros((100, 101, 3), np.uint8))
    save(tmp_path / "cut.jpg", noise(64, 64))
    whole = (tmp_path / "cut.jpg").read_bytes()
    (tmp_path / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    save(tmp_path / "cut.png", noise(64, 64))
    whole = (tmp_path / "cut.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "empty.png").write_bytes(b"")
    (tmp_path / "page.jpg").write_text("<html>404</html>")
    (tmp_path / "notes.txt").write_text("hello")
    (tmp_path / ".hidden").write_text("hello")
    with pytest.warns(UserWarning) as caught:
        data = load_folder(tmp_path, max_pixels=10_000)
    assert data.num_samples == 1
    (message,) = {str(warning.message) for warning in caught}
    assert "6 of 7 files" in message
    assert "4 damaged or not an image" in message
    assert "1 not an image file by its name" in message
    assert "1 too large" in message
    assert caught[0].filename == __file__


def claim_size(path, side):
    """Rewrites the header of a PNG file."""
    data = bytearray(path.read_bytes())
    data[16:24] = struct.pack(">II", side, side)
    data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
    path.write_bytes(data)


@pytest.mark.parametrize("side", [6_000, 10_000, 60_000])
def test_a_bomb_is_refused_from_its_header(tmp_path, monkeypatch, side):
    save(tmp_path / "bomb.png", noise(9, 9))
    claim_size(tmp_path / "bomb.png", side)
    save(tmp_path / "good.png", noise(8, 8))

    decode = ImageFile.ImageFile.load

    def load(self):
        assert self.size == (8, 8), "the bomb was decoded"
        return decode(self)

    monkeypatch.setattr(ImageFile.ImageFile, "load", load)
    with pytest.warns(UserWarning, match="1 of 2 files.*1 too large"):
        assert load_folder(tmp_path).num_samples == 1


def test_sound_images_give_no_warning(tmp_path, recwarn):
    save(tmp_path / "a.png", noise(8, 8))
    load_folder(tmp_path)
    assert not recwarn.list


def test_nothing_readable(tmp_path):
    with pytest.raises(ValueError, match="Received: no files"):
        load_folder(tmp_path)
    (tmp_path / "a.png").write_bytes(b"no")
    with pytest.raises(ValueError, match="Received: 1 damaged or not an image"):
        load_folder(tmp_path)
    with pytest.raises(ValueError, match="Expected an existing folder"):
        load_folder(tmp_path / "absent")
    with pytest.raises(ValueError, match="Expected an existing folder"):
        load_folder(tmp_path / "a.png")


@pytest.mark.parametrize("image_size", [0, -3, 2.5, (4,), (4, 0), (4, 4, 3), "8"])
def test_bad_image_size(tmp_path, image_size):
    with pytest.raises(ValueError, match="Received: image_size="):
        load_folder(tmp_path, image_size=image_size)


def test_bad_color_mode(tmp_path):
    with pytest.raises(ValueError, match="Received: color_mode='rgba'"):
        load_folder(tmp_path, color_mode="rgba")
