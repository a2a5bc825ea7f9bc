"""Images of few grey levels: what a model of discrete pixels accepts."""

import numpy as np
from keras import ops

from kerasgen.datasets.levels import grey_values, quantize
from kerasgen.models.inputs import DataSpec, blocks_of

TOLERANCE = 1e-3


class LevelSpec(DataSpec):
    """A `DataSpec` of images whose values lie on evenly spaced levels.

    Args:
        num_levels: Levels from black to white, 2 to 256.
        shape: (height, width, channels).
        num_classes: As in `DataSpec`.
        value_range: As in `DataSpec`.
    """

    def __init__(self, num_levels, shape, num_classes=None, value_range=None):
        super().__init__(shape, num_classes, value_range)
        self.num_levels = num_levels

    def scan(self, x, first_row=0):
        """As in `DataSpec`; raises ValueError for a value between levels too."""
        super().scan(x, first_row)
        tolerance = TOLERANCE
        if x.dtype == np.float16:
            # Up to an eighth of the distance between 256 levels.
            tolerance += float(np.finfo(x.dtype).eps) * (self.num_levels - 1) / 2.0
        for start, part in blocks_of(x):
            part = self.convert(part)
            between = self._is_between(part, tolerance)
            if between.any():
                row = int(np.argmax(between.reshape(len(part), -1).any(axis=1)))
                raise ValueError(
                    f"Expected images of {self.num_levels} evenly spaced levels from "
                    "black to white; kerasgen.datasets.quantize(images, "
                    f"{self.num_levels}) rounds to them. Received: the value "
                    f"{part[row][between[row]][0]} in sample {first_row + start + row}"
                )

    def _is_between(self, x, tolerance):
        """Which values lie on no level: bool, shaped like `x`."""
        if x.dtype == np.uint8:
            return quantize(x, self.num_levels) != x
        position = (x + 1.0) * ((self.num_levels - 1) / 2.0)
        return np.abs(position - np.round(position)) > tolerance


def to_positions(images, num_levels):
    """Where images lie between black, 0, and white, `num_levels - 1`.

    Args:
        images: uint8 or float32 in [-1, 1], as `DataSpec` returns them.
        num_levels: Integer in [2, 256].

    Returns:
        float64 of the same shape; whole numbers for fewer than 256 levels.
    """
    steps = num_levels - 1
    if images.dtype == np.uint8:
        positions = images * (steps / 255)
    else:
        positions = (images.astype(np.float64) + 1.0) * (steps / 2)
    # Of 256 levels every uint8 value is one, and floats in between count as they are.
    return positions if num_levels == 256 else np.round(positions)


def to_grey(images, num_levels):
    """uint8 images on the levels of images that `DataSpec` has returned."""
    if images.dtype == np.uint8:
        return images
    levels = np.floor(to_positions(images, num_levels) + 0.5).astype(np.int64)
    return grey_values(num_levels)[np.clip(levels, 0, num_levels - 1)]


def levels_to_grey(levels, num_levels):
    """uint8 images of levels, an int32 tensor of any shape."""
    # The grey values of `datasets.quantize`, which float32 would miss by one.
    table = ops.convert_to_tensor(grey_values(num_levels))
    return ops.take(table, levels, axis=0)
