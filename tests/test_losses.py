"""Adversarial losses against NumPy in float64."""

import keras
import numpy as np
import pytest
from keras import ops

from kerasgen import backend, losses


def softplus(x):
    return np.logaddexp(0.0, x)


def sigmoid(x):
    return 0.5 * (1.0 + np.tanh(0.5 * x))


def _log_loss(real, fake):
    return softplus(-real).mean() + softplus(fake).mean()


def _hinge(real, fake):
    return np.maximum(0, 1 - real).mean() + np.maximum(0, 1 + fake).mean()


# Name: discriminator's loss; generator's loss; derivatives by one logit, times the
# number of logits: of the former by a real and by a fake one, of the latter by a fake.
ORACLES = {
    "minimax": (
        _log_loss,
        lambda real, fake: -softplus(fake).mean(),
        lambda real: -sigmoid(-real),
        lambda fake: sigmoid(fake),
        lambda fake: -sigmoid(fake),
    ),
    "non_saturating": (
        _log_loss,
        lambda real, fake: softplus(-fake).mean(),
        lambda real: -sigmoid(-real),
        lambda fake: sigmoid(fake),
        lambda fake: -sigmoid(-fake),
    ),
    "hinge": (
        _hinge,
        lambda real, fake: -fake.mean(),
        lambda real: np.where(real < 1.0, -1.0, 0.0),
        lambda fake: np.where(fake > -1.0, 1.0, 0.0),
        lambda fake: -np.ones_like(fake),
    ),
    "wasserstein": (
        lambda real, fake: fake.mean() - real.mean(),
        lambda real, fake: -fake.mean(),
        lambda real: -np.ones_like(real),
        lambda fake: np.ones_like(fake),
        lambda fake: -np.ones_like(fake),
    ),
}
EXTREMES = np.array([[-1e4], [1e4], [-88.0], [88.0], [0.0], [1e-3]], "float32")
SHAPES = [(6,), (6, 1), (2, 3, 3, 1)]


def logits(shape, seed):
    return (4 * np.random.default_rng(seed).standard_normal(shape)).astype("float32")


def evaluate(fn, real, fake):
    """The loss and its gradients by the real and the fake logits."""
    variables = [keras.Variable(x) for x in (real, fake)]
    (loss, _), gradients = backend.value_and_grad(
        lambda: (fn(variables[0].value, variables[1].value), ()), variables
    )
    assert tuple(loss.shape) == ()
    return float(ops.convert_to_numpy(loss)), *map(ops.convert_to_numpy, gradients)


def check_value(actual, expected, real, fake):
    # Logits of 1e4 cancel in a mean.
    largest = max(np.abs(real).max(), np.abs(fake).max())
    np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-6 * largest)


def cases():
    for shape in SHAPES:
        yield logits(shape, 1), logits(shape, 2)
    yield EXTREMES, EXTREMES[::-1].copy()


@pytest.mark.parametrize("name", ORACLES)
def test_discriminator_loss_and_gradients(name):
    expected, _, by_real, by_fake, _ = ORACLES[name]
    for real, fake in cases():
        wide = real.astype("float64"), fake.astype("float64")
        loss, real_gradient, fake_gradient = evaluate(
            losses.get(name).discriminator, real, fake
        )
        check_value(loss, expected(*wide), real, fake)
        for gradient, oracle in (
            (real_gradient, by_real(wide[0])),
            (fake_gradient, by_fake(wide[1])),
        ):
            np.testing.assert_allclose(gradient * real.size, oracle, atol=1e-6)


@pytest.mark.parametrize("name", ORACLES)
def test_generator_loss_and_gradients(name):
    _, expected, _, _, by_fake = ORACLES[name]
    for real, fake in cases():
        wide = real.astype("float64"), fake.astype("float64")
        loss, real_gradient, fake_gradient = evaluate(
            losses.get(name).generator, real, fake
        )
        check_value(loss, expected(*wide), real, fake)
        np.testing.assert_allclose(
            fake_gradient * fake.size, by_fake(wide[1]), atol=1e-6
        )
        assert not real_gradient.any()


def test_only_the_non_saturating_generator_learns_from_sure_losses():
    """Where the discriminator is sure of a fake, minimax's gradient vanishes."""
    fake = np.full((3, 1), -1e4, "float32")
    for name, expected in (("non_saturating", -1.0), ("minimax", 0.0)):
        _, _, gradient = evaluate(losses.get(name).generator, fake, fake)
        np.testing.assert_allclose(gradient * 3, np.full((3, 1), expected), atol=1e-6)


def test_values_at_zero_logits():
    zeros = np.zeros((4, 1), "float32")
    expected = {
        "minimax": (2 * np.log(2), -np.log(2)),
        "non_saturating": (2 * np.log(2), np.log(2)),
        "hinge": (2.0, 0.0),
        "wasserstein": (0.0, 0.0),
    }
    for name, values in expected.items():
        loss = losses.get(name)
        actual = [
            float(fn(zeros, zeros)) for fn in (loss.discriminator, loss.generator)
        ]
        np.testing.assert_allclose(actual, values, rtol=1e-6)


@pytest.mark.parametrize("name", ORACLES)
def test_serialization(name):
    loss = losses.get(name)
    copy = keras.saving.deserialize_keras_object(
        keras.saving.serialize_keras_object(loss)
    )
    assert copy.discriminator is loss.discriminator
    assert copy.generator is loss.generator


def test_get_keeps_a_user_s_pair():
    mine = losses.AdversarialLoss(
        losses.wasserstein.discriminator, losses.minimax.generator
    )
    assert losses.get(mine) is mine


@pytest.mark.parametrize("loss", ["hing", "AdversarialLoss", "get", None, 1, ops.mean])
def test_unknown_name(loss):
    with pytest.raises(ValueError, match=r"\['hinge', 'minimax', .* Received: loss="):
        losses.get(loss)


def test_every_pair_of_the_module_has_an_oracle():
    pairs = {
        name
        for name, value in vars(losses).items()
        if isinstance(value, losses.AdversarialLoss)
    }
    assert pairs == set(ORACLES)
