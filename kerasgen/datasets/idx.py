"""Reader of idx files, the format in which MNIST and its successors are shared."""

import gzip
import zlib
from pathlib import Path

import numpy as np

UNSIGNED_BYTE = 8


def read_idx(path, shape):
    """Reads an idx file of unsigned bytes and checks it against what it must hold.

    Args:
        path: File, gzip-compressed if it ends in `.gz`.
        shape: Shape of its array. No more than its product is ever decompressed.

    Returns:
        uint8 array of that shape.

    Raises:
        ValueError: If the file is no idx file of unsigned bytes, has another shape,
            is truncated or damaged, or goes on after its data.

    Reference:
        Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten digits",
        section "The IDX file format".
    """
    path = Path(path)
    open_file = gzip.open if path.suffix == ".gz" else open
    header_size = 4 + 4 * len(shape)
    num_bytes = int(np.prod(shape))
    try:
        with open_file(path, "rb") as file:
            header = file.read(header_size)
            magic = bytes([0, 0, UNSIGNED_BYTE, len(shape)])
            if header[:4] != magic:
                raise ValueError(
                    f"Expected an idx file of rank {len(shape)} with the magic number "
                    f"{magic.hex()}: {path}. Received: {header[:4].hex() or 'no data'}"
                )
            if len(header) < header_size:
                raise ValueError(
                    f"Expected a header of {header_size} bytes in {path}. "
                    f"Received: {len(header)} bytes"
                )
            found = tuple(int(size) for size in np.frombuffer(header[4:], ">u4"))
            if found != tuple(shape):
                raise ValueError(
                    f"Expected an array of shape {tuple(shape)} in {path}. "
                    f"Received: shape={found}"
                )
            data = file.read(num_bytes + 1)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ValueError(
            f"Expected a whole gzip file: {path}. Received: {error}"
        ) from error
    if len(data) != num_bytes:
        received = "more" if len(data) > num_bytes else f"{len(data)}"
        raise ValueError(
            f"Expected {num_bytes} bytes of data in {path}. Received: {received}"
        )
    return np.frombuffer(data, np.uint8).reshape(shape).copy()
