"""Images of fewer grey levels."""

import numpy as np

from kerasgen.arguments import check_levels


def quantize(images, num_levels):
    """Rounds images to evenly spaced grey levels from black to white.

    Args:
        images: uint8 array of any shape.
        num_levels: Integer in [2, 256].

    Returns:
        uint8 array; level k is floor(255 k / (num_levels - 1) + 1/2).

    Raises:
        TypeError: The images are not uint8.
        ValueError: `num_levels` is out of range.

    Example:

    >>> import numpy as np
    >>> quantize(np.array([0, 60, 140, 255], "uint8"), 3).tolist()
    [0, 0, 128, 255]
    """
    check_levels(num_levels)
    images = np.asarray(images)
    if images.dtype != np.uint8:
        raise TypeError(f"Expected uint8 images. Received: dtype={images.dtype}")
    levels = np.floor(images * ((num_levels - 1) / 255) + 0.5)
    return grey_values(num_levels)[levels.astype(np.int64)]


def grey_values(num_levels):
    """Grey value of each level: uint8 (num_levels,), from 0 to 255.

    Args:
        num_levels: Integer in [2, 256].
    """
    steps = num_levels - 1
    # floor(255 k / steps + 1/2), in integers.
    return ((510 * np.arange(num_levels) + steps) // (2 * steps)).astype(np.uint8)
