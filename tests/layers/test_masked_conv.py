"""Masked convolutions against a loop over pixels, colours and rows."""

import keras
import numpy as np
import pytest
from keras import ops

from kerasgen.layers import MaskedConv2D, MaskedDense
from tests import contracts


def oracle(x, kernel, bias, mask, groups, parts):
    """Sums over what may be seen, one output at a time, in float64."""
    num, height, width, channels = x.shape
    rows, columns, _, filters = kernel.shape
    up, side = rows - 1, columns // 2
    outputs = np.zeros((num, height, width, filters))
    for o in range(filters):
        target = (o % (filters // parts)) * groups // (filters // parts)
        for c in range(channels):
            source = c * groups // channels
            for r in range(rows):
                for s in range(columns):
                    at_pixel = r == up and s == side
                    if r == up and s > side:
                        continue
                    if at_pixel and not (
                        source < target or (mask == "B" and source == target)
                    ):
                        continue
                    shifted = np.zeros((num, height, width))
                    for i in range(height):
                        for j in range(width):
                            y, z = i + r - up, j + s - side
                            if 0 <= y and 0 <= z < width:
                                shifted[:, i, j] = x[:, y, z, c]
                    outputs[..., o] += shifted * kernel[r, s, c, o]
    return outputs + bias


@pytest.mark.parametrize("mask", ["A", "B"])
@pytest.mark.parametrize(("groups", "parts"), [(1, 1), (3, 1), (3, 2)])
@pytest.mark.parametrize("size", [3, (1, 5)])
def test_against_an_oracle(mask, groups, parts, size):
    rng = np.random.default_rng(0)
    layer = MaskedConv2D(6 * parts, size, mask, groups, parts)
    x = rng.standard_normal((2, 4, 5, 3)).astype("float32")
    layer.build(x.shape)
    layer.kernel.assign(rng.standard_normal(layer.kernel.shape))
    layer.bias.assign(rng.standard_normal(layer.bias.shape))
    kernel, bias = (ops.convert_to_numpy(v) for v in (layer.kernel, layer.bias))
    np.testing.assert_allclose(
        ops.convert_to_numpy(layer(x)),
        oracle(x.astype("float64"), kernel, bias, mask, groups, parts),
        atol=1e-4,
    )


def test_dense_is_a_1x1_convolution_with_mask_b():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((2, 3, 4, 6)).astype("float32")
    dense, conv = MaskedDense(9, 3), MaskedConv2D(9, 1, "B", 3)
    dense.build(x.shape)
    conv.build(x.shape)
    kernel = rng.standard_normal(dense.kernel.shape)
    dense.kernel.assign(kernel)
    conv.kernel.assign(kernel[None, None])
    np.testing.assert_allclose(
        *(ops.convert_to_numpy(layer(x)) for layer in (dense, conv)), atol=1e-5
    )


def test_contracts(tmp_path):
    contracts.check_layer(
        lambda: MaskedConv2D(
            6,
            (3, 5),
            "A",
            num_groups=3,
            num_parts=2,
            use_bias=False,
            kernel_initializer="he_normal",
        ),
        (4, 5, 3),
        (4, 5, 6),
        tmp_path,
    )
    contracts.check_layer(
        lambda: MaskedDense(
            6, num_groups=3, num_parts=2, kernel_initializer="he_normal"
        ),
        (4, 5, 3),
        (4, 5, 6),
        tmp_path,
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"filters": 0}, "filters"),
        ({"kernel_size": 4}, "odd"),
        ({"kernel_size": -3}, "odd"),
        ({"kernel_size": (3, 3, 3)}, "odd"),
        ({"mask": "C"}, "mask"),
        ({"num_groups": 3}, "multiple"),
        ({"num_parts": 3}, "multiple"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=f"{message}.*Received"):
        MaskedConv2D(**{"filters": 4, "kernel_size": 3, **arguments})


def test_channels_that_do_not_fall_into_groups():
    with pytest.raises(ValueError, match="3 equal groups.*Received: 4"):
        MaskedConv2D(3, 3, num_groups=3)(keras.ops.zeros((1, 4, 4, 4)))
