import keras
import numpy as np
import pytest
from keras import ops

from kerasgen import backend
from kerasgen.layers import MinibatchDiscrimination
from tests.contracts import check_layer

DRAW = np.random.RandomState(0)


def features_of(x, tensor):
    """Salimans et al. 2016, section 3.2, in float64; tensor is T, (A, B, C)."""
    rows = np.einsum("na,abc->nbc", x.astype(np.float64), tensor)
    outputs = np.zeros(rows.shape[:2])
    for i in range(len(rows)):
        for j in range(len(rows)):
            outputs[i] += np.exp(-np.abs(rows[i] - rows[j]).sum(axis=-1))
    return outputs


def make(x, num_kernels=3, kernel_dim=2):
    layer = MinibatchDiscrimination(num_kernels, kernel_dim)
    layer.build(x.shape)
    tensor = 0.5 * DRAW.standard_normal((x.shape[1], num_kernels, kernel_dim))
    layer.kernel.assign(tensor.reshape(x.shape[1], -1))
    return layer, tensor


def test_contract(tmp_path):
    initializer = keras.initializers.RandomNormal(stddev=0.2, seed=0)
    check_layer(
        lambda: MinibatchDiscrimination(3, 2, kernel_initializer=initializer),
        (4,),
        (7,),
        tmp_path,
    )


def test_values_equal_numpy():
    x = DRAW.standard_normal((5, 4)).astype("float32")
    layer, tensor = make(x)
    got = ops.convert_to_numpy(layer(x))
    np.testing.assert_array_equal(got[:, :4], x)
    np.testing.assert_allclose(got[:, 4:], features_of(x, tensor), rtol=1e-5)


def test_the_gradient_equals_finite_differences():
    x = DRAW.standard_normal((5, 4)).astype("float32")
    layer, tensor = make(x)
    target = DRAW.standard_normal((5, 3))

    def loss():
        features = layer(x)[:, 4:]
        return ops.sum(ops.multiply(features, target.astype("float32"))), ()

    _, (gradient,) = backend.value_and_grad(loss, [layer.kernel])
    expected = np.zeros_like(tensor)
    for index in np.ndindex(tensor.shape):
        sides = []
        for step in (1e-6, -1e-6):
            moved = tensor.copy()
            moved[index] += step
            sides.append(np.sum(features_of(x, moved) * target))
        expected[index] = (sides[0] - sides[1]) / 2e-6
    np.testing.assert_allclose(
        ops.convert_to_numpy(gradient), expected.reshape(4, -1), rtol=1e-3, atol=1e-4
    )


def test_equal_samples_count_each_other_and_have_finite_gradients():
    x = np.ones((6, 4), np.float32)
    layer, _ = make(x)
    np.testing.assert_allclose(ops.convert_to_numpy(layer(x))[:, 4:], 6.0, rtol=1e-6)
    gradient = backend.input_gradient(lambda x: layer(x)[:, 4:], x)
    np.testing.assert_array_equal(ops.convert_to_numpy(gradient), np.zeros((6, 4)))


def test_samples_far_apart_count_only_themselves():
    x = (1e6 * DRAW.standard_normal((6, 4))).astype("float32")
    layer, _ = make(x)
    np.testing.assert_array_equal(ops.convert_to_numpy(layer(x))[:, 4:], 1.0)


@pytest.mark.parametrize("name", ["num_kernels", "kernel_dim"])
@pytest.mark.parametrize("value", [0, -1, 2.0, True])
def test_bad_arguments_are_named(name, value):
    arguments = {"num_kernels": 2, "kernel_dim": 2, name: value}
    with pytest.raises(ValueError, match=f"`{name}` is .* Received: {name}="):
        MinibatchDiscrimination(**arguments)


def test_images_are_refused():
    with pytest.raises(ValueError, match=r"\(batch, features\)\. Received: shape="):
        MinibatchDiscrimination(2, 2)(keras.Input((4, 4, 1)))
