"""The three resizings in the field, by the names that clean-fid gives them.

They differ by several points of FID: a number says which one made it.
"""

import numpy as np
from PIL import Image

from kerasgen.metrics.arrays import real_array

MODES = ("clean", "tensorflow", "pytorch")


def resize_images(images, size, mode="clean"):
    """Resizes images; values stay in [0, 255] and are not rounded again.

    - "clean": PIL's bicubic filter, antialiased, on float values, clipped.
    - "tensorflow": bilinear as in TensorFlow 1, corners aligned at the top left, no
      antialiasing; what the first FID used.
    - "pytorch": bilinear between pixel centers, no antialiasing; what pytorch-fid uses.

    Args:
        images: Array (N, H, W, C) of finite values in [0, 255], uint8 or float.
        size: `(height, width)`, each at least 1.
        mode: One of the above.

    Returns:
        float32 array (N, height, width, C) in [0, 255].

    Raises:
        TypeError: If the array does not hold real numbers.
        ValueError: If the shape, a value, the size or the mode is not as above.

    Example:

    >>> import numpy as np
    >>> from kerasgen.metrics import resize_images
    >>> x = np.array([0, 100], "uint8").reshape(1, 1, 2, 1)
    >>> resize_images(x, (1, 4), "tensorflow").ravel().tolist()
    [0.0, 50.0, 100.0, 100.0]
    >>> resize_images(x, (1, 4), "pytorch").ravel().tolist()
    [0.0, 25.0, 75.0, 100.0]

    Reference: Parmar et al. 2022, "On Aliased Resizing and Surprising Subtleties in
    GAN Evaluation".
    """
    images = np.asarray(images)
    if images.ndim != 4 or 0 in images.shape:
        raise ValueError(
            "images must have shape (N, H, W, C), none of them 0. "
            f"Received: shape={images.shape}"
        )
    if images.dtype != np.uint8:
        images = real_array("images", images)
        if not (images.min() >= 0 and images.max() <= 255):
            raise ValueError(
                "images must be finite and in [0, 255]. "
                f"Received: values from {images.min()} to {images.max()}"
            )
    check_mode(mode)
    height, width = size
    if height < 1 or width < 1:
        raise ValueError(f"size must be at least (1, 1). Received: size={size}")
    if mode == "clean":
        return _bicubic(images, height, width)
    offset = 0.5 if mode == "pytorch" else 0.0
    x = _bilinear(images.astype("float32"), 2, width, offset)
    return _bilinear(x, 1, height, offset)


def check_mode(mode):
    """Raises ValueError unless `mode` is one of `MODES`."""
    if mode not in MODES:
        raise ValueError(f"mode is one of {MODES}. Received: mode={mode!r}")


def _bicubic(images, height, width):
    resized = np.empty((len(images), height, width, images.shape[3]), "float32")
    for index, image in enumerate(images):
        for channel in range(images.shape[3]):
            plane = Image.fromarray(image[:, :, channel].astype("float32"))
            plane = plane.resize((width, height), Image.Resampling.BICUBIC)
            resized[index, :, :, channel] = np.clip(plane, 0.0, 255.0)
    return resized


def _bilinear(x, axis, size, offset):
    """Along one axis, in float32 as the originals compute it: a + (b - a) * t."""
    scale = np.float32(x.shape[axis] / size)
    position = np.arange(size, dtype="float32")
    if offset:
        position = np.maximum((position + np.float32(0.5)) * scale - np.float32(0.5), 0)
    else:
        position = position * scale
    low = position.astype("int64")
    high = np.minimum(low + 1, x.shape[axis] - 1)
    shape = [1] * x.ndim
    shape[axis] = size
    t = (position - low.astype("float32")).reshape(shape)
    a, b = np.take(x, low, axis=axis), np.take(x, high, axis=axis)
    return a + (b - a) * t
