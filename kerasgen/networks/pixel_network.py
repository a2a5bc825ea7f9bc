"""What networks over pixels in raster order have in common."""

import keras
from keras import ops
from keras.src.backend import AutocastScope

from kerasgen.layers.masked_dense import MaskedDense


class PixelNetwork(keras.layers.Layer):
    """Base: parameters of each pixel's distribution, whole images at once or in order.

    `call(x, labels)` maps samples in the model domain, float (B, H, W, C), and int
    labels (B,) or None, to parameters (B, H, W, C, num_parameters) where those of a
    pixel's channel depend on what comes before it alone.

    For sampling the same function runs pixel by pixel. A state is a nested structure
    of tensors:

    - `begin(batch_size, labels)` -> state above the first row,
    - `begin_row(state)` -> (state, context), context (B, W, ...) or a list of such,
      what earlier rows say of each pixel,
    - `begin_pixel(state, context, column)` -> state, with what needs none of the
      pixel's own values, where a network computes that apart,
    - `pixel(state, context, values)` -> (parameters (B, C, num_parameters), features),
      with the context of one pixel and its values (B, C) in the model domain, of which
      the channels before one's own count,
    - `end_pixel(state, column, values, features)` -> state, once all values are known,
    - `end_row(state, values)` -> state, with the row's values (B, W, C).

    Args:
        image_shape: (height, width, channels).
        num_parameters: Parameters of a channel's distribution.
        num_classes: Number of classes of a conditional network, or None.
        **kwargs: Of `keras.layers.Layer`.
    """

    def __init__(self, image_shape, num_parameters, num_classes=None, **kwargs):
        super().__init__(**kwargs)
        self.image_shape = tuple(image_shape)
        self.num_parameters = num_parameters
        self.num_classes = num_classes

    @property
    def channels(self):
        return self.image_shape[2]

    def begin_row(self, state):
        return state, None

    def begin_pixel(self, state, context, column):
        return state

    def end_row(self, state, values):
        return state

    def precision_scope(self):
        """Where the parts that make up `call` compute as they do in it."""
        return AutocastScope(self.compute_dtype)

    def zeros(self, *shape):
        """Zeros of the network's compute dtype."""
        return ops.zeros(shape, self.compute_dtype)

    def make_head(self, filters):
        """Two masked 1x1 convolutions, from features to parameters."""
        groups = self.channels
        return [
            MaskedDense(filters, groups, name="head_1"),
            MaskedDense(groups * self.num_parameters, groups, name="head_2"),
        ]

    def run_head(self, x):
        """Features (..., filters) to parameters (..., channels, num_parameters)."""
        for layer in self.head:
            x = layer(ops.relu(x))
        shape = ops.shape(x)[:-1]
        return ops.reshape(x, (*shape, self.channels, self.num_parameters))

    def get_config(self):
        return {
            **super().get_config(),
            "image_shape": list(self.image_shape),
            "num_parameters": self.num_parameters,
            "num_classes": self.num_classes,
        }


def shift_in(window, values):
    """A window (B, n, ...) moved on by one, with `values` (B, ...) as its last."""
    return ops.concatenate([window, values[:, None]], axis=1)[:, 1:]


def write_column(row, column, values):
    """`row` (B, W, D) with `values` (B, D) at a column.

    By a mask: an update in place has no kernel in SavedModels outside XLA.
    """
    here = ops.arange(row.shape[1], dtype="int32") == column
    return ops.where(here[None, :, None], values[:, None], row)
