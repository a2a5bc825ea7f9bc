"""What each output of a layer sees, from its Jacobian."""

import itertools

import keras
import numpy as np
import pytest
from keras import ops

from kerasgen.layers import MaskedConv2D, MaskedDense
from kerasgen.networks.diagonal_bilstm import DiagonalBiLSTM
from kerasgen.networks.gated_residual import PixelBlock, RowBlock
from kerasgen.networks.pixel_resampling import PixelResampling
from kerasgen.networks.row_lstm import RowLSTM
from kerasgen.networks.shifted_conv import ShiftedConv2D
from tests.networks.pixel_probes import randomize, seen

pytestmark = pytest.mark.eager

# Odd sizes, and colours two of whose features make a group.
MAP, COLOURS = (5, 6), 3


def built(layer, *shape):
    """The layer with weights large enough for every connection to count."""
    layer.build(*shape)
    return randomize(layer)


def field(is_seen, out_size, size):
    """bool (*out_size, *size) of a function of both places, `(i, j, y, x)`."""
    return is_seen(*np.ogrid[tuple(map(slice, (*out_size, *size)))])


def of_colours(is_before, sees_own):
    """The field of three colours: a place before a pixel's own, or one of its own.

    Args:
        is_before: Function of `(i, j, y, x)`: whether another pixel is seen.
        sees_own: Function of the output's and the input's colour.
    """
    other = field(is_before, MAP, MAP)[:, :, None, :, :, None]
    own = field(lambda i, j, y, x: (i == y) & (j == x), MAP, MAP)
    colours = sees_own(*np.ogrid[:COLOURS, :COLOURS])
    return other | (own[:, :, None, :, :, None] & colours[:, None, None, :])


@pytest.mark.parametrize(("size", "rows", "side"), [(3, 1, 1), ((1, 5), 0, 2)])
@pytest.mark.parametrize("mask", ["A", "B"])
def test_masked_convolution(size, rows, side, mask):
    layer = built(MaskedConv2D(COLOURS, size, mask, COLOURS), (None, *MAP, COLOURS))
    found = seen(layer, layer, (*MAP, COLOURS), (*MAP, COLOURS))

    def is_before(i, j, y, x):
        is_near = (i - y <= rows) & (np.abs(j - x) <= side)
        return is_near & ((y < i) | ((y == i) & (x < j)))

    def sees_own(target, source):
        return source < target if mask == "A" else source <= target

    np.testing.assert_array_equal(found, of_colours(is_before, sees_own))


def test_masked_dense():
    layer = built(MaskedDense(COLOURS, COLOURS), (None, *MAP, COLOURS))
    found = seen(layer, layer, (*MAP, COLOURS), (*MAP, COLOURS))
    expected = of_colours(lambda i, j, y, x: (i - y) * (j - x) < -99, np.greater_equal)
    np.testing.assert_array_equal(found, expected)


def test_row_lstm_sees_a_triangle():
    layer = built(RowLSTM(COLOURS, COLOURS), (None, *MAP, COLOURS))
    found = seen(layer, layer, (*MAP, COLOURS), (*MAP, COLOURS))

    def is_before(i, j, y, x):
        up = i - y
        is_above = (up > 0) & (x >= j - up - 1) & (x <= j + up)
        return is_above | ((up == 0) & (x == j - 1))

    np.testing.assert_array_equal(found, of_colours(is_before, np.greater_equal))


def test_diagonal_bilstm_sees_all_before():
    layer = built(DiagonalBiLSTM(COLOURS, COLOURS), (None, *MAP, COLOURS))
    found = seen(layer, layer, (*MAP, COLOURS), (*MAP, COLOURS))
    expected = of_colours(
        lambda i, j, y, x: (y < i) | ((y == i) & (x < j)), np.greater_equal
    )
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("reach", [(1, 1), (1, 0)])
def test_shifted_convolution(reach, stride):
    layer = built(ShiftedConv2D(1, reach, stride), (None, *MAP, 1))
    out_size = tuple(-(-size // stride) for size in MAP)

    def is_seen(i, j, y, x):
        up, left = stride * i - y, stride * j - x
        return (up >= 0) & (up <= 1) & (left <= reach[0]) & (-left <= reach[1])

    found = seen(layer, layer, (*MAP, 1), (*out_size, 1))[:, :, 0, ..., 0]
    np.testing.assert_array_equal(found, field(is_seen, out_size, MAP))


@pytest.mark.parametrize("stream", ["rows", "pixels"])
def test_resampling_there_and_back(stream):
    """Each stream alone: no place knows more than those that it stands for may."""
    layer = built(PixelResampling(1))

    def there_and_back(both):
        rows, pixels = layer.double(*layer.halve(*ops.split(both, 2, -1)), *MAP)
        return rows if stream == "rows" else pixels

    found = seen(there_and_back, layer, (*MAP, 2), (*MAP, 1))[:, :, 0]
    own, other = (found[..., k] for k in ((0, 1) if stream == "rows" else (1, 0)))
    assert not other.any()

    def is_seen(i, j, y, x):
        up, left = i // 2 * 2 - y, j // 2 * 2 - x
        is_above = (up >= 0) & (up <= 1)
        if stream == "pixels":
            return is_above & (left >= 0) & (left <= 1)
        # An odd column stands between two places of the halved map.
        between = 2 * (j % 2) * (j // 2 * 2 + 2 < MAP[1] + MAP[1] % 2)
        return is_above & (left <= 1) & (-left <= 1 + between)

    np.testing.assert_array_equal(own, field(is_seen, MAP, MAP))
    i, j, y, x = np.ogrid[tuple(map(slice, (*MAP, *MAP)))]
    is_later = y > i if stream == "rows" else (y > i) | ((y == i) & (x > j))
    assert not (own & is_later).any()


@pytest.mark.parametrize(("block", "right"), [(RowBlock, 1), (PixelBlock, 0)])
def test_gated_blocks(block, right):
    """Two convolutions of the features, and one of what others add between them."""
    layer = built(block(1, 1))

    def run(both):
        x, other = ops.split(both, 2, axis=-1)
        return layer(x, [other])

    found = seen(run, layer, (*MAP, 2), (*MAP, 1))[:, :, 0]
    for index, times in ((0, 2), (1, 1)):

        def is_seen(i, j, y, x, times=times):
            up, left = i - y, j - x
            is_above = (up >= 0) & (up <= times)
            return is_above & (left <= times) & (-left <= times * right)

        np.testing.assert_array_equal(found[..., index], field(is_seen, MAP, MAP))


def test_fields_are_of_both_places():
    """The helper itself: an identity sees its own place alone."""
    found = seen(lambda x: 2.0 * x, keras.layers.Identity(), (*MAP, 1), (*MAP, 1))
    places = itertools.product(range(MAP[0]), range(MAP[1]))
    assert found.sum() == MAP[0] * MAP[1]
    assert all(found[i, j, 0, i, j, 0] for i, j in places)
