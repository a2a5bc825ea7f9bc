"""The network of Gated PixelCNN: a vertical and a horizontal stack."""

import keras
from keras import layers, ops

from kerasgen import backend
from kerasgen.layers.masked_conv import MaskedConv2D
from kerasgen.layers.masked_dense import MaskedDense
from kerasgen.networks.pixel_network import PixelNetwork, shift_in
from kerasgen.pixel_distributions import unit_to_levels


@keras.saving.register_keras_serializable(package="kerasgen")
class GatedPixelCNNNetwork(PixelNetwork):
    """Gated PixelCNN: no blind spot, conditional on labels.

    The vertical stack sees all rows above, the horizontal one the row's own pixels and
    the vertical stack. Each layer is a gate, `tanh(a) * sigmoid(b)`, of convolutions to
    which each class adds a bias of its own. The horizontal stack has residual
    connections, and two 1x1 convolutions with ReLU follow it.

    When it samples, the vertical stack runs once a row, over the whole row, and the
    horizontal one once a pixel.

    Args:
        image_shape: (height, width, channels).
        num_parameters: Parameters of a channel's distribution.
        num_blocks: Layers after the first.
        filters: Channels of each stack, a multiple of the image's.
        kernel_size: Odd size of the layers' kernels.
        first_kernel_size: Odd size of the first layer's.
        num_classes: Number of classes, or None.
        one_hot: Whether a value is read as one of `num_parameters` levels, as a vector
            of zeros and a one, and not as a number.
        **kwargs: Of `keras.layers.Layer`.

    Reference: van den Oord et al. 2016, "Conditional Image Generation with PixelCNN
    Decoders", figure 2 and equation 4.
    """

    def __init__(
        self,
        image_shape,
        num_parameters,
        num_blocks=8,
        filters=64,
        kernel_size=3,
        first_kernel_size=7,
        num_classes=None,
        one_hot=False,
        **kwargs,
    ):
        super().__init__(image_shape, num_parameters, num_classes, **kwargs)
        self.one_hot = one_hot
        self.num_blocks = num_blocks
        self.filters = filters
        self.kernel_size = kernel_size
        self.first_kernel_size = first_kernel_size
        groups = self.channels
        sizes = [first_kernel_size] + [kernel_size] * num_blocks
        self.gates = [
            _GatedLayer(
                filters, size, index == 0, groups, num_classes, name=f"gate_{index}"
            )
            for index, size in enumerate(sizes)
        ]
        self.head = self.make_head(filters)

    def build(self, input_shape=None):
        """Creates all weights; the shapes are those of the constructor.

        Args:
            input_shape: Not used.
        """
        for index, gate in enumerate(self.gates):
            depth = self.filters if index else self.input_depth
            gate.build((None, None, None, depth))
        for layer in self.head:
            layer.build((None, self.filters))
        self.built = True

    def call(self, x, labels=None):
        """Parameters of every pixel; see `PixelNetwork`."""
        vertical = horizontal = self._read(x)
        for gate in self.gates:
            vertical, horizontal = gate(vertical, horizontal, labels)
        return self.run_head(horizontal)

    def begin(self, batch_size, labels=None):
        """The state above the first row."""
        width = self.image_shape[1]
        depths = [self.input_depth] + [self.filters] * self.num_blocks
        return {
            "above": [
                self.zeros(batch_size, gate.rows_above, width, depth)
                for gate, depth in zip(self.gates, depths, strict=True)
            ],
            "left": [
                self.zeros(batch_size, gate.columns_left, depth)
                for gate, depth in zip(self.gates, depths, strict=True)
            ],
            "biases": [gate.biases(labels) for gate in self.gates],
        }

    def begin_row(self, state):
        """Runs the vertical stack over the new row."""
        above, context, vertical = [], [], None
        for gate, rows, biases in zip(
            self.gates, state["above"], state["biases"], strict=True
        ):
            if vertical is not None:
                rows = ops.concatenate([rows, vertical[:, None]], axis=1)
            vertical, between = gate.run_row(rows, biases)
            # From the front, for a gate of one row keeps none.
            above.append(rows[:, rows.shape[1] - gate.rows_above :])
            context.append(between)
        left = [ops.zeros_like(window) for window in state["left"]]
        return {**state, "above": above, "left": left}, context

    def pixel(self, state, context, values):
        """Runs the horizontal stack at one pixel."""
        horizontal, inputs = self._read(values), []
        for gate, left, row in zip(self.gates, state["left"], context, strict=True):
            inputs.append(horizontal)
            horizontal = gate.run_pixel(left, horizontal, row)
        return self.run_head(horizontal), inputs[1:]

    def end_pixel(self, state, column, values, features):
        """Moves the windows of the horizontal stack on by one pixel."""
        inputs = [self._read(values), *features]
        left = [shift_in(*pair) for pair in zip(state["left"], inputs, strict=True)]
        return {**state, "left": left}

    def end_row(self, state, values):
        """Takes the finished row into what is above."""
        first, *rest = state["above"]
        above = shift_in(first, self._read(values))
        return {**state, "above": [above, *rest]}

    @property
    def input_depth(self):
        """Numbers that a pixel's values are read as."""
        return self.channels * (self.num_parameters if self.one_hot else 1)

    def _read(self, values):
        """Values (..., C) in the model domain as (..., input_depth)."""
        if not self.one_hot:
            return ops.cast(values, self.compute_dtype)
        levels = unit_to_levels(values, self.num_parameters)
        rows = ops.one_hot(levels, self.num_parameters, dtype=self.compute_dtype)
        return ops.reshape(rows, (*ops.shape(values)[:-1], self.input_depth))

    def get_config(self):
        return {
            **super().get_config(),
            "num_blocks": self.num_blocks,
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "first_kernel_size": self.first_kernel_size,
            "one_hot": self.one_hot,
        }


