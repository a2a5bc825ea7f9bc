"""Arrays of `.npz` files, of which anyone may be the author: checked, then read."""

import math
import zipfile
import zlib

import numpy as np

# What `zipfile` and NumPy raise on files that are no archive, damaged or hostile.
DAMAGE = (
    OSError,
    ValueError,
    EOFError,
    KeyError,
    OverflowError,
    RuntimeError,  # encrypted, recursion too deep, or a method that zipfile lacks
    zipfile.BadZipFile,
    zlib.error,
)
_LONGEST_HEADER = 1000
_COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


def read_member(archive, name, kinds, max_bytes, shape=None):
    """Reads one array of an archive once its header is found to fit.

    Nothing in the file is executed, and nothing of a size that the caller does not
    expect is read.

    Args:
        archive: `zipfile.ZipFile`.
        name: Of the array, without ".npy".
        kinds: String of the `dtype.kind` that are accepted.
        max_bytes: Most bytes that the values may take, about.
        shape: Tuple that the array must have, or None for any.

    Returns:
        NumPy array.

    Raises:
        ValueError or another of `DAMAGE`: The array is missing, damaged, or another.
    """
    info = archive.getinfo(f"{name}.npy")
    if info.compress_type not in _COMPRESSIONS:
        raise ValueError(f"{info.filename} is compressed in another way")
    if info.file_size > max_bytes + _LONGEST_HEADER:
        raise ValueError(f"{info.filename} holds {info.file_size} bytes")
    with archive.open(info) as member:
        version = np.lib.format.read_magic(member)
        if version != (1, 0):
            raise ValueError(f"{info.filename} is of .npy version {version}")
        try:
            found, _, dtype = np.lib.format.read_array_header_1_0(
                member, max_header_size=_LONGEST_HEADER
            )
        except Exception as error:
            # It is evaluated as a literal of Python, and may raise anything.
            raise ValueError(f"{info.filename} has no header ({error!r})") from error
        header_bytes = member.tell()
    num_bytes = math.prod(found) * dtype.itemsize
    if (
        dtype.kind not in kinds
        or shape not in (None, found)
        or info.file_size != header_bytes + num_bytes
    ):
        expected = "" if shape is None else f", not shape {shape}"
        raise ValueError(
            f"{info.filename} of {info.file_size} bytes announces shape {found}, "
            f"dtype {dtype}{expected}"
        )
    with archive.open(info) as member:
        return np.lib.format.read_array(
            member, allow_pickle=False, max_header_size=_LONGEST_HEADER
        )
