"""The network of PixelCNN: masked convolutions in residual blocks."""

import keras
from keras import ops

from kerasgen.layers.masked_conv import MaskedConv2D
from kerasgen.layers.masked_dense import MaskedDense
from kerasgen.networks.pixel_network import PixelNetwork, shift_in, write_column


@keras.saving.register_keras_serializable(package="kerasgen")
class PixelCNNNetwork(PixelNetwork):
    """PixelCNN: a first convolution with mask A, residual blocks with mask B.

    A block is ReLU, 1x1 to half the filters, ReLU, masked convolution, ReLU, 1x1 back,
    added to its input. Two 1x1 convolutions with ReLU before each follow. Square masks
    leave a blind spot: pixels above and to the right that no layer sees.

    When it samples, what the rows above add to each convolution is computed once a
    row, the rest once a pixel.

    Args:
        image_shape: (height, width, channels).
        num_parameters: Parameters of a channel's distribution.
        num_blocks: Residual blocks.
        filters: Channels between blocks, an even multiple of the image's.
        kernel_size: Odd size of the blocks' kernels.
        first_kernel_size: Odd size of the first layer's.
        **kwargs: Of `keras.layers.Layer`.

    Reference: van den Oord et al. 2016, "Pixel Recurrent Neural Networks", sections
    3.4 and 3.5, table 1.
    """

    def __init__(
        self,
        image_shape,
        num_parameters,
        num_blocks=7,
        filters=64,
        kernel_size=3,
        first_kernel_size=7,
        **kwargs,
    ):
        super().__init__(image_shape, num_parameters, None, **kwargs)
        self.num_blocks = num_blocks
        self.filters = filters
        self.kernel_size = kernel_size
        self.first_kernel_size = first_kernel_size
        groups = self.channels
        self.first = MaskedConv2D(filters, first_kernel_size, "A", groups, name="first")
        self.blocks = [
            {
                "narrow": MaskedDense(filters // 2, groups, name=f"block_{i}_narrow"),
                "conv": MaskedConv2D(
                    filters // 2, kernel_size, "B", groups, name=f"block_{i}_conv"
                ),
                "widen": MaskedDense(filters, groups, name=f"block_{i}_widen"),
            }
            for i in range(num_blocks)
        ]
        self.head = self.make_head(filters)

    def build(self, input_shape=None):
        """Creates all weights; the shapes are those of the constructor.

        Args:
            input_shape: Not used.
        """
        self.first.build((None, None, None, self.channels))
        for block in self.blocks:
            block["narrow"].build((None, self.filters))
            block["conv"].build((None, None, None, self.filters // 2))
            block["widen"].build((None, self.filters // 2))
        for layer in self.head:
            layer.build((None, self.filters))
        self.built = True

    def call(self, x, labels=None):
        """Parameters of every pixel; see `PixelNetwork`."""
        x = self.first(ops.cast(x, self.compute_dtype))
        for block in self.blocks:
            hidden = ops.relu(block["narrow"](ops.relu(x)))
            x = x + block["widen"](ops.relu(block["conv"](hidden)))
        return self.run_head(x)

    @property
    def _convolutions(self):
        return [self.first, *(block["conv"] for block in self.blocks)]

    def begin(self, batch_size, labels=None):
        """The state above the first row."""
        width = self.image_shape[1]
        depths = [self.channels] + [self.filters // 2] * self.num_blocks
        pairs = [*zip(self._convolutions, depths, strict=True)]
        return {
            "above": [
                self.zeros(batch_size, conv.rows_above, width, d) for conv, d in pairs
            ],
            "left": [self.zeros(batch_size, conv.columns_left, d) for conv, d in pairs],
            "row": [self.zeros(batch_size, width, d) for _, d in pairs],
        }

    def begin_row(self, state):
        """What the rows above add to each convolution."""
        context = [
            conv.row_context(above)
            for conv, above in zip(self._convolutions, state["above"], strict=True)
        ]
        left = [ops.zeros_like(window) for window in state["left"]]
        return {**state, "left": left}, context

    def pixel(self, state, context, values):
        """Runs all layers at one pixel."""
        values = ops.cast(values, self.compute_dtype)
        left = iter(zip(state["left"], context, strict=True))
        window, row = next(left)
        x = self.first.pixel(window, values) + row
        inputs = []
        for block, (window, row) in zip(self.blocks, left, strict=True):
            hidden = ops.relu(block["narrow"](ops.relu(x)))
            inputs.append(hidden)
            conv = block["conv"].pixel(window, hidden) + row
            x = x + block["widen"](ops.relu(conv))
        return self.run_head(x), inputs

    def end_pixel(self, state, column, values, features):
        """Writes the pixel's features into the row, and moves the windows on."""
        inputs = [ops.cast(values, self.compute_dtype), *features]
        left = [shift_in(*pair) for pair in zip(state["left"], inputs, strict=True)]
        row = [
            write_column(row, column, value)
            for row, value in zip(state["row"], inputs, strict=True)
        ]
        return {**state, "left": left, "row": row}

    def end_row(self, state, values):
        """Takes the finished row into what is above."""
        pairs = zip(state["above"], state["row"], strict=True)
        return {**state, "above": [shift_in(*pair) for pair in pairs]}

    def get_config(self):
        config = super().get_config()
        del config["num_classes"]
        return {
            **config,
            "num_blocks": self.num_blocks,
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "first_kernel_size": self.first_kernel_size,
        }
