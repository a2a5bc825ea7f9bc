"""Halving and doubling of the feature maps of PixelCNN++, whole or in order."""

import keras
from keras import layers, ops

from kerasgen.networks.gated_residual import SEES_LEFT, SEES_ROWS
from kerasgen.networks.shifted_conv import ShiftedConv2D


class PixelResampling(keras.layers.Layer):
    """Strided convolutions of both streams, and transposed ones back.

    A place (i, j) of the halved maps lies over (2i, 2j), and knows what that knows of
    the image or less: it may stand for the four places from (2i, 2j) to (2i + 1,
    2j + 1), none of which is earlier. Odd sizes are rounded up, and the doubled maps
    cut at the bottom and on the right, where that hides nothing from earlier places.

    Args:
        filters: Channels of all maps.
        **kwargs: Of `keras.layers.Layer`.

    Reference: Salimans et al. 2017, "PixelCNN++", section 2.3; Ramachandran et al.
    2017, "Fast Generation for Convolutional Autoregressive Models", section 3, of
    running it in order.
    """

    def __init__(self, filters, **kwargs):
        super().__init__(**kwargs)
        self.filters = filters
        self.halve_rows = ShiftedConv2D(filters, SEES_ROWS, 2, name="halve_rows")
        self.halve_pixels = ShiftedConv2D(filters, SEES_LEFT, 2, name="halve_pixels")
        self.double_rows = layers.Conv2DTranspose(filters, (2, 3), 2, name="up_rows")
        # A transposed convolution whose kernel is the stride: a map to four places.
        self.double_pixels = layers.Dense(4 * filters, name="up_pixels")

    def build(self, input_shape=None):
        for layer in self._flatten_layers(include_self=False, recursive=False):
            layer.build((None, None, None, self.filters))
        self.built = True

    def halve(self, rows, pixels):
        """Maps (B, H, W, filters) of both streams at half the size."""
        return self.halve_rows(rows), self.halve_pixels(pixels)

    def double(self, rows, pixels, height, width):
        """Halved maps of both streams at the size (height, width)."""
        rows = self.double_rows(rows)[:, :height, 1 : 1 + width]
        pixels = self.double_pixels(pixels)
        _, half_height, half_width, _ = pixels.shape
        shape = (-1, half_height, half_width, 2, 2, self.filters)
        pixels = ops.transpose(ops.reshape(pixels, shape), (0, 1, 3, 2, 4, 5))
        shape = (-1, 2 * half_height, 2 * half_width, self.filters)
        return rows, ops.reshape(pixels, shape)[:, :height, :width]

    def halve_row(self, above, row):
        """The halved row stream over a row and the one above, (B, W, filters)."""
        return self.halve_rows.from_above(above) + self.halve_rows.from_row(row)

    def double_row(self, row, width):
        """Both rows (B, 2, width, filters) under a halved one of the row stream."""
        return self.double_rows(row[:, None])[:, :, 1 : 1 + width]

    def halve_pixel(self, left, own, context):
        """The halved pixel stream at one place.

        Args:
            left: (B, filters), the features left of `own`.
            own: (B, filters), the features that it lies over.
            context: (B, filters), of `halve_pixels.from_above`.
        """
        return self.halve_pixels.pixel(left, own) + context

    def one_of_four(self, doubled, row, column):
        """Features (B, filters) of a pixel, of the four (B, 4 * filters) around it."""
        places = ops.reshape(doubled, (-1, 4, self.filters))
        return places[:, 2 * (row % 2) + column % 2]
