"""`ImageCodec`: bytes that come back as the image, everywhere, or not at all."""

import os
import subprocess
import sys
import zlib

import keras
import numpy as np
import pytest

import kerasgen
from kerasgen.models import CodecError, ImageCodec, conv_vae, vq_vae
from kerasgen.models.code_tables import TOTAL, CodeTables
from kerasgen.models.codec_bytes import CHECKSUM, HEADER

pytestmark = pytest.mark.eager
SHAPE = (8, 8, 1)


@pytest.fixture(scope="module")
def digits():
    return kerasgen.datasets.load("digits", split="train[:600]").images


@pytest.fixture(scope="module")
def codec(digits):
    keras.utils.set_random_seed(0)
    model = vq_vae(SHAPE, 16, code_dim=4, filters=16, num_blocks=1, num_halvings=1)
    model.compile(keras.optimizers.Adam(3e-3))
    model.fit(digits, batch_size=32, epochs=4, verbose=0)
    codec = ImageCodec(model, num_kinds=3, seed=0)
    codec.fit(digits)
    return codec


def test_codes_come_back_exactly(codec, digits):
    for image in digits[:20]:
        data = codec.compress(image)
        brought = codec.decompress(data)
        assert brought.dtype == np.uint8
        np.testing.assert_array_equal(brought, codec.model.reconstruct(image[None])[0])
        np.testing.assert_array_equal(codec.decompress(bytearray(data)), brought)


@pytest.mark.parametrize("shape", [(8, 8), (1, 1), (5, 19), (24, 16)])
def test_any_size_is_cut_into_tiles(codec, shape):
    image = np.random.default_rng(0).integers(0, 256, (*shape, 1), "uint8")
    brought = codec.decompress(codec.compress(image))
    assert brought.shape == image.shape
    height, width = min(8, shape[0]), min(8, shape[1])
    tile = np.pad(
        image[:height, :width], ((0, 8 - height), (0, 8 - width), (0, 0)), "edge"
    )
    expected = codec.model.reconstruct(tile[None])[0, :height, :width]
    np.testing.assert_array_equal(brought[:height, :width], expected)


def test_colour_and_codes_that_are_all_their_own_kind():
    images = np.random.default_rng(0).integers(0, 256, (20, 8, 8, 3), "uint8")
    codec = ImageCodec(vq_vae((8, 8, 3), 4, 2, filters=4, num_blocks=1), num_kinds=4)
    codec.fit(images)
    for image in images[:3]:
        brought = codec.decompress(codec.compress(image))
        np.testing.assert_array_equal(brought, codec.model.reconstruct(image[None])[0])
    picture = images.reshape(2, 10, 8, 8, 3).transpose(0, 2, 1, 3, 4)
    picture = picture.reshape(16, 80, 3)[:-1, :-3]
    assert codec.decompress(codec.compress(picture)).shape == (15, 77, 3)


def test_size_is_near_the_entropy_of_the_contexts(codec, digits):
    codes = codec.model.encode(digits)
    contexts = codec.tables.contexts(codes)
    shares = keras.ops.convert_to_numpy(codec.tables.frequencies) / TOTAL
    bits = -np.log2(shares[contexts, codes]).sum(axis=(1, 2))
    # All digits as one picture: one header, one rest of a word.
    picture = digits.reshape(20, 30, 8, 8, 1).transpose(0, 2, 1, 3, 4)
    size = 8 * len(codec.compress(picture.reshape(160, 240, 1)))
    assert bits.sum() <= size < 1.01 * bits.sum() + 8 * 21
    # Neighbours tell something of a code.
    marginal = np.bincount(codes.ravel(), minlength=16) / codes.size
    plain = -np.log2(marginal[codes]).sum()
    assert bits.sum() < 0.97 * plain
    terms = codec.evaluate(digits[:10], return_dict=True)
    sizes = [8 * len(codec.compress(image)) for image in digits[:10]]
    assert terms["bits_per_pixel"] == pytest.approx(np.mean(sizes) / 64)


