"""Reader of idx files: what it accepts, and each way to be damaged."""

import gzip

import numpy as np
import pytest

from kerasgen.datasets.idx import read_idx

ARRAY = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)


def encode(array=ARRAY, magic=(0, 0, 8, 3)):
    return bytes(magic) + np.array(array.shape, ">u4").tobytes() + array.tobytes()


@pytest.fixture
def write(tmp_path):
    def write_file(data, compress=True):
        path = tmp_path / ("images.gz" if compress else "images")
        path.write_bytes(gzip.compress(data) if compress else data)
        return path

    return write_file


@pytest.mark.parametrize("compress", [True, False])
def test_reads_what_was_written(write, compress):
    array = read_idx(write(encode(), compress), (2, 3, 4))
    np.testing.assert_array_equal(array, ARRAY)
    assert array.dtype == np.uint8 and array.flags.writeable


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (encode(magic=(0, 0, 9, 3)), "magic number 00000803.*Received: 00000903"),
        (encode(magic=(0, 0, 8, 1)), "rank 3.*Received: 00000801"),
        (b"<html>not found</html>", "Received: 3c68746d"),
        (b"", "Received: no data"),
        (encode()[:10], "header of 16 bytes.*Received: 10 bytes"),
        (encode()[:-1], "Expected 24 bytes.*Received: 23"),
        (encode()[:16], "Expected 24 bytes.*Received: 0"),
        (encode() + b"x", "Expected 24 bytes.*Received: more"),
        (encode(ARRAY[:1]), r"shape \(2, 3, 4\).*Received: shape=\(1, 3, 4\)"),
    ],
)
@pytest.mark.parametrize("compress", [True, False])
def test_damaged_content(write, data, message, compress):
    with pytest.raises(ValueError, match=message):
        read_idx(write(data, compress), (2, 3, 4))


def test_huge_claim_is_refused_before_it_is_allocated(write):
    header = bytes([0, 0, 8, 3]) + np.array([2**32 - 1] * 3, ">u4").tobytes()
    with pytest.raises(ValueError, match="4294967295"):
        read_idx(write(header), (2, 3, 4))


def test_damaged_gzip(write):
    path = write(encode())
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match="Expected a whole gzip file"):
        read_idx(path, (2, 3, 4))
    path.write_bytes(encode())
    with pytest.raises(ValueError, match="Expected a whole gzip file"):
        read_idx(path, (2, 3, 4))
    flipped = bytearray(whole)
    flipped[-6] ^= 1  # the checksum that ends the file
    path.write_bytes(flipped)
    with pytest.raises(ValueError, match="Expected a whole gzip file"):
        read_idx(path, (2, 3, 4))
