import keras
import numpy as np
import pytest
from keras import ops

from kerasgen import backend
from kerasgen.layers import InstanceNormalization
from tests.contracts import check_layer

DRAW = np.random.RandomState(0)


def normalize(x, epsilon=1e-5):
    """In float64, over all axes but the first and the last."""
    x = np.asarray(x, np.float64)
    axes = tuple(range(1, x.ndim - 1))
    variance = x.var(axis=axes, keepdims=True)
    return (x - x.mean(axis=axes, keepdims=True)) / np.sqrt(variance + epsilon)


def run(layer, x):
    return ops.convert_to_numpy(layer(x))


def test_contract(tmp_path):
    check_layer(
        lambda: InstanceNormalization(epsilon=1e-2, center=False, scale=False),
        (4, 5, 3),
        (4, 5, 3),
        tmp_path,
    )


@pytest.mark.parametrize("shape", [(7,), (4, 5), (2, 3, 4)])
def test_values_equal_numpy(shape):
    x = DRAW.uniform(-3, 5, (2, *shape, 3)).astype("float32")
    layer = InstanceNormalization(epsilon=0.1)
    layer.build(x.shape)
    gamma, beta = DRAW.standard_normal((2, 3))
    layer.gamma.assign(gamma)
    layer.beta.assign(beta)
    expected = normalize(x, 0.1) * gamma + beta
    np.testing.assert_allclose(run(layer, x), expected, atol=2e-6)


@pytest.mark.parametrize("center", [False, True])
@pytest.mark.parametrize("scale", [False, True])
def test_gradients_reach_the_weights_that_there_are(center, scale):
    x = DRAW.standard_normal((2, 4, 4, 3)).astype("float32")
    layer = InstanceNormalization(center=center, scale=scale)
    layer.build(x.shape)
    target = DRAW.standard_normal(x.shape)
    wanted = {"gamma": (normalize(x) * target).sum((0, 1, 2))} if scale else {}
    wanted |= {"beta": target.sum((0, 1, 2))} if center else {}
    assert [v.name for v in layer.trainable_variables] == [*wanted]
    if wanted:

        def loss():
            return ops.sum(ops.multiply(layer(x), target.astype("float32"))), ()

        _, gradients = backend.value_and_grad(loss, layer.trainable_variables)
        for gradient, expected in zip(gradients, wanted.values(), strict=True):
            gradient = ops.convert_to_numpy(gradient)
            np.testing.assert_allclose(gradient, expected, rtol=1e-4, atol=1e-4)


def test_samples_do_not_see_each_other():
    x = DRAW.standard_normal((4, 3, 3, 2)).astype("float32")
    whole = run(InstanceNormalization(), x)
    parts = [run(InstanceNormalization(), x[i : i + 1]) for i in range(4)]
    np.testing.assert_allclose(np.concatenate(parts), whole, atol=1e-6)


@pytest.mark.parametrize("offset", [30.0, 1000.0])
def test_small_deviations_far_from_zero_keep_their_digits(offset):
    """keras.layers.GroupNormalization gives NaN here on PyTorch."""
    x = (offset + 0.01 * DRAW.standard_normal((2, 8, 8, 3))).astype("float32")
    got = run(InstanceNormalization(), x)
    # The mean is good to some units in the last place of float32.
    error = np.spacing(np.float32(offset)) / 0.01
    np.testing.assert_allclose(got, normalize(x), atol=5 * error)


def test_constants_have_finite_outputs_and_gradients():
    x = np.full((2, 4, 4, 3), 7.0, np.float32)
    layer = InstanceNormalization()
    np.testing.assert_allclose(run(layer, x), 0.0, atol=1e-6)
    gradient = backend.input_gradient(lambda x: ops.square(layer(x) - 1.0), x)
    assert np.isfinite(ops.convert_to_numpy(gradient)).all()


def test_statistics_keep_float32_under_mixed_precision():
    x = (100.0 + DRAW.standard_normal((2, 16, 16, 3))).astype("float32")
    y = InstanceNormalization(dtype="mixed_bfloat16")(x)
    y = ops.convert_to_numpy(ops.cast(y, "float32"))
    rounded = ops.convert_to_numpy(ops.cast(ops.cast(x, "bfloat16"), "float32"))
    np.testing.assert_allclose(y, normalize(rounded), rtol=0.01, atol=0.01)


def test_bad_arguments_are_named():
    with pytest.raises(ValueError, match=r"`epsilon` is .* Received: epsilon=-1"):
        InstanceNormalization(epsilon=-1)
    with pytest.raises(ValueError, match="`scale` is True or False. Received: "):
        InstanceNormalization(scale="no")
    with pytest.raises(ValueError, match=r"positions.*Received: shape=\(None, 3\)"):
        InstanceNormalization()(keras.Input((3,)))
