"""Decodes one image file into uint8 pixels, with its size checked beforehand."""

import contextlib
import re
import threading
import warnings

import numpy as np
from PIL import Image, ImageOps

FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
EXTENSIONS = frozenset(".bmp .gif .jpeg .jpg .pgm .png .ppm .tif .tiff .webp".split())
PILLOW_MODES = {"rgb": "RGB", "grayscale": "L"}
QUIET = ("ignore", None, Warning, re.compile(r"PIL\."), 0)
_LOCK = threading.Lock()


def decode_image(path, color_mode="rgb", max_pixels=2**25):
    """Reads an image file as the camera held it, in 8 bits.

    EXIF rotations are undone. 16-bit grey is scaled by 255 / 65535, and CMYK and
    palettes are converted by Pillow, without colour profiles. Transparent pixels are
    laid over white. Of an animation or a file of several pages the first is taken.

    Args:
        path: File of one of `FORMATS`.
        color_mode: "rgb" or "grayscale" (ITU-R 601 luma).
        max_pixels: Largest width times height; it is checked in the file's header,
            before any pixel is decoded.

    Returns:
        `PIL.Image.Image` of mode "RGB" or "L".

    Raises:
        ValueError: If the image is too large or cannot be decoded.
    """
    with _reasons(), Image.open(path, formats=FORMATS) as image:
        _check_header(image, max_pixels)
        image.load()
        ImageOps.exif_transpose(image, in_place=True)
        return _to_mode(image, PILLOW_MODES[color_mode])


def check_header(path, max_pixels=2**25):
    """Raises ValueError where the header of a file is enough for `decode_image` to.

    Args:
        path: As in `decode_image`.
        max_pixels: As in `decode_image`.
    """
    with _reasons(), Image.open(path, formats=FORMATS) as image:
        _check_header(image, max_pixels)


def _check_header(image, max_pixels):
    if image.width * image.height > max_pixels:
        raise _Refused("too large")
    if image.mode in ("I", "F"):
        raise _Refused("with 32-bit pixels of unknown range")


@contextlib.contextmanager
def _reasons():
    """Says in a ValueError of few words why a file cannot be read."""
    _quieten_pillow()
    try:
        yield
    except Image.DecompressionBombError as error:
        raise ValueError("too large") from error
    except _Refused as error:
        raise ValueError(str(error)) from error
    except Exception as error:
        # A decoder may raise anything on a damaged file.
        raise ValueError("damaged or not an image") from error


class _Refused(Exception):
    """A sound image that we do not take; the message says why, in few words."""


def _to_mode(image, mode):
    if image.mode.startswith("I;16"):
        levels = np.asarray(image).astype(np.uint32)
        image = Image.fromarray(((levels + 128) // 257).astype(np.uint8))
    if image.has_transparency_data:
        pixels = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, pixels)
    return image.convert(mode)


def _quieten_pillow():
    """Hides what Pillow says of sizes that are refused, and of odd EXIF blocks.

    The filter stays: `warnings.catch_warnings` would undo in one thread what another
    has done meanwhile.
    """
    with _LOCK:
        if QUIET not in warnings.filters:
            warnings.filterwarnings("ignore", module=QUIET[3].pattern)
