"""Masks of the values that a completion keeps."""

import numpy as np


def check_mask(mask, num_samples, data_shape):
    """Returns a mask of every value of every sample.

    Args:
        mask: bool array, True where a value is kept: of the samples' shape, of one
            sample's, or either without the channels of images.
        num_samples: Number of samples.
        data_shape: Shape of one sample: (height, width, channels) or (features,).

    Returns:
        bool array (num_samples, *data_shape), read-only.

    Raises:
        TypeError: The mask is not of bools.
        ValueError: The mask has another shape.
    """
    mask = np.asarray(mask)
    if mask.dtype != np.bool_:
        raise TypeError(
            "`mask` is an array of bools, True where a value is kept. "
            f"Received: dtype={mask.dtype}"
        )
    shape = (num_samples, *data_shape)
    allowed = [shape, shape[1:]]
    if len(data_shape) == 3:
        allowed += [shape[:-1], shape[1:-1]]
    if mask.shape not in allowed:
        raise ValueError(
            f"`mask` is of shape {', '.join(map(str, allowed[:-1]))} or {allowed[-1]}. "
            f"Received: shape={mask.shape}"
        )
    if mask.shape in allowed[2:]:
        mask = mask[..., None]
    return np.broadcast_to(mask, shape)
