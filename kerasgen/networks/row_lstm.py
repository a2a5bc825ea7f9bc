"""The Row LSTM of PixelRNN."""

import keras
from keras import layers, ops

from kerasgen.layers.masked_conv import MaskedConv2D
from kerasgen.networks.pixel_lstm import PixelLSTM, lstm_step, run_from_zeros
from kerasgen.networks.pixel_network import shift_in, write_column


class RowLSTM(PixelLSTM):
    """An LSTM from row to row: each pixel sees a triangle above it.

    Args:
        filters: Channels of the states, a multiple of `num_groups`.
        num_groups: Colours of the image.
        kernel_size: Odd width of the input-to-state and state-to-state kernels.
        **kwargs: Of `keras.layers.Layer`.

    Reference: van den Oord et al. 2016, "Pixel Recurrent Neural Networks", section 3.1.
    """

    def __init__(self, filters, num_groups, kernel_size=3, **kwargs):
        super().__init__(filters, **kwargs)
        self.input_to_state = MaskedConv2D(
            4 * filters,
            (1, kernel_size),
            "B",
            num_groups,
            num_parts=4,
            use_bias=False,
            name="input_to_state",
        )
        self.rows = layers.RNN(
            _RowCell(filters, kernel_size, name="cell"),
            return_sequences=True,
            name="rows",
        )

    def build(self, input_shape):
        self.channels = input_shape[-1]
        self.input_to_state.build(input_shape)
        self.rows.build((*input_shape[:-1], 4 * self.filters))
        self.built = True

    def call(self, x):
        return run_from_zeros(self.rows, self.input_to_state(x))

    def begin(self, batch_size, width):
        return {
            "left": self.zeros(
                batch_size, self.input_to_state.columns_left, self.channels
            ),
            # Of the row above, then of the row itself from the left.
            "hidden": self.zeros(batch_size, width, self.filters),
            "cell": self.zeros(batch_size, width, self.filters),
        }

    def begin_row(self, state):
        gates = self.rows.cell.from_above(state["hidden"])
        context = ops.concatenate([gates, state["cell"]], axis=-1)
        return {**state, "left": ops.zeros_like(state["left"])}, context

    def pixel(self, state, context, x):
        gates, cell = self.split_context(context)
        gates = gates + self.input_to_state.pixel(state["left"], x)
        hidden, cell = lstm_step(gates, cell)
        return hidden, (x, hidden, cell)

    def end_pixel(self, state, column, features):
        x, hidden, cell = features
        return {
            "left": shift_in(state["left"], x),
            "hidden": write_column(state["hidden"], column, hidden),
            "cell": write_column(state["cell"], column, cell),
        }


class _RowCell(keras.layers.Layer):
    """A step of `keras.layers.RNN` from one row to the next."""

    def __init__(self, filters, kernel_size, **kwargs):
        super().__init__(**kwargs)
        self.state_size = [filters, filters]
        self.from_above = layers.Conv1D(
            4 * filters, kernel_size, padding="same", name="state_to_state"
        )

    def build(self, input_shape):
        self.from_above.build((None, None, self.state_size[0]))
        self.built = True

    def call(self, gates, states):
        hidden, cell = lstm_step(gates + self.from_above(states[0]), states[1])
        return hidden, [hidden, cell]
