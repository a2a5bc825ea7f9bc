"""The Diagonal BiLSTM of PixelRNN, and the skewed maps that it runs over."""

import keras
from keras import layers, ops

from kerasgen.layers.masked_dense import MaskedDense
from kerasgen.networks.pixel_lstm import PixelLSTM, lstm_step, run_from_zeros
from kerasgen.networks.pixel_network import write_column


class DiagonalBiLSTM(PixelLSTM):
    """Two LSTMs along diagonals: each pixel sees all before it.

    One starts at the left, the other at the right, whose states are moved down by one
    row before the two are added: a pixel's own row is later to its right.

    Args:
        filters: As in `RowLSTM`.
        num_groups: As in `RowLSTM`.
        **kwargs: Of `keras.layers.Layer`.

    Reference: van den Oord et al. 2016, "Pixel Recurrent Neural Networks", section 3.2.
    """

    needs_column_beside = True

    def __init__(self, filters, num_groups, **kwargs):
        super().__init__(filters, **kwargs)
        self.from_left = _DiagonalLSTM(filters, num_groups, name="from_left")
        self.from_right = _DiagonalLSTM(filters, num_groups, name="from_right")

    def build(self, input_shape):
        self.channels = input_shape[-1]
        self.from_left.build(input_shape)
        self.from_right.build(input_shape)
        self.built = True

    def call(self, x):
        right = ops.flip(self.from_right(ops.flip(x, axis=2)), axis=2)
        above = ops.pad(right[:, :-1], ((0, 0), (1, 0), (0, 0), (0, 0)))
        return self.from_left(x) + above

    def begin(self, batch_size, width):
        return {
            "inputs": self.zeros(batch_size, width, self.channels),
            # Of the row above, then of the row itself from the left.
            "left": self.zeros(batch_size, width, self.filters),
            "right": self.zeros(batch_size, width, self.filters),
            "hidden": self.zeros(batch_size, self.filters),
            "cell": self.zeros(batch_size, self.filters),
        }

    def begin_row(self, state):
        gates = self.from_left.cell.from_above(state["left"])
        context = ops.concatenate([gates, state["right"]], axis=-1)
        hidden, cell = (ops.zeros_like(state[name]) for name in ("hidden", "cell"))
        return {**state, "hidden": hidden, "cell": cell}, context

    def pixel(self, state, context, x):
        gates, right = self.split_context(context)
        gates = gates + self.from_left.input_to_state(x)
        hidden, cell = self.from_left.cell.next_of_row(
            gates, state["hidden"], state["cell"]
        )
        return hidden + right, (x, hidden, cell)

    def end_pixel(self, state, column, features):
        x, hidden, cell = features
        return {
            **state,
            "inputs": write_column(state["inputs"], column, x),
            "left": write_column(state["left"], column, hidden),
            "hidden": hidden,
            "cell": cell,
        }

    def end_row(self, state):
        inputs, above = (ops.flip(state[name], axis=1) for name in ("inputs", "right"))
        right = self.from_right.run_row(inputs, above)
        return {**state, "right": ops.flip(right, axis=1)}


class _DiagonalLSTM(keras.layers.Layer):
    """The direction from the left of a Diagonal BiLSTM."""

    def __init__(self, filters, num_groups, **kwargs):
        super().__init__(**kwargs)
        self.filters = filters
        self.input_to_state = MaskedDense(
            4 * filters, num_groups, num_parts=4, name="input_to_state"
        )
        self.diagonals = layers.RNN(
            _DiagonalCell(filters, name="cell"),
            return_sequences=True,
            name="diagonals",
        )

    @property
    def cell(self):
        return self.diagonals.cell

    def build(self, input_shape):
        self.input_to_state.build(input_shape)
        self.diagonals.build((None, None, None, 4 * self.filters))
        self.built = True

    def call(self, x):
        gates = skew(self.input_to_state(x))
        states = run_from_zeros(self.diagonals, ops.transpose(gates, (0, 2, 1, 3)))
        return unskew(ops.transpose(states, (0, 2, 1, 3)))

    def run_row(self, x, above):
        """States of a whole row.

        Args:
            x: (B, W, channels), the row's inputs.
            above: (B, W, filters), states of the row above.
        """
        gates = self.input_to_state(x) + self.cell.from_above(above)

        def step(states, gates):
            states = self.cell.next_of_row(gates, *states)
            return states, states

        start = ops.zeros_like(above[:, 0])
        gates = ops.transpose(gates, (1, 0, 2))
        _, (hidden, _) = ops.scan(step, (start, start), gates)
        return ops.transpose(hidden, (1, 0, 2))


class _DiagonalCell(keras.layers.Layer):
    """A step of `keras.layers.RNN` from one column of a skewed map to the next.

    Each pixel has the one above and the one before it in its row in that column. No
    bias is added, so that states left of the image, where gates are zero, stay zero.
    """

    def __init__(self, filters, **kwargs):
        super().__init__(**kwargs)
        self.state_size = [filters, filters]
        self.state_to_state = layers.Conv1D(
            4 * filters, 2, padding="causal", use_bias=False, name="state_to_state"
        )

    def build(self, input_shape):
        self.state_to_state.build((None, None, self.state_size[0]))
        self.built = True

    def call(self, gates, states):
        hidden, cell = lstm_step(gates + self.state_to_state(states[0]), states[1])
        return hidden, [hidden, cell]

    def from_above(self, hidden):
        """What states (..., filters) add to the gates of the pixels below them."""
        return self._map(hidden, 0)

    def next_of_row(self, gates, hidden, cell):
        """States (hidden, cell) of pixels, given those of the pixels before them.

        Args:
            gates: (B, 4 * filters), all but what the pixels before them add.
            hidden: (B, filters).
            cell: (B, filters).
        """
        return lstm_step(gates + self._map(hidden, 1), cell)

    def _map(self, hidden, row):
        kernel = self.state_to_state.kernel[row]
        return ops.matmul(hidden, ops.cast(kernel, self.compute_dtype))


def skew(x):
    """A map whose diagonals are columns: each row one further right than that above.

    Args:
        x: (B, H, W, channels).

    Returns:
        Tensor of shape (B, H, W + H - 1, channels), zeros around the rows.
    """
    _, height, width, channels = x.shape
    x = ops.pad(x, ((0, 0), (0, 0), (0, height), (0, 0)))
    # Rows of W + H values, read as rows of one less.
    flat = ops.reshape(x, (-1, height * (width + height), channels))
    return ops.reshape(flat[:, :-height], (-1, height, width + height - 1, channels))


def unskew(x):
    """The inverse of `skew`.

    Args:
        x: (B, H, W + H - 1, channels).

    Returns:
        Tensor of shape (B, H, W, channels).
    """
    _, height, skewed_width, channels = x.shape
    flat = ops.reshape(x, (-1, height * skewed_width, channels))
    flat = ops.pad(flat, ((0, 0), (0, height), (0, 0)))
    x = ops.reshape(flat, (-1, height, skewed_width + 1, channels))
    return x[:, :, : skewed_width + 1 - height]
