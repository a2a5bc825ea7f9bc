"""Estimates from samples against quadrature: by densities, and by trained critics."""

import keras
import numpy as np
import pytest
from keras import layers, ops
from scipy import integrate, stats

from kerasgen import divergences, losses

NAMES = sorted(divergences.f_divergences.NAMED)
P, Q = stats.norm(0.0, 1.0), stats.norm(0.7, 1.2)
STEPS, BATCH, UNITS = 400, 1024, 12


def log_ratio(x):
    return P.logpdf(x) - Q.logpdf(x)


def by_quadrature(name):
    divergence = divergences.get(name)
    value, error = integrate.quad(
        lambda x: Q.pdf(x) * divergence.f_of_log_ratio(log_ratio(x)),
        *(-15.0, 15.0),
        limit=400,
        points=[-4.0, 0.0, 4.0],
    )
    assert error < 1e-6
    return value


def shift(name):
    """What makes a divergence of the GAN's, which is -log 4 for equal distributions."""
    return np.log(4.0) if name == "gan" else 0.0


def draw(num, seed):
    """Independent samples of p and of q, float32 (num, 2)."""
    normal = np.random.default_rng(seed).standard_normal((num, 2))
    return (normal * [1.0, 1.2] + [0.0, 0.7]).astype("float32")


def critics():
    """One network of its own for each divergence: (B, 2) -> (B, 2, divergences)."""
    samples = keras.Input((2,))
    outputs = []
    for _ in NAMES:
        x = ops.expand_dims(samples, -1)
        for _ in range(2):
            x = layers.Dense(UNITS, activation="tanh")(x)
        outputs.append(layers.Dense(1)(x))
    return keras.Model(samples, ops.concatenate(outputs, axis=-1))


@pytest.fixture(scope="module")
def outputs():
    """Outputs of trained critics on 10^6 fresh samples: name -> (of p, of q)."""
    pairs = [losses.FGAN(name) for name in NAMES]

    def loss(_, v):
        return sum(
            pair.discriminator(v[:, 0, i], v[:, 1, i]) for i, pair in enumerate(pairs)
        )

    keras.utils.set_random_seed(0)
    network = critics()
    rate = keras.optimizers.schedules.CosineDecay(0.02, STEPS)
    network.compile(keras.optimizers.Adam(rate), loss=loss)
    x = draw(STEPS * BATCH, seed=1)
    network.fit(x, np.zeros(len(x)), batch_size=BATCH, shuffle=False, verbose=0)
    fresh = network.predict(draw(10**6, seed=2), batch_size=100_000, verbose=0)
    return {name: (fresh[:, 0, i], fresh[:, 1, i]) for i, name in enumerate(NAMES)}


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_trained_critics_reach_the_divergence(name, outputs):
    """Within 5 % from below, on samples that they were not trained on."""
    estimate = divergences.variational(name, *outputs[name])
    expected = by_quadrature(name) + shift(name)
    value = estimate.value + shift(name)
    assert 0.95 * expected < value < expected + 4 * estimate.standard_error
    assert estimate.standard_error < 0.01 * expected


@pytest.mark.eager
@pytest.mark.parametrize("name", NAMES)
def test_a_best_critic_tells_the_likelier_distribution(name, outputs):
    """T is above f'(1) where p > q."""
    x = draw(10**6, seed=2)
    real_accuracy, fake_accuracy = (
        float(accuracy) for accuracy in losses.FGAN(name).accuracies(*outputs[name])
    )
    best = np.mean(log_ratio(x[:, 0]) > 0), np.mean(log_ratio(x[:, 1]) < 0)
    np.testing.assert_allclose((real_accuracy, fake_accuracy), best, atol=0.05)
    np.testing.assert_allclose(real_accuracy + fake_accuracy, sum(best), atol=0.01)


