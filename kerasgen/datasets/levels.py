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
    steps = (num_levels - 1) / 255
    levels = np.floor(images * steps + 0.5)
    return np.floor(levels / steps + 0.5).astype(np.uint8)