class _GatedLayer(keras.layers.Layer):
    """One gate of each stack, with the 1x1 convolutions between and behind them.

    The first layer's vertical convolution sees rows above only, the others' the row
    itself too, whose vertical features have seen rows above only.
    """

    def __init__(self, filters, size, is_first, groups, num_classes, **kwargs):
        super().__init__(**kwargs)
        self.filters = filters
        self.is_first = is_first
        self.rows_above = self.columns_left = size // 2
        self.vertical = layers.Conv2D(
            2 * filters,
            (size // 2 + (not is_first), size),
            use_bias=False,
            name="vertical",
        )
        self.between = layers.Dense(2 * filters, use_bias=False, name="between")
        self.horizontal = MaskedConv2D(
            2 * filters,
            (1, size),
            "A" if is_first else "B",
            groups,
            num_parts=2,
            use_bias=False,
            name="horizontal",
        )
        self.behind = MaskedDense(filters, groups, name="behind")
        self.classes = self.bias = None
        if num_classes is not None:
            self.classes = layers.Embedding(num_classes, 4 * filters, name="classes")

    def build(self, input_shape):
        self.vertical.build(input_shape)
        self.horizontal.build(input_shape)
        self.between.build((None, 2 * self.filters))
        self.behind.build((None, self.filters))
        if self.classes is None:
            self.bias = self.add_weight((4 * self.filters,), "zeros", name="bias")
        else:
            self.classes.build((None,))
        self.built = True

    def call(self, vertical, horizontal, labels=None):
        height = vertical.shape[1]
        conv = self._convolve(vertical, self.rows_above)[:, :height]
        first, second = (bias[:, None, None] for bias in self.biases(labels))
        vertical = _gate(conv + first)
        gate = _gate(
            self.horizontal.call(horizontal) + self.between.call(conv) + second
        )
        return vertical, self._add_residual(horizontal, self.behind.call(gate))

    def biases(self, labels):
        """Biases of the vertical and the horizontal gate, of each sample's class.

        They stand for those of all convolutions before a gate, so that each map is
        added to once.

        Args:
            labels: int (B,), or None.

        Returns:
            Pair of (B, 2 * filters); of (1, 2 * filters) without classes.
        """
        if self.classes is None:
            both = ops.cast(self.bias, self.compute_dtype)[None]
        else:
            both = self.classes.call(labels)
        return ops.split(both, 2, axis=-1)

    def run_row(self, rows, biases):
        """One row of the vertical stack: its features, and what the gate beside sees.

        Args:
            rows: (B, rows, W, channels) that the row's convolution covers.
            biases: Of `biases`.
        """
        conv = self._convolve(rows)[:, 0]
        first, second = (bias[:, None] for bias in biases)
        return _gate(conv + first), self.between.call(conv) + second

    def run_pixel(self, left, center, context):
        """One pixel of the horizontal stack."""
        gate = _gate(self.horizontal.pixel(left, center) + context)
        return self._add_residual(center, self.behind.call(gate))

    def _convolve(self, rows, rows_above=0):
        # Zeros above and on both sides in one go; the layer itself would add none.
        kernel = ops.cast(self.vertical.kernel, self.compute_dtype)
        pads = ((rows_above, 0), (self.columns_left,) * 2)
        return backend.convolve(rows, kernel, pads)

    def _add_residual(self, inputs, outputs):
        return outputs if self.is_first else inputs + outputs


def _gate(x):
    tanh, sigmoid = ops.split(x, 2, axis=-1)
    return ops.tanh(tanh) * ops.sigmoid(sigmoid)
