"""Images of few grey levels: what a model of discrete pixels accepts."""

import numpy as np

from kerasgen.datasets.levels import grey_values, quantize
from kerasgen.models.inputs import SCAN_ROWS, DataSpec

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

    def check(self, x, first_row=0):
        """As in `DataSpec`; raises ValueError for a value between levels too."""
        dtype = np.asarray(x).dtype
        x = super().check(x, first_row)
        tolerance = TOLERANCE
        if dtype == np.float16:
            # Up to an eighth of the distance between 256 levels.
            tolerance += float(np.finfo(dtype).eps) * (self.num_levels - 1) / 2.0
        for start in range(0, len(x), SCAN_ROWS):
            part = x[start : start + SCAN_ROWS]
            between = self._is_between(part, tolerance)
            if between.any():
                row = int(np.argmax(between.reshape(len(part), -1).any(axis=1)))
                raise ValueError(
                    f"Expected images of {self.num_levels} evenly spaced levels from "
                    "black to white; kerasgen.datasets.quantize(images, "
                    f"{self.num_levels}) rounds to them. Received: the value "
                    f"{part[row][between[row]][0]} in sample {first_row + start + row}"
                )
        return x

    def _is_between(self, x, tolerance):
        """Which values lie on no level: bool, shaped like `x`."""
        if x.dtype == np.uint8:
            return quantize(x, self.num_levels) != x
        position = (x + 1.0) * ((self.num_levels - 1) / 2.0)
        return np.abs(position - np.round(position)) > tolerance
