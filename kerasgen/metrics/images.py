"""Scores of single images: SSIM, PSNR, sharpness."""

import math

import numpy as np
from scipy import ndimage

from kerasgen.arguments import check_positive_integer
from kerasgen.metrics.arrays import check_finite, real_array

_SIGMA = 1.5
_K1, _K2 = 0.01, 0.03


def ssim(images, references, value_range=None, filter_size=11):
    """Structural similarity of pairs of images, over the valid region.

    Gaussian window with sigma 1.5, k1 = 0.01, k2 = 0.03, population variances, mean
    over positions and channels; images are rescaled to [0, 1] first. Equal to
    `tf.image.ssim`; libraries that pad the borders give other values.

    Args:
        images: Array (N, H, W, C): uint8, or floats within `value_range`.
        references: Array like `images`.
        value_range: `(low, high)` of float images; None for uint8.
        filter_size: Side of the window, odd; at most H and W.

    Returns:
        float64 (N,) in [-1, 1], 1 for equal images.

    Raises:
        TypeError: If the arrays do not hold real numbers, or floats without a range.
        ValueError: If shapes differ, an image is smaller than the window, or a value
            is out of range.

    Example:

    >>> import numpy as np
    >>> from kerasgen.metrics import ssim
    >>> x = np.arange(256, dtype="uint8").reshape(1, 16, 16, 1)
    >>> ssim(x, x).tolist()
    [1.0]

    Reference: Wang et al. 2004, "Image Quality Assessment: From Error Visibility to
    Structural Similarity", equation 13.
    """
    x, y = _check_images(images, references, value_range)
    check_positive_integer("filter_size", filter_size)
    if filter_size % 2 == 0 or filter_size > min(x.shape[1:3]):
        raise ValueError(
            "filter_size must be odd and at most the images' height and width. "
            f"Received: filter_size={filter_size}, shape={x.shape}"
        )
    offsets = np.arange(filter_size) - filter_size // 2
    window = np.exp(-0.5 * (offsets / _SIGMA) ** 2)
    window /= window.sum()
    mean_x, mean_y = _blur(x, window), _blur(y, window)
    cross = _blur(x * y, window) - mean_x * mean_y
    variances = _blur(x * x, window) - mean_x**2 + _blur(y * y, window) - mean_y**2
    luminance = (2.0 * mean_x * mean_y + _K1**2) / (mean_x**2 + mean_y**2 + _K1**2)
    structure = (2.0 * cross + _K2**2) / (variances + _K2**2)
    return np.mean(luminance * structure, axis=(1, 2, 3))


def psnr(images, references, value_range=None):
    """Peak signal-to-noise ratio of pairs of images: `-10 log10(MSE)` on [0, 1].

    Args:
        images: Array (N, H, W, C): uint8, or floats within `value_range`.
        references: Array like `images`.
        value_range: `(low, high)` of float images; None for uint8.

    Returns:
        float64 (N,) in decibels; infinite for equal images.

    Raises:
        TypeError: As in `ssim`.
        ValueError: As in `ssim`.

    Example:

    >>> import numpy as np
    >>> from kerasgen.metrics import psnr
    >>> x = np.zeros((1, 8, 8, 1), "uint8")
    >>> round(float(psnr(x, x + 51)[0]), 4)  # errors of 0.2
    13.9794
    """
    x, y = _check_images(images, references, value_range)
    error = np.mean((x - y) ** 2, axis=(1, 2, 3))
    with np.errstate(divide="ignore"):
        return -10.0 * np.log10(error)


def sharpness(images, value_range=None):
    """Variance of the Laplacian of each image: low where it is blurred.

    The kernel is [[0, 1, 0], [1, -4, 1], [0, 1, 0]] on the mean of the channels,
    rescaled to [0, 1], over the valid region. It rises with noise too: compare it with
    that of real images.

    Args:
        images: Array (N, H, W, C), sides of at least 3: uint8, or floats within
            `value_range`.
        value_range: `(low, high)` of float images; None for uint8.

    Returns:
        float64 (N,), at least 0.

    Raises:
        TypeError: As in `ssim`.
        ValueError: As in `ssim`.

    Example:

    >>> import numpy as np
    >>> from kerasgen.metrics import sharpness
    >>> sharpness(np.full((1, 8, 8, 1), 7, "uint8")).tolist()
    [0.0]

    Reference: Pech-Pacheco et al. 2000, "Diatom Autofocusing in Brightfield
    Microscopy"; for generative models Tolstikhin et al. 2018, "Wasserstein
    Auto-Encoders", section 4.
    """
    x = _check_images(images, None, value_range)[0].mean(axis=3)
    if min(x.shape[1:]) < 3:
        raise ValueError(
            f"images must be at least 3 pixels high and wide. Received: {x.shape}"
        )
    inner = x[:, 1:-1, 1:-1]
    neighbors = x[:, :-2, 1:-1] + x[:, 2:, 1:-1] + x[:, 1:-1, :-2] + x[:, 1:-1, 2:]
    return np.var(neighbors - 4.0 * inner, axis=(1, 2))


def _blur(x, window):
    half = len(window) // 2
    for axis in (1, 2):
        x = ndimage.correlate1d(x, window, axis=axis, mode="constant")
    return x[:, half : x.shape[1] - half, half : x.shape[2] - half]


def _check_images(images, references, value_range):
    """The images, and the references where there are any, as float64 in [0, 1]."""
    arrays = [_to_unit("images", images, value_range)]
    if references is not None:
        arrays.append(_to_unit("references", references, value_range))
        if arrays[0].shape != arrays[1].shape:
            raise ValueError(
                "images and references must have equal shapes. "
                f"Received: {arrays[0].shape} and {arrays[1].shape}"
            )
    return arrays


def _to_unit(name, images, value_range):
    images = np.asarray(images)
    if images.ndim != 4 or 0 in images.shape:
        raise ValueError(
            f"{name} must have shape (N, H, W, C), none of them 0. "
            f"Received: shape={images.shape}"
        )
    if value_range is None:
        if images.dtype != np.uint8:
            raise TypeError(
                f"{name} must be uint8, or come with value_range=(low, high). "
                f"Received: dtype={images.dtype}"
            )
        return images / 255.0
    low, high = value_range
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise ValueError(
            "value_range must be two finite numbers (low, high), the first smaller. "
            f"Received: value_range={value_range}"
        )
    values = real_array(name, images).astype("float64")
    check_finite(name, values)
    if values.min() < low or values.max() > high:
        raise ValueError(
            f"{name} must lie within value_range=({low}, {high}). "
            f"Received: values from {values.min():.4g} to {values.max():.4g}"
        )
    return (values - low) / (high - low)
