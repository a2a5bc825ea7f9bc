"""The network of PixelRNN: LSTMs over rows or diagonals, with residual connections."""

import keras
from keras import ops

from kerasgen.layers.masked_conv import MaskedConv2D
from kerasgen.layers.masked_dense import MaskedDense
from kerasgen.networks.diagonal_bilstm import DiagonalBiLSTM
from kerasgen.networks.pixel_network import PixelNetwork, shift_in
from kerasgen.networks.row_lstm import RowLSTM

CELLS = {"row_lstm": RowLSTM, "diagonal_bilstm": DiagonalBiLSTM}


@keras.saving.register_keras_serializable(package="kerasgen")
class PixelRNNNetwork(PixelNetwork):
    """PixelRNN: a first convolution with mask A, then layers of two-dimensional LSTMs.

    Between layers are twice as many channels as in the LSTMs' states, to which each
    layer adds its states after a masked 1x1 convolution. Two 1x1 convolutions with ReLU
    before each follow.

    Maps of a Diagonal BiLSTM have one column more than the image, on its right. The
    first convolution tells no column of a row of the row's last pixel, and so the
    states from the right would leave that pixel unseen in the row below.

    When it samples, what the rows above add to each layer is computed once a row, the
    rest once a pixel.

    Args:
        image_shape: (height, width, channels).
        num_parameters: Parameters of a channel's distribution.
        cell: "row_lstm" or "diagonal_bilstm".
        num_layers: LSTM layers.
        filters: Channels of the LSTMs' states, a multiple of the image's.
        kernel_size: Odd width of a Row LSTM's kernels, None for its default.
        first_kernel_size: Odd size of the first convolution.
        **kwargs: Of `keras.layers.Layer`.

    Reference: van den Oord et al. 2016, "Pixel Recurrent Neural Networks", sections
    3.1-3.5, table 1.
    """

    def __init__(
        self,
        image_shape,
        num_parameters,
        cell="row_lstm",
        num_layers=7,
        filters=16,
        kernel_size=None,
        first_kernel_size=7,
        **kwargs,
    ):
        super().__init__(image_shape, num_parameters, None, **kwargs)
        self.cell = cell
        self.num_layers = num_layers
        self.filters = filters
        self.kernel_size = kernel_size
        self.first_kernel_size = first_kernel_size
        groups = self.channels
        self.first = MaskedConv2D(
            2 * filters, first_kernel_size, "A", groups, name="first"
        )
        sizes = {} if kernel_size is None else {"kernel_size": kernel_size}
        self.lstms = [
            CELLS[cell](filters, groups, name=f"layer_{i}_lstm", **sizes)
            for i in range(num_layers)
        ]
        self.has_column_beside = CELLS[cell].needs_column_beside
        self.widen = [
            MaskedDense(2 * filters, groups, name=f"layer_{i}_widen")
            for i in range(num_layers)
        ]
        self.head = self.make_head(2 * filters)

    def build(self, input_shape=None):
        """Creates all weights; the shapes are those of the constructor.

        Args:
            input_shape: Not used.
        """
        self.first.build((None, None, None, self.channels))
        for lstm, widen in zip(self.lstms, self.widen, strict=True):
            lstm.build((None, None, None, 2 * self.filters))
            widen.build((None, self.filters))
        for layer in self.head:
            layer.build((None, 2 * self.filters))
        self.built = True

    @property
    def width(self):
        """Columns of the feature maps, that beside the image included."""
        return self.image_shape[1] + self.has_column_beside

    def call(self, x, labels=None):
        """Parameters of every pixel; see `PixelNetwork`."""
        x = ops.cast(x, self.compute_dtype)
        if self.has_column_beside:
            x = ops.pad(x, ((0, 0), (0, 0), (0, 1), (0, 0)))
        x = self.first(x)
        for lstm, widen in zip(self.lstms, self.widen, strict=True):
            x = x + widen(lstm(x))
        return self.run_head(x[:, :, : self.image_shape[1]])

    def begin(self, batch_size, labels=None):
        """The state above the first row."""
        first, channels = self.first, self.channels
        state = {
            "above": self.zeros(batch_size, first.rows_above, self.width, channels),
            "left": self.zeros(batch_size, first.columns_left, channels),
            "lstms": [lstm.begin(batch_size, self.width) for lstm in self.lstms],
        }
        if self.has_column_beside:
            depths = [first.filters] + [lstm.context_depth for lstm in self.lstms]
            state["beside"] = [self.zeros(batch_size, depth) for depth in depths]
        return state

    def begin_row(self, state):
        """What the rows above add to the first convolution and to each layer."""
        pairs = [
            lstm.begin_row(part)
            for lstm, part in zip(self.lstms, state["lstms"], strict=True)
        ]
        context = [self.first.row_context(state["above"]), *(c for _, c in pairs)]
        left = ops.zeros_like(state["left"])
        state = {**state, "left": left, "lstms": [part for part, _ in pairs]}
        if self.has_column_beside:
            state["beside"] = [part[:, -1] for part in context]
        return state, context

    def pixel(self, state, context, values):
        """Runs all layers at one pixel."""
        x, features = self._run_pixel(state, context, values)
        return self.run_head(x), features

    def end_pixel(self, state, column, values, features):
        """Takes the pixel's values and states into what its right neighbour sees."""
        values = ops.cast(values, self.compute_dtype)
        parts = [
            lstm.end_pixel(part, column, found)
            for lstm, part, found in zip(
                self.lstms, state["lstms"], features, strict=True
            )
        ]
        return {**state, "left": shift_in(state["left"], values), "lstms": parts}

    def end_row(self, state, values):
        """Takes the finished row into what is above."""
        values = ops.cast(values, self.compute_dtype)
        if self.has_column_beside:
            blank = ops.zeros_like(values[:, 0])
            _, features = self._run_pixel(state, state["beside"], blank)
            state = self.end_pixel(state, self.width - 1, blank, features)
            values = ops.concatenate([values, blank[:, None]], axis=1)
        parts = [
            lstm.end_row(part)
            for lstm, part in zip(self.lstms, state["lstms"], strict=True)
        ]
        return {**state, "above": shift_in(state["above"], values), "lstms": parts}

    def _run_pixel(self, state, context, values):
        values = ops.cast(values, self.compute_dtype)
        x = self.first.pixel(state["left"], values) + context[0]
        features = []
        for lstm, widen, part, row in zip(
            self.lstms, self.widen, state["lstms"], context[1:], strict=True
        ):
            hidden, found = lstm.pixel(part, row, x)
            features.append(found)
            x = x + widen(hidden)
        return x, features

    def get_config(self):
        config = super().get_config()
        del config["num_classes"]
        return {
            **config,
            "cell": self.cell,
            "num_layers": self.num_layers,
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "first_kernel_size": self.first_kernel_size,
        }
