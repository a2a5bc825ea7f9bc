"""PixelRNN's network: what each pixel sees, and the same pixel by pixel."""

import functools

import numpy as np
import pytest
from keras import ops

from kerasgen.networks.diagonal_bilstm import DiagonalBiLSTM, skew, unskew
from kerasgen.networks.pixel_rnn import PixelRNNNetwork
from kerasgen.networks.row_lstm import RowLSTM
from tests.networks.pixel_probes import (
    assert_pixel_by_pixel_as_all_at_once,
    randomize,
    run,
    seen_by_each_value,
    uniform,
)

CELLS = ("row_lstm", "diagonal_bilstm")


@functools.cache
def make_network(cell, image_shape, num_layers=2, **arguments):
    arguments = {"filters": 3, "first_kernel_size": 3, **arguments}
    network = PixelRNNNetwork(image_shape, 2, cell, num_layers, **arguments)
    network.build()
    return randomize(network, 0.4)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def step(gates, cell):
    """Equation 3: gates in the order output, forget, input, content."""
    o, f, i, g = np.split(gates, 4, axis=-1)
    cell = sigmoid(f) * cell + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(cell), cell


def row_lstm(layer, x):
    """Pixel by pixel in NumPy, of one image."""
    kernel = layer.input_to_state.get_weights()[0][0]
    from_above, bias = layer.rows.cell.get_weights()
    height, width, _ = x.shape
    states = np.zeros((2, height + 1, width + 2, layer.filters))
    padded = np.pad(x, ((0, 0), (1, 0), (0, 0)))
    for i, j in np.ndindex(height, width):
        gates = bias + padded[i, j] @ kernel[0] + padded[i, j + 1] @ kernel[1]
        for tap in range(3):
            gates = gates + states[0, i, j + tap] @ from_above[tap]
        states[:, i + 1, j + 1] = step(gates, states[1, i, j + 1])
    return states[0, 1:, 1:-1]


def diagonal_lstm(layer, x):
    """Pixel by pixel in NumPy, of one image; states with a margin above and left."""
    kernel, bias = layer.input_to_state.get_weights()
    above, before = layer.cell.get_weights()[0]
    height, width, _ = x.shape
    states = np.zeros((2, height + 1, width + 1, layer.filters))
    for i, j in np.ndindex(height, width):
        gates = x[i, j] @ kernel + bias
        gates = gates + states[0, i, j + 1] @ above + states[0, i + 1, j] @ before
        states[:, i + 1, j + 1] = step(gates, states[1, i + 1, j])
    return states[0]


def diagonal_bilstm(layer, x):
    left = diagonal_lstm(layer.from_left, x)[1:, 1:]
    # Its margin above is the row by which it moves down.
    right = diagonal_lstm(layer.from_right, x[:, ::-1])[:-1, :0:-1]
    return left + right


def test_skewed_rows_begin_one_further_right_each():
    x = ops.reshape(ops.arange(1.0, 7.0), (1, 3, 2, 1))
    skewed = ops.convert_to_numpy(skew(x))
    expected = [[1, 2, 0, 0], [0, 3, 4, 0], [0, 0, 5, 6]]
    np.testing.assert_array_equal(skewed[0, :, :, 0], expected)
    for shape in ((2, 1, 4, 3), (2, 4, 1, 3), (2, 5, 3, 2)):
        x = uniform(*shape)
        there = skew(ops.convert_to_tensor(x))
        assert tuple(there.shape) == (2, shape[1], sum(shape[1:3]) - 1, shape[3])
        np.testing.assert_array_equal(ops.convert_to_numpy(unskew(there)), x)


@pytest.mark.parametrize(
    ("make_layer", "oracle"), [(RowLSTM, row_lstm), (DiagonalBiLSTM, diagonal_bilstm)]
)
def test_states_follow_the_equations(make_layer, oracle):
    layer = make_layer(3, num_groups=1)
    layer.build((None, 4, 5, 6))
    randomize(layer, 0.4)
    x = uniform(2, 4, 5, 6)
    states = run(layer, layer, x)
    expected = [oracle(layer, image.astype("float64")) for image in x]
    np.testing.assert_allclose(states, expected, atol=1e-5)


@pytest.mark.eager
@pytest.mark.parametrize("cell", CELLS)
def test_no_value_sees_itself_or_a_later_one(cell):
    """Values in raster order, within a pixel in the order R, G, B."""
    found = seen_by_each_value(make_network(cell, (3, 4, 3), filters=12))
    assert not np.triu(found).any()
    # Earlier colours of the same pixel, and those of the one to the left, are seen.
    row = np.arange(len(found)) // (4 * 3)
    for back in (1, 2, 3):
        is_same_row = row[back:] == row[:-back]
        assert np.diagonal(found, -back)[is_same_row].all()


@pytest.mark.eager
def test_row_lstm_sees_a_triangle_above():
    height, width = 5, 11
    network = make_network("row_lstm", (height, width, 1), num_layers=1)
    found = seen_by_each_value(network).reshape(height, width, height, width)
    row, column = np.indices((height, width))
    for i, j in np.ndindex(height, width):
        # Both kernels of 3 reach one further to the left, one a row on each side.
        up = i - row
        is_above = (up > 0) & (column >= j - up - 2) & (column <= j + up)
        is_left = (up == 0) & (column >= j - 2) & (column < j)
        np.testing.assert_array_equal(found[i, j], is_above | is_left)


@pytest.mark.eager
def test_diagonal_bilstm_sees_every_earlier_pixel():
    found = seen_by_each_value(make_network("diagonal_bilstm", (5, 6, 1), num_layers=1))
    np.testing.assert_array_equal(found, np.tri(30, k=-1, dtype=bool))


@pytest.mark.parametrize(
    ("cell", "image_shape", "arguments"),
    [
        ("row_lstm", (4, 5, 1), {"kernel_size": 5, "first_kernel_size": 7}),
        ("row_lstm", (2, 3, 3), {"kernel_size": 1, "first_kernel_size": 1}),
        ("diagonal_bilstm", (4, 5, 1), {"first_kernel_size": 7}),
        ("diagonal_bilstm", (3, 1, 3), {"first_kernel_size": 1}),
    ],
)
def test_pixel_by_pixel_as_all_at_once(cell, image_shape, arguments):
    network = make_network(cell, image_shape, **arguments)
    assert_pixel_by_pixel_as_all_at_once(network)
