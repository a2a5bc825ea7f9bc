"""Orthogonal regularization against NumPy float64."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from kerasgen import backend
from kerasgen.layers import SpectralNormalization
from kerasgen.penalties import OrthogonalRegularization

DRAW = np.random.RandomState(0)


def off_diagonal(matrix):
    return matrix.T @ matrix * (1 - np.eye(matrix.shape[1]))


def make_network():
    """Kernels of each kind, and weights that are none."""
    labels = keras.Input((), dtype="int32")
    image = keras.Input((4, 4, 2))
    x = SpectralNormalization(layers.Conv2D(3, 3, padding="same"))(image)
    x = layers.BatchNormalization()(x)
    x = layers.Conv2DTranspose(5, 2, strides=2)(x)
    x = layers.GlobalAveragePooling2D()(x)
    x = layers.Dense(4)(x)
    embedded = layers.Embedding(7, 4)(labels)
    network = keras.Model([image, labels], ops.sum(x * embedded, axis=-1))
    for variable in network.trainable_variables:
        variable.assign(DRAW.standard_normal(variable.shape))
    return network


def matrices_of(network):
    """float64 (inputs, output channels); a transposed kernel has them second last."""
    kernels = [v for v in network.trainable_variables if v.name == "kernel"]
    assert [len(v.shape) for v in kernels] == [4, 4, 2]
    kernels = [ops.convert_to_numpy(v).astype("float64") for v in kernels]
    kernels[1] = np.moveaxis(kernels[1], -2, -1)
    return [kernel.reshape(-1, kernel.shape[-1]) for kernel in kernels]


@pytest.mark.parametrize("is_function", [False, True])
def test_value_and_gradient_equal_numpy(is_function):
    network = make_network()
    discriminator = network
    if is_function:

        def discriminator(x):
            raise AssertionError("not called")

        discriminator.network = network

    def loss():
        value = OrthogonalRegularization(0.1)(discriminator, None, None, None)
        return value, ()

    variables = network.trainable_variables
    (value, _), gradients = backend.value_and_grad(loss, variables)
    matrices = matrices_of(network)
    expected = 0.1 * sum(np.sum(off_diagonal(w) ** 2) for w in matrices)
    np.testing.assert_allclose(ops.convert_to_numpy(value), expected, rtol=1e-5)
    expected = iter([0.4 * w @ off_diagonal(w) for w in matrices])
    for variable, gradient in zip(variables, gradients, strict=True):
        gradient = ops.convert_to_numpy(gradient)
        if variable.name != "kernel":
            assert not gradient.any(), variable.path
            continue
        wanted = next(expected)
        if gradient.shape[-1] != wanted.shape[-1]:
            gradient = np.moveaxis(gradient, -2, -1)
        np.testing.assert_allclose(
            gradient.reshape(wanted.shape), wanted, rtol=1e-4, atol=1e-4
        )


def attention():
    x = keras.Input((4, 3))
    y = layers.MultiHeadAttention(2, 5, use_bias=False)(x, x)
    return keras.Model(x, y)


def each_filter(kernel):
    """Filters of depthwise kernels (..., channels, multiplier), a column each."""
    return [
        kernel[..., channel, number].ravel()
        for channel in range(kernel.shape[-2])
        for number in range(kernel.shape[-1])
    ]


def each_channel(kernel, num_inputs):
    """Rows are the first axes, those of the inputs; the others are channels."""
    rows = kernel.reshape(np.prod(kernel.shape[:num_inputs]), -1)
    return [*rows.T]


@pytest.mark.eager
@pytest.mark.parametrize(
    "layer, shape, columns",
    [
        (layers.DepthwiseConv2D(3, depth_multiplier=2), (5, 5, 3), [each_filter]),
        (layers.DepthwiseConv1D(3), (5, 3), [each_filter]),
        (
            layers.SeparableConv2D(4, 3),
            (5, 5, 3),
            [each_filter, lambda kernel: [*kernel[0, 0].T]],
        ),
        (
            layers.EinsumDense("abc,cde->abde", (None, 2, 5)),
            (4, 3),
            [lambda kernel: each_channel(kernel, 1)],
        ),
        (
            layers.EinsumDense("...x,yx->...y", 5),
            (4, 3),
            [lambda kernel: [*kernel]],
        ),
        (layers.EinsumDense("abc,bc->a", ()), (4, 3), [lambda k: [k.ravel()]]),
        (
            attention(),
            (4, 3),
            [lambda kernel: each_channel(kernel, 1)] * 3
            + [lambda kernel: each_channel(kernel, 2)],
        ),
    ],
)
def test_a_column_is_an_output_channel(layer, shape, columns):
    network = keras.Sequential([keras.Input(shape), layer])
    kernels = [v for v in network.trainable_variables if v.name.endswith("kernel")]
    expected = 0.0
    for variable, columns_of in zip(kernels, columns, strict=True):
        variable.assign(DRAW.standard_normal(variable.shape))
        matrix = np.stack(columns_of(ops.convert_to_numpy(variable)), axis=1)
        expected += np.sum(off_diagonal(matrix.astype("float64")) ** 2)
    value = OrthogonalRegularization(1.0)(network, None, None, None)
    assert float(ops.convert_to_numpy(value)) == pytest.approx(expected, rel=1e-5)


def test_orthogonal_columns_of_any_length_are_free():
    dense = layers.Dense(3)
    network = keras.Sequential([keras.Input((5,)), dense])
    columns = np.linalg.qr(DRAW.standard_normal((5, 3)))[0] * [0.1, 1.0, 10.0]
    dense.kernel.assign(columns)
    value = OrthogonalRegularization(1.0)(network, None, None, None)
    assert float(ops.convert_to_numpy(value)) < 1e-10


def test_frozen_kernels_are_left_alone():
    network = make_network()
    network.trainable = False
    value = OrthogonalRegularization(1.0)(network, None, None, None)
    assert keras.backend.standardize_dtype(value.dtype) == "float32"
    assert float(ops.convert_to_numpy(value)) == 0.0


def test_a_function_without_a_network_is_refused():
    for discriminator in (lambda x: x, layers.Dense(2), None):
        with pytest.raises(TypeError, match="attribute `network`.*Received: discrim"):
            OrthogonalRegularization()(discriminator, None, None, None)


def test_config_round_trip():
    serialized = keras.saving.serialize_keras_object(OrthogonalRegularization(0.5))
    assert keras.saving.deserialize_keras_object(serialized).weight == 0.5
    with pytest.raises(ValueError, match="`weight` is .* Received: weight=-1"):
        OrthogonalRegularization(-1)
