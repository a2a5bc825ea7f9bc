"""The bytes of a compressed image: a header, a checksum, and its codes."""

import struct
import zlib

MAGIC = b"KGVQ"
VERSION = 1
# Magic, version, height, width, digest of the codec; a checksum of all else follows.
HEADER = struct.Struct("<4sBHHI")
CHECKSUM = struct.Struct("<I")
MAX_SIDE = 65535


class CodecError(ValueError):
    """Bytes that are no image of this codec."""


def pack_image(height, width, digest, coded):
    """The bytes of an image.

    Args:
        height: Integer in [1, MAX_SIDE].
        width: As `height`.
        digest: 32 bits of the codec.
        coded: bytes of the codes, whole words of four.

    Returns:
        bytes.
    """
    header = HEADER.pack(MAGIC, VERSION, height, width, digest)
    return header + CHECKSUM.pack(zlib.crc32(header + coded)) + coded


def unpack_image(data, digest, max_pixels):
    """What `pack_image` was given.

    Args:
        data: bytes.
        digest: 32 bits of the codec.
        max_pixels: Largest height x width.

    Returns:
        `(height, width, coded)`.

    Raises:
        CodecError: The bytes are damaged, cut off, of another codec, or of a larger
            image.
    """
    start = HEADER.size + CHECKSUM.size
    if len(data) < start or data[:4] != MAGIC:
        raise CodecError(
            f"Expected bytes of ImageCodec.compress. Received: {len(data)} bytes "
            f"that begin with {data[:4]!r}"
        )
    _, version, height, width, found = HEADER.unpack_from(data)
    (checksum,) = CHECKSUM.unpack_from(data, HEADER.size)
    header, coded = data[: HEADER.size], data[start:]
    if version != VERSION:
        raise CodecError(f"Expected version {VERSION}. Received: {version}")
    if found != digest:
        raise CodecError(
            f"Expected an image of this codec, tables {digest:#010x}. "
            f"Received: one of tables {found:#010x}"
        )
    is_whole = len(coded) % 4 == 0 and zlib.crc32(header + coded) == checksum
    if not is_whole or not height or not width:
        raise CodecError(
            "Expected a whole image. Received: bytes that are damaged or cut off"
        )
    if height * width > max_pixels:
        raise CodecError(
            f"Expected an image of at most max_pixels={max_pixels}. "
            f"Received: one of {height} x {width} pixels"
        )
    return height, width, coded
