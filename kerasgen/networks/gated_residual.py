"""Gated residual blocks of PixelCNN++, one for each of its two streams."""

import keras
from keras import layers, ops

from kerasgen.networks.shifted_conv import ShiftedConv2D

SEES_ROWS = (1, 1)
SEES_LEFT = (1, 0)
# Blocks start near the identity: a tenth of the usual deviation, as in the paper's
# code.
NEAR_IDENTITY = {
    "class_name": "VarianceScaling",
    "config": {"scale": 0.01, "mode": "fan_avg", "distribution": "uniform"},
}


class GatedResidual(keras.layers.Layer):
    """A block: x + a * sigmoid(b), where a and b come of two convolutions of x.

    `concat_elu` stands before each. The first convolution adds 1x1 maps of other
    features, the second a bias of the sample's class; dropout is between them.

    Args:
        filters: Channels of inputs and outputs.
        reach: Of `ShiftedConv2D`.
        num_others: How many other features it takes.
        num_classes: Number of classes, or None.
        **kwargs: Of `keras.layers.Layer`.

    Reference: Salimans et al. 2017, "PixelCNN++", section 2; van den Oord et al. 2016,
    "Conditional Image Generation with PixelCNN Decoders", equation 4, of the bias.
    """

    def __init__(self, filters, reach, num_others, num_classes=None, **kwargs):
        super().__init__(**kwargs)
        self.filters = filters
        self.first = ShiftedConv2D(filters, reach, name="first")
        self.second = ShiftedConv2D(
            2 * filters, reach, kernel_initializer=NEAR_IDENTITY, name="second"
        )
        self.others = [
            layers.Dense(filters, use_bias=False, name=f"other_{i}")
            for i in range(num_others)
        ]
        self.classes = None
        if num_classes is not None:
            self.classes = layers.Embedding(num_classes, 2 * filters, name="classes")

    def build(self, input_shape=None):
        for conv in (self.first, self.second):
            conv.build((None, None, None, 2 * self.filters))
        for dense in self.others:
            dense.build((None, 2 * self.filters))
        if self.classes is not None:
            self.classes.build((None,))
        self.built = True

    def call(self, x, others, labels=None, kept=None):
        """Runs over whole maps.

        Args:
            x: (B, H, W, filters).
            others: List of other features of that shape.
            labels: int (B,), or None.
            kept: What dropout multiplies with, (B, H, W, 2 * filters), or None.

        Returns:
            Tensor of the shape of `x`.
        """
        hidden = self.first(concat_elu(x)) + self.from_others(others)
        hidden = concat_elu(hidden)
        if kept is not None:
            hidden = hidden * kept
        gate = self.second(hidden)
        for bias in self.class_biases(labels):
            gate = gate + bias[:, None, None]
        return add_gate(x, gate)

    def from_others(self, others, first=0):
        """What other features, from the `first` on, add to the first convolution."""
        layers_of = self.others[first : first + len(others)]
        return sum(
            (dense(concat_elu(x)) for dense, x in zip(layers_of, others, strict=True)),
            0,
        )

    def class_biases(self, labels):
        """What a sample's class adds to its gate: list of (B, 2 * filters), or none."""
        return [] if self.classes is None else [self.classes(labels)]


class RowBlock(GatedResidual):
    """A block of the stream that knows rows: of all pixels above."""

    def __init__(self, filters, num_others, num_classes=None, **kwargs):
        super().__init__(filters, SEES_ROWS, num_others, num_classes, **kwargs)

    def run_row(self, above, x, others, biases):
        """One row of what `call` gives.

        Args:
            above: Pair of the convolutions' inputs in the row above, (B, W, D).
            x: (B, W, filters).
            others: List of other features of that shape.
            biases: Of `class_biases`.

        Returns:
            (outputs (B, W, filters), this row's pair of inputs).
        """
        inputs = concat_elu(x)
        hidden = self.first.from_above(above[0]) + self.first.from_row(inputs)
        hidden = concat_elu(hidden + self.from_others(others))
        gate = self.second.from_above(above[1]) + self.second.from_row(hidden)
        for bias in biases:
            gate = gate + bias[:, None]
        return add_gate(x, gate), [inputs, hidden]


class PixelBlock(GatedResidual):
    """A block of the stream that knows the row up to the pixel too.

    The first of its other features are the row stream's.
    """

    def __init__(self, filters, num_others, num_classes=None, **kwargs):
        super().__init__(filters, SEES_LEFT, num_others, num_classes, **kwargs)

    def row_context(self, above, rows, biases):
        """What is known of each pixel before the row begins.

        Args:
            above: Pair of the convolutions' inputs in the row above, (B, W, D).
            rows: (B, W, filters), the row stream's features.
            biases: Of `class_biases`.

        Returns:
            Pair of (B, W, filters) and (B, W, 2 * filters).
        """
        first = self.first.from_above(above[0]) + self.from_others([rows])
        second = self.second.from_above(above[1])
        for bias in biases:
            second = second + bias[:, None]
        return [first, second]

    def pixel(self, left, context, x, others):
        """What `call` gives at one pixel.

        Args:
            left: Pair of the convolutions' inputs to the left, (B, D).
            context: Pair of `row_context` at this pixel.
            x: (B, filters).
            others: List of other features but the row stream's, of that shape.

        Returns:
            (outputs (B, filters), this pixel's pair of inputs).
        """
        inputs = concat_elu(x)
        hidden = self.first.pixel(left[0], inputs) + context[0]
        hidden = concat_elu(hidden + self.from_others(others, first=1))
        gate = self.second.pixel(left[1], hidden) + context[1]
        return add_gate(x, gate), [inputs, hidden]


def concat_elu(x):
    """ELU of x and of -x, twice the channels."""
    return ops.elu(ops.concatenate([x, -x], axis=-1))


def add_gate(x, gate):
    """X + a * sigmoid(b), with a and b the halves of `gate`."""
    a, b = ops.split(gate, 2, axis=-1)
    return x + a * ops.sigmoid(b)
