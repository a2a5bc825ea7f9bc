"""Images of few grey levels: what a model of discrete pixels accepts."""

import numpy as np

from kerasgen.models.inputs import DataSpec

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
        x = super().check(x, first_row)
        if self.num_levels == 256 and x.dtype == np.uint8:
            return x
        for row, image in enumerate(x):
            unit = image / 127.5 - 1.0 if x.dtype == np.uint8 else image
            position = (unit + 1.0) * ((self.num_levels - 1) / 2.0)
            # A grey level is the nearest integer to a level of few.
            slack = (self.num_levels - 1) / 509 if x.dtype == np.uint8 else TOLERANCE
            between = np.abs(position - np.round(position)) > slack + 1e-6
            if between.any():
                value = image[between][0]
                raise ValueError(
                    f"Expected images of {self.num_levels} evenly spaced levels from "
                    "black to white; kerasgen.datasets.quantize(images, "
                    f"{self.num_levels}) rounds to them. "
                    f"Received: the value {value} in sample {first_row + row}"
                )
        return x
