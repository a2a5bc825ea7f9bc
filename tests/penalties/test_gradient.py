"""Gradient penalties against closed forms and float64 finite differences."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from kerasgen import backend, random
from kerasgen.penalties import DRAGAN, R1, R2, GradientPenalty, gradient_norm
from tests import noise_oracle

NUM_ROWS = 6


def make_noise(seed=0, step=0):
    return random.Noise(seed, step, np.arange(NUM_ROWS, dtype="int32"))


def draw(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype("float32")


def value_and_gradients(penalty, network, real, fake, substep=0):
    def loss_fn():
        return penalty(network, real, fake, make_noise(), substep), ()

    (value, _), gradients = backend.value_and_grad(loss_fn, network.trainable_variables)
    gradients = [ops.convert_to_numpy(g) for g in gradients]
    return float(ops.convert_to_numpy(value)), gradients


def linear_network(shape):
    return keras.Sequential([keras.Input(shape), layers.Flatten(), layers.Dense(1)])


@pytest.mark.parametrize("shape", [(5,), (4, 3, 2)])
def test_linear_discriminator_has_a_closed_form(shape):
    network = linear_network(shape)
    w = draw(int(np.prod(shape)), 1, seed=1)
    network.set_weights([w, np.array([3.0])])
    real, fake = draw(NUM_ROWS, *shape), draw(NUM_ROWS, *shape, seed=2)
    value, gradients = value_and_gradients(GradientPenalty(7.5), network, real, fake)
    norm = np.linalg.norm(w.astype("float64"))
    np.testing.assert_allclose(value, 7.5 * (norm - 1) ** 2, rtol=1e-5)
    expected = 2 * 7.5 * (norm - 1) * w / norm
    np.testing.assert_allclose(gradients[0], expected, rtol=1e-5)
    np.testing.assert_array_equal(gradients[1], [0.0])


def test_points_lie_between_real_and_fake():
    """D(x) = |x|^2 / 2 has the gradient x, so the penalty shows where it looked."""
    real, fake = draw(NUM_ROWS, 3, 2, 1), draw(NUM_ROWS, 3, 2, 1, seed=1)
    values = []
    for substep in (0, 1):
        mix = make_noise().uniform("gradient_penalty", (1, 1, 1), substep)
        between = real + ops.convert_to_numpy(mix) * (fake - real)
        norms = np.linalg.norm(between.reshape(NUM_ROWS, -1), axis=1)
        actual = GradientPenalty(2.0)(
            lambda x: ops.sum(x * x, axis=(1, 2, 3)) / 2,
            real,
            fake,
            make_noise(),
            substep,
        )
        values.append(float(ops.convert_to_numpy(actual)))
        np.testing.assert_allclose(values[-1], 2 * np.mean((norms - 1) ** 2), rtol=1e-5)
        assert len(np.unique(ops.convert_to_numpy(mix))) == NUM_ROWS
    assert values[0] != values[1]


def mlp_gradient_norms(weights, points):
    """Norms of the gradients of D(x) = v.tanh(W x + b), in float64."""
    kernel, bias, v = weights
    hidden = np.tanh(points @ kernel + bias)
    gradient = ((1 - hidden**2) * v[:, 0]) @ kernel.T
    return np.linalg.norm(gradient, axis=1)


def between(real, fake):
    mix = noise_oracle.uniform(
        noise_oracle.key(0, "gradient_penalty"), range(NUM_ROWS), (1,)
    )
    return real + mix * (fake - real)


def around(real, scale):
    """Reals and the noise of DRAGAN's authors: numpy's std of the whole batch."""
    draws = noise_oracle.uniform(
        noise_oracle.key(0, "dragan"), range(NUM_ROWS), (1 + real[0].size,)
    )
    perturbed = real + scale * real.std() * draws[:, 1:].reshape(real.shape)
    share = draws[:, 0].reshape(-1, *(1,) * (real.ndim - 1))
    return real + share * (perturbed - real)


# Penalty: its points, and its value from the norms there.
ORACLES = {
    "two_sided": (
        GradientPenalty(10.0),
        between,
        lambda norms: 10.0 * np.mean((norms - 1) ** 2),
    ),
    "one_sided": (
        GradientPenalty(10.0, one_sided=True),
        between,
        lambda norms: 10.0 * np.mean(np.maximum(0, norms - 1) ** 2),
    ),
    "r1": (R1(3.0), lambda real, fake: real, lambda n: 1.5 * np.mean(n**2)),
    "r2": (R2(3.0), lambda real, fake: fake, lambda n: 1.5 * np.mean(n**2)),
    "dragan": (
        DRAGAN(10.0, scale=0.7),
        lambda real, fake: around(real, 0.7),
        lambda norms: 10.0 * np.mean((norms - 1) ** 2),
    ),
}


@pytest.mark.parametrize("name", ORACLES)
def test_second_derivatives_by_finite_differences(name):
    penalty, points_of, value_of = ORACLES[name]
    network = keras.Sequential(
        [
            keras.Input((4,)),
            layers.Dense(5, activation="tanh"),
            layers.Dense(1, use_bias=False),
        ]
    )
    weights = [draw(4, 5, seed=1), draw(5, seed=2), draw(5, 1, seed=3) * 0.45]
    network.set_weights(weights)
    real, fake = draw(NUM_ROWS, 4, seed=4), draw(NUM_ROWS, 4, seed=5)
    value, gradients = value_and_gradients(penalty, network, real, fake)
    points = points_of(real.astype("float64"), fake.astype("float64"))
    weights = [w.astype("float64") for w in weights]
    norms = mlp_gradient_norms(weights, points)
    # Both sides of 1, where the one-sided penalty has its kink.
    assert norms.min() < 0.9 and norms.max() > 1.1
    np.testing.assert_allclose(value, value_of(norms), rtol=1e-5)
    h = 1e-6
    for index, gradient in enumerate(gradients):
        expected = np.zeros(gradient.shape)
        for position in np.ndindex(gradient.shape):
            sides = []
            for sign in (1, -1):
                moved = [w.copy() for w in weights]
                moved[index][position] += sign * h
                sides.append(value_of(mlp_gradient_norms(moved, points)))
            expected[position] = (sides[0] - sides[1]) / (2 * h)
        scale = np.abs(expected).max()
        np.testing.assert_allclose(gradient / scale, expected / scale, atol=1e-5)


def test_second_derivatives_of_convolutions():
    """Against a central difference along the gradient, in float32."""
    network = keras.Sequential(
        [
            keras.Input((6, 6, 2)),
            layers.Conv2D(4, 4, strides=2, padding="same", activation="tanh"),
            layers.Conv2DTranspose(3, 4, strides=2, padding="same", activation="tanh"),
            layers.Flatten(),
            layers.Dense(1),
        ]
    )
    rng = np.random.default_rng(0)
    network.set_weights([0.3 * rng.standard_normal(v.shape) for v in network.weights])
    real, fake = draw(NUM_ROWS, 6, 6, 2, seed=1), draw(NUM_ROWS, 6, 6, 2, seed=2)
    penalty = GradientPenalty(1.0)
    _, gradients = value_and_gradients(penalty, network, real, fake)
    start = network.get_weights()
    length = np.sqrt(sum(np.sum(g.astype("float64") ** 2) for g in gradients))
    h = 1e-2
    sides = []
    for sign in (1, -1):
        network.set_weights(
            [w + sign * h * g / length for w, g in zip(start, gradients, strict=True)]
        )
        sides.append(value_and_gradients(penalty, network, real, fake)[0])
    np.testing.assert_allclose((sides[0] - sides[1]) / (2 * h), length, rtol=2e-3)


@pytest.mark.parametrize("name", ORACLES)
def test_gradient_is_finite_where_the_norm_is_zero(name):
    penalty, _, value_of = ORACLES[name]
    network = linear_network((3,))
    network.set_weights([np.zeros((3, 1)), np.zeros(1)])
    x = draw(NUM_ROWS, 3)
    value, gradients = value_and_gradients(penalty, network, x, x)
    np.testing.assert_allclose(value, value_of(np.zeros(1)), rtol=1e-5)
    for gradient in gradients:
        np.testing.assert_array_equal(gradient, np.zeros_like(gradient))


@pytest.mark.parametrize("name", ORACLES)
def test_gradient_is_finite_where_all_units_are_dead(name):
    penalty, _, value_of = ORACLES[name]
    network = keras.Sequential(
        [keras.Input((3,)), layers.Dense(4, activation="relu"), layers.Dense(1)]
    )
    network.set_weights([draw(3, 4), np.full(4, -100.0), draw(4, 1), np.zeros(1)])
    x = draw(NUM_ROWS, 3)
    value, gradients = value_and_gradients(penalty, network, x, x)
    np.testing.assert_allclose(value, value_of(np.zeros(1)), rtol=1e-5)
    assert all(np.isfinite(g).all() for g in gradients)


def test_dragan_looks_around_images():
    """D(x) = |x|^2 / 2 has the gradient x, so the penalty shows where it looked."""
    real = 3.0 + draw(NUM_ROWS, 3, 2, 2)
    values = []
    for substep in (0, 1):
        value = DRAGAN(2.0)(
            lambda x: ops.sum(x * x, axis=(1, 2, 3)) / 2,
            real,
            None,
            make_noise(),
            substep,
        )
        values.append(float(ops.convert_to_numpy(value)))
    points = around(real.astype("float64"), 0.5).reshape(NUM_ROWS, -1)
    expected = 2 * np.mean((np.linalg.norm(points, axis=1) - 1) ** 2)
    np.testing.assert_allclose(values[0], expected, rtol=1e-5)
    assert values[0] != values[1]


def test_gradient_norm_of_each_sample():
    x = draw(NUM_ROWS, 2, 2, 1)
    norm = gradient_norm(lambda x: ops.sum(x**2, axis=(1, 2, 3)), x)
    expected = np.linalg.norm(2 * x.reshape(NUM_ROWS, -1), axis=1)
    np.testing.assert_allclose(ops.convert_to_numpy(norm), expected, rtol=1e-6)


def test_weight_of_zero_is_off():
    network = linear_network((3,))
    x = draw(NUM_ROWS, 3)
    value, gradients = value_and_gradients(GradientPenalty(0), network, x, x)
    assert value == 0
    assert not gradients[0].any()


@pytest.mark.parametrize("penalty", [GradientPenalty, R1, R2, DRAGAN])
@pytest.mark.parametrize("weight", [-1.0, -1e-9, np.nan, np.inf, "10", True])
def test_wrong_weight(penalty, weight):
    with pytest.raises(ValueError, match="`weight` is .* Received: weight="):
        penalty(weight)


def test_wrong_scale():
    with pytest.raises(ValueError, match="`scale` is .* Received: scale="):
        DRAGAN(scale=-0.5)


@pytest.mark.parametrize(
    ("penalty", "config"),
    [
        (GradientPenalty(3.5, one_sided=True), {"weight": 3.5, "one_sided": True}),
        (R1(3.5), {"weight": 3.5}),
        (R2(3.5), {"weight": 3.5}),
        (DRAGAN(3.5, scale=0.2), {"weight": 3.5, "scale": 0.2}),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_config_round_trip(penalty, config):
    serialized = keras.saving.serialize_keras_object(penalty)
    copy = keras.saving.deserialize_keras_object(serialized)
    assert type(copy) is type(penalty)
    assert copy.get_config() == penalty.get_config() == config