def test_bright_float_images_are_counted_as_their_grey_levels(codec, digits):
    bright = 128 + digits[:50] // 4
    tables = []
    for x, value_range in ((bright, None), (bright / 255.0, (0, 1))):
        other = ImageCodec(codec.model, num_kinds=3, seed=0)
        other.fit(x, value_range=value_range)
        tables.append(keras.ops.convert_to_numpy(other.tables.frequencies))
        terms = other.evaluate(x[:3], value_range=value_range, return_dict=True)
        expected = other.evaluate(bright[:3], return_dict=True)
        assert terms == pytest.approx(expected, rel=0.05)
    # A code on the edge may be another; the mean frequency is 4,096.
    assert np.abs(tables[0] - tables[1]).mean() < 20


def test_tables_are_positive_integers_of_one_sum(codec):
    table = keras.ops.convert_to_numpy(codec.tables.frequencies)
    assert table.dtype == np.int32 and table.min() >= 1
    assert (table.sum(axis=1) == TOTAL).all()
    assert table.shape == (16, 16)


def test_contexts_by_hand():
    tables = CodeTables(num_codes=3, num_kinds=2)
    tables.kinds.assign(np.array([0, 1, 1], "int32"))
    found = tables.contexts(np.array([[[0, 1], [2, 0]]]))
    # left * 3 + above, 2 beyond the border.
    np.testing.assert_array_equal(found, [[[8, 2], [6, 4]]])


def test_every_flipped_bit_and_every_cut_is_found(codec, digits):
    data = codec.compress(digits[3])
    for position in range(len(data)):
        for bit in (0, 7):
            damaged = bytearray(data)
            damaged[position] ^= 1 << bit
            with pytest.raises(CodecError, match="Received: "):
                codec.decompress(bytes(damaged))
    for length in range(len(data)):
        with pytest.raises(CodecError, match="Received: "):
            codec.decompress(data[:length])
    with pytest.raises(CodecError, match="Received: "):
        codec.decompress(data + b"\0\0\0\0")


def test_made_up_codes_give_an_image_or_an_error(codec, digits):
    """Whoever knows the format can write a checksum that is right."""
    header = codec.compress(digits[0])[: HEADER.size]
    rng = np.random.default_rng(0)
    num_images = 0
    for num_words in (0, 1, 2, 30):
        for _ in range(20):
            coded = rng.bytes(4 * num_words)
            checksum = CHECKSUM.pack(zlib.crc32(header + coded))
            try:
                brought = codec.decompress(header + checksum + coded)
            except CodecError as error:
                assert "Received: bytes that cannot be decoded" in str(error)
            else:
                assert brought.shape == SHAPE and brought.dtype == np.uint8
                num_images += 1
    assert num_images


def test_images_of_another_codec_are_told(codec, digits):
    other = ImageCodec(codec.model, num_kinds=2, seed=0)
    other.fit(digits[:50])
    with pytest.raises(CodecError, match="of this codec, tables"):
        other.decompress(codec.compress(digits[0]))


def test_a_codec_that_was_never_fitted_says_so(codec, digits, tmp_path):
    other = ImageCodec(codec.model, num_kinds=2, seed=0)
    other.save_to_preset(tmp_path / "mine", name="mine")
    for unfitted in (other, kerasgen.from_preset(tmp_path / "mine")):
        for call in (
            lambda m=unfitted: m.compress(digits[0]),
            lambda m=unfitted: m.decompress(codec.compress(digits[0])),
            lambda m=unfitted: m.evaluate(digits[:3]),
        ):
            with pytest.raises(ValueError, match=r"expected `fit.*without counts"):
                call()


def test_a_dataset_is_counted_batch_by_batch(codec, digits):
    other = ImageCodec(codec.model, num_kinds=3, seed=0)
    other.fit(kerasgen.datasets.ArrayDataset(digits, batch_size=50))
    assert other.digest == codec.digest