@pytest.mark.eager
@pytest.mark.parametrize("name", NAMES)
def test_the_bound_holds_for_any_critic(name):
    x = draw(100_000, seed=3)
    for seed in range(5):
        a, b, c = np.random.default_rng(seed).standard_normal(3)
        critic = 0.3 * a * x**2 + b * x + c
        estimate = divergences.variational(name, critic[:, :1], critic[:, 1])
        assert estimate.value < by_quadrature(name) + 4 * estimate.standard_error


@pytest.mark.parametrize("name", NAMES)
def test_monte_carlo(name):
    x = Q.rvs(10**6, random_state=0)
    estimate = divergences.monte_carlo(name, P.logpdf(x), Q.logpdf(x))
    error = abs(estimate.value - by_quadrature(name))
    assert error < 4 * estimate.standard_error
    assert 0 < estimate.standard_error < 0.01


def test_the_kl_from_samples_of_p_is_the_reverse_kl_with_roles_swapped():
    x = P.rvs(10**5, random_state=0)
    estimate = divergences.monte_carlo("reverse_kl", Q.logpdf(x), P.logpdf(x))
    np.testing.assert_allclose(estimate.value, np.mean(log_ratio(x)), rtol=1e-12)
    expected = divergences.gaussian_kl(0.0, 1.0, 0.7, 1.44)
    assert abs(estimate.value - expected) < 4 * estimate.standard_error


def test_monte_carlo_in_many_dimensions():
    """Where densities are far below the smallest float."""
    dimension = 5000
    x = np.random.default_rng(0).standard_normal((200, dimension))
    log_q = stats.norm.logpdf(x).sum(axis=1)
    log_p = stats.norm(0.5, 1.0).logpdf(x).sum(axis=1)
    estimate = divergences.monte_carlo("reverse_kl", log_p, log_q)
    expected = divergences.gaussian_kl(
        np.zeros(dimension),
        np.ones(dimension),
        np.full(dimension, 0.5),
        np.ones(dimension),
    )
    assert np.all(log_p - log_q < -350)
    assert abs(estimate.value - expected) < 4 * estimate.standard_error
    assert estimate.standard_error < 0.01 * expected


def test_samples_where_p_is_zero():
    log_p, log_q = np.array([-np.inf, 0.0]), np.zeros(2)
    assert divergences.monte_carlo("total_variation", log_p, log_q).value == 0.25
    value, error = divergences.monte_carlo("reverse_kl", log_p, log_q)
    assert value == np.inf and np.isnan(error)


@pytest.mark.parametrize(
    "log_p, log_q, message",
    [
        (np.zeros(3), np.zeros(2), r"equal shapes. Received: \(3,\) and \(2,\)"),
        (np.zeros(1), np.zeros(1), r"`log_p` .* at least 2 .* Received: .*\(1,\)"),
        (np.zeros((3, 2)), np.zeros(3), r"`log_p` .* Received: .*\(3, 2\)"),
        (np.zeros(3), np.array(["a"] * 3), "`log_q` .* Received: dtype="),
        (np.zeros(2), np.array([0.0, np.nan]), "`log_q` .* Received: 1 NaNs"),
        (np.zeros(2), np.array([0.0, -np.inf]), "`log_q` is finite .* Received: "),
        (np.array([0.0, np.inf]), np.zeros(2), "below infinity. Received: .* inf"),
    ],
)
def test_wrong_densities(log_p, log_q, message):
    with pytest.raises(ValueError, match=message):
        divergences.monte_carlo("kl", log_p, log_q)


def test_wrong_outputs():
    with pytest.raises(ValueError, match=r"`p_outputs` .* Received: .*\(4, 2\)"):
        divergences.variational("kl", np.zeros((4, 2)), np.zeros(4))
    with pytest.raises(ValueError, match="`q_outputs` .* Received: 4 NaNs"):
        divergences.variational("kl", np.zeros(4), np.full(4, np.nan))
    with pytest.raises(ValueError, match="Received: divergence='js'"):
        divergences.variational("js", np.zeros(4), np.zeros(4))
