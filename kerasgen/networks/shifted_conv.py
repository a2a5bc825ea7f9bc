"""Convolutions over a row and the one above: whole maps, or row by row and in order."""

import keras
from keras import ops

from kerasgen import backend


class ShiftedConv2D(keras.layers.Layer):
    """A convolution of two rows that sees no row below its own.

    With stride 2 it gives every second row and column: that at (i, j) lies over
    (2i, 2j) of the inputs. Sizes are rounded up.

    The same weights also run a part at a time: `from_above(row above)` and
    `from_row(own row)` add up to a row of what `call` gives, as do `from_above` and
    `pixel` where no column to the right is seen.

    Args:
        filters: Output channels.
        reach: Columns seen to the left and to the right: (1, 1) for rows that are
            known as a whole, (1, 0) where the row is known up to the pixel.
        stride: 1 or 2.
        kernel_initializer: Initializer of the kernel.
        **kwargs: Of `keras.layers.Layer`.

    Reference: Salimans et al. 2017, "PixelCNN++", section 2.3 and figure 2.
    """

    def __init__(
        self, filters, reach, stride=1, kernel_initializer="glorot_uniform", **kwargs
    ):
        super().__init__(**kwargs)
        self.filters = filters
        self.reach = reach
        self.stride = stride
        self.kernel_initializer = keras.initializers.get(kernel_initializer)

    def build(self, input_shape):
        shape = (2, sum(self.reach) + 1, input_shape[-1], self.filters)
        self.kernel = self.add_weight(
            shape, initializer=self.kernel_initializer, name="kernel"
        )
        self.bias = self.add_weight((self.filters,), "zeros", name="bias")
        self.built = True

    def call(self, x):
        pads = ((1, 0), self.reach)
        outputs = backend.convolve(x, self._kernel(), pads, self.stride)
        return outputs + self._cast(self.bias)

    def from_above(self, row):
        """What the row above, and the bias, add: (B, W, D) to (B, ceil(W / stride), F).

        Args:
            row: (B, W, D), zeros above the map.
        """
        return self._from_row(row, 0) + self._cast(self.bias)

    def from_row(self, row):
        """What the row itself adds: (B, W, D) to (B, ceil(W / stride), filters)."""
        return self._from_row(row, 1)

    def pixel(self, left, own):
        """What the row adds to one output, with a reach of (1, 0).

        Args:
            left: (B, D), the input to the left, zeros at the first.
            own: (B, D), the input at the output's place.

        Returns:
            Tensor of shape (B, filters).
        """
        return self._multiply(ops.concatenate([left, own], axis=-1), 1)

    def _from_row(self, row, index):
        width = row.shape[1]
        padded = ops.pad(row, ((0, 0), self.reach, (0, 0)))
        windows = [
            padded[:, start : start + width : self.stride]
            for start in range(sum(self.reach) + 1)
        ]
        return self._multiply(ops.concatenate(windows, axis=-1), index)

    def _multiply(self, windows, index):
        kernel = self._kernel()[index]
        return ops.matmul(windows, ops.reshape(kernel, (-1, self.filters)))

    def _kernel(self):
        return self._cast(self.kernel)

    def _cast(self, weight):
        # The layer's scope, which casts weights, is that of `call` alone.
        return ops.cast(weight, self.compute_dtype)
