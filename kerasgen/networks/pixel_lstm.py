"""What the LSTMs of PixelRNN have in common."""

import keras
from keras import ops


class PixelLSTM(keras.layers.Layer):
    """Base: an LSTM over the pixels of a map, each with states of earlier ones.

    `call` maps features (B, H, W, channels) to states (B, H, W, filters) that depend on
    no later pixel and, within a pixel, on no later colour. For that the input-to-state
    connections are masked. State-to-state connections need no mask: they start at
    states of other pixels, all earlier ones, whose colours are all known.

    The same pixel by pixel, as in `PixelNetwork`:

    - `begin(batch_size, width)` -> state above the first row,
    - `begin_row(state)` -> (state, context (B, W, 5 * filters)), what earlier rows add
      to the gates, and the states of them that a pixel uses as they are,
    - `pixel(state, context, x)` -> (states (B, filters), features),
    - `end_pixel(state, column, features)` -> state,
    - `end_row(state)` -> state.

    Args:
        filters: Channels of the states.
        **kwargs: Of `keras.layers.Layer`.
    """

    needs_column_beside = False

    def __init__(self, filters, **kwargs):
        super().__init__(**kwargs)
        self.filters = filters
        self.context_depth = 5 * filters

    def end_row(self, state):
        return state

    def zeros(self, *shape):
        """Zeros of the layer's compute dtype."""
        return ops.zeros(shape, self.compute_dtype)

    def split_context(self, context):
        """A pixel's context as (gates (B, 4 * filters), states (B, filters))."""
        return ops.split(context, [4 * self.filters], axis=-1)


def run_from_zeros(rnn, gates):
    """States of every step of a `keras.layers.RNN` that starts with zeros."""
    zeros = ops.zeros_like(gates[:, 0, :, : rnn.state_size[0]])
    return rnn(gates, initial_state=[zeros, zeros])


def lstm_step(gates, cell):
    """The next (hidden, cell): equation 3 of van den Oord et al. 2016."""
    output, forget, update, content = ops.split(gates, 4, axis=-1)
    cell = ops.sigmoid(forget) * cell + ops.sigmoid(update) * ops.tanh(content)
    return ops.sigmoid(output) * ops.tanh(cell), cell
