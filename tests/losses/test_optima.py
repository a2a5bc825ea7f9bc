"""What the losses measure: the best discriminator, and the divergence it stands for.

p and q are counts of four outcomes, so that means over samples are exact expectations.
"""

import keras
import numpy as np
import pytest
from keras import ops

from kerasgen import backend, divergences, losses

P_COUNTS = np.array([5, 3, 2, 0])
Q_COUNTS = np.array([1, 2, 3, 4])
P, Q = P_COUNTS / 10.0, Q_COUNTS / 10.0
# The same without an outcome that only q has, where logits would be infinite.
P_SHARED, Q_SHARED = np.array([5, 3, 2]), np.array([1, 3, 6])


def samples(scores, counts):
    return ops.repeat(scores, counts)


def play(loss, scores, p_counts, q_counts):
    """The discriminator's loss at a score for each outcome, and its gradient."""
    variable = keras.Variable(np.asarray(scores, "float32"))

    def fn():
        real = samples(variable.value, p_counts)
        return loss.discriminator(real, samples(variable.value, q_counts)), ()

    (value, _), (gradient,) = backend.value_and_grad(fn, [variable])
    return float(ops.convert_to_numpy(value)), ops.convert_to_numpy(gradient)


def generator_value(loss, scores, counts):
    fake = samples(np.asarray(scores, "float32"), counts)
    return float(ops.convert_to_numpy(loss.generator(fake, fake)))


def optimal_logits():
    """Logits of D = p / (p + q)."""
    return np.log(P_SHARED) - np.log(Q_SHARED)


def test_the_optimal_discriminator_is_p_over_p_plus_q():
    """Its gradient is zero there, and the loss is convex in each logit."""
    _, gradient = play(losses.minimax, optimal_logits(), P_SHARED, Q_SHARED)
    np.testing.assert_allclose(gradient, 0.0, atol=1e-7)
    for index in range(3):
        for step in (-0.1, 0.1):
            moved = optimal_logits()
            moved[index] += step
            _, gradient = play(losses.minimax, moved, P_SHARED, Q_SHARED)
            assert gradient[index] * step > 1e-4


def test_the_value_of_the_game_is_the_js():
    """V(G, D*) = -2 log 2 + 2 JS, and the f-divergence of f-GAN's "gan"."""
    loss, _ = play(losses.minimax, optimal_logits(), P_SHARED, Q_SHARED)
    p, q = P_SHARED / 10.0, Q_SHARED / 10.0
    js = divergences.js(p, q)
    np.testing.assert_allclose(-loss, -2 * np.log(2) + 2 * js, rtol=1e-6)
    np.testing.assert_allclose(-loss, divergences.f_divergence("gan", p, q), rtol=1e-6)


@pytest.mark.parametrize("real, fake", [(0.9, 0.0), (0.9, 0.1), (1.0, 0.0)])
def test_the_optimum_of_smoothed_labels(real, fake):
    """D* = (real p + fake q) / (p + q)."""
    best = (real * P_SHARED + fake * Q_SHARED) / (P_SHARED + Q_SHARED)
    scores = np.log(best) - np.log1p(-best)
    _, gradient = play(losses.LabelSmoothing(real, fake), scores, P_SHARED, Q_SHARED)
    np.testing.assert_allclose(gradient, 0.0, atol=1e-7)


@pytest.mark.parametrize("targets", [(-1.0, 1.0, 0.0), (0.0, 2.0, 1.0)])
def test_lsgan_is_pearson_s_chi_squared(targets):
    """With b - c = 1 and b - a = 2: that of (p + q) / 2 and q, twice, whatever a is."""
    a, b, c = targets
    loss = losses.LeastSquares(a, b, c)
    best = (b * P + a * Q) / (P + Q)
    _, gradient = play(loss, best, P_COUNTS, Q_COUNTS)
    np.testing.assert_allclose(gradient, 0.0, atol=1e-7)
    # 2 C(G) of the paper has the same square at real samples, which no generator moves.
    at_both = [generator_value(loss, best, counts) for counts in (P_COUNTS, Q_COUNTS)]
    # For the sums 2 of p + q and 2 q, the integral is twice that of their halves.
    chi2 = 2.0 * divergences.f_divergence("pearson_chi2", Q, (P + Q) / 2.0)
    np.testing.assert_allclose(2.0 * sum(at_both), chi2, rtol=1e-6)


@pytest.mark.parametrize("margin", [1.0, 2.5])
def test_ebgan_is_the_total_variation(margin):
    """The best energy is 0 where p > q, and the margin elsewhere."""
    loss = losses.EnergyBased(margin)
    best = np.where(P > Q, 0.0, margin)
    total_variation = divergences.f_divergence("total_variation", P, Q)
    lowest, _ = play(loss, best, P_COUNTS, Q_COUNTS)
    np.testing.assert_allclose(lowest, margin * (1 - total_variation), rtol=1e-6)
    at_q, at_p = (generator_value(loss, best, c) for c in (Q_COUNTS, P_COUNTS))
    np.testing.assert_allclose(at_q - at_p, margin * total_variation, rtol=1e-6)
    for seed in range(20):
        energies = np.random.default_rng(seed).uniform(0.0, 1.5 * margin, 4)
        assert play(loss, energies, P_COUNTS, Q_COUNTS)[0] > lowest


@pytest.mark.parametrize("name", sorted(divergences.f_divergences.NAMED))
def test_the_best_critic_of_an_f_gan_has_the_divergence(name):
    """The bound is tight where each outcome has its best output, found on a grid."""
    divergence = divergences.get(name)
    v = np.linspace(-12.0, 12.0, 200_001)
    gain = ops.convert_to_numpy(divergence.activation(v))
    cost = ops.convert_to_numpy(divergence.conjugate_of_activation(v))
    best = [
        v[np.argmax(p * gain - q * cost)]
        for p, q in zip(P_SHARED, Q_SHARED, strict=True)
    ]
    loss, gradient = play(losses.FGAN(name), best, P_SHARED, Q_SHARED)
    expected = divergences.f_divergence(name, P_SHARED / 10.0, Q_SHARED / 10.0)
    np.testing.assert_allclose(-loss, expected, rtol=1e-4, atol=1e-6)
    # The top of the bound is flat in float32.
    np.testing.assert_allclose(gradient, 0.0, atol=1e-3)
    for seed in range(10):
        others = 2.0 * np.random.default_rng(seed).standard_normal(3)
        assert -play(losses.FGAN(name), others, P_SHARED, Q_SHARED)[0] < expected