def test_a_codec_draws_no_images(codec):
    with pytest.raises(ValueError, match="Received: generate of ImageCodec"):
        codec.generate(2)


def test_a_few_bytes_do_not_announce_gigabytes(codec):
    data = codec.compress(np.zeros((64, 64, 1), "uint8"))
    with pytest.raises(CodecError, match="64 x 64 pixels"):
        codec.decompress(data, max_pixels=4095)


def test_saving(codec, digits, tmp_path):
    data = codec.compress(digits[0])
    codec.save_to_preset(tmp_path / "mine", name="mine")
    codec.save(tmp_path / "codec.keras")
    for loaded in (
        kerasgen.from_preset(tmp_path / "mine"),
        keras.saving.load_model(tmp_path / "codec.keras"),
    ):
        assert loaded.compress(digits[0]) == data
        np.testing.assert_array_equal(loaded.decompress(data), codec.decompress(data))


# Reads once all have written, when its standard input ends.
SCRIPT = """
import pathlib, sys, keras, numpy as np, kerasgen
folder, backend = pathlib.Path(sys.argv[1]), keras.config.backend()
codec = kerasgen.from_preset(folder / "preset")
for index, image in enumerate(np.load(folder / "images.npy")):
    (folder / f"{backend}-{index}").write_bytes(codec.compress(image))
print("written", flush=True)
sys.stdin.read()
found = {
    path.name: codec.decompress(path.read_bytes())
    for path in folder.glob("*-*")
}
np.savez(folder / f"read_{backend}.npz", **found)
"""


@pytest.mark.slow
@pytest.mark.once
def test_files_of_each_backend_decode_on_the_others(codec, digits, tmp_path):
    codec.save_to_preset(tmp_path / "preset", name="mine")
    np.save(tmp_path / "images.npy", digits[:3])
    backends = ("tensorflow", "jax", "torch")
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", SCRIPT, str(tmp_path)],
            env={**os.environ, "KERAS_BACKEND": backend},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for backend in backends
    ]
    assert [process.stdout.readline() for process in processes] == ["written\n"] * 3
    for process in processes:
        process.communicate()
        assert process.returncode == 0
    found = {
        backend: dict(np.load(tmp_path / f"read_{backend}.npz")) for backend in backends
    }
    assert {*found["jax"]} == {f"{b}-{i}" for b in backends for i in range(3)}
    for name, image in found["torch"].items():
        for backend in backends:
            assert np.abs(found[backend][name].astype(int) - image).max() <= 1


@pytest.mark.parametrize(
    "image, error",
    [
        (np.zeros(SHAPE), TypeError),
        (np.zeros((8, 8), "uint8"), ValueError),
        (np.zeros((8, 8, 3), "uint8"), ValueError),
        (np.zeros((0, 8, 1), "uint8"), ValueError),
        (np.zeros((1, 70000, 1), "uint8"), ValueError),
    ],
)
def test_bad_images(codec, image, error):
    with pytest.raises(error, match="Received: "):
        codec.compress(image)


def test_bad_arguments(codec):
    with pytest.raises(ValueError, match="Received: VAE"):
        ImageCodec(conv_vae(SHAPE, filters=4))
    for num_codes in (1, 2**16 + 1):
        small = vq_vae(SHAPE, num_codes, code_dim=1, filters=2, num_blocks=1)
        with pytest.raises(ValueError, match=f"Received: num_codes={num_codes}"):
            ImageCodec(small, num_kinds=1)
    with pytest.raises(ValueError, match="`max_pixels` is an integer >= 1"):
        codec.decompress(b"", max_pixels=0)
    with pytest.raises(ValueError, match="at most num_codes=16"):
        ImageCodec(codec.model, num_kinds=17)
    with pytest.raises(TypeError, match="Received: str"):
        codec.decompress("text")
