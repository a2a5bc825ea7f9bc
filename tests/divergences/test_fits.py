"""What minimizing a divergence does to a model: likelihood, covering and seeking."""

import numpy as np
from scipy import optimize, stats

from kerasgen import divergences

GRID = np.linspace(-12.0, 12.0, 1201)


def cells(log_density):
    """Probabilities of the cells of the grid."""
    values = np.exp(log_density - log_density.max())
    return values / values.sum()


def gaussian(mean, log_scale):
    return cells(stats.norm(mean, np.exp(log_scale)).logpdf(GRID))


def two_modes():
    """Equal modes at -3 and 3, of standard deviation 0.5."""
    modes = [stats.norm(mean, 0.5).logpdf(GRID) for mean in (-3.0, 3.0)]
    return cells(np.logaddexp(*modes))


def fit(objective, start):
    result = optimize.minimize(objective, start, method="Nelder-Mead", tol=1e-9)
    assert result.success
    mean, log_scale = result.x
    return mean, np.exp(log_scale), result.fun


def test_maximum_likelihood_is_minimum_kl():
    """Of the data's distribution to the model: they differ by the data's entropy."""
    counts = np.random.default_rng(0).multinomial(500, [0.4, 0.3, 0.2, 0.1])
    data = counts / 500

    def model(logits):
        return np.exp(logits) / np.exp(logits).sum()

    def negative_log_likelihood(logits):
        return -np.sum(counts * np.log(model(logits))) / 500

    entropy = -np.sum(data * np.log(data))
    for seed in range(5):
        logits = np.random.default_rng(seed).standard_normal(4)
        np.testing.assert_allclose(
            divergences.kl(data, model(logits)),
            negative_log_likelihood(logits) - entropy,
            rtol=1e-12,
        )
    by_likelihood = optimize.minimize(negative_log_likelihood, np.zeros(4)).x
    by_kl = optimize.minimize(lambda x: divergences.kl(data, model(x)), np.zeros(4)).x
    np.testing.assert_allclose(model(by_likelihood), data, atol=1e-5)
    np.testing.assert_allclose(model(by_kl), data, atol=1e-5)


def test_a_forward_kl_fit_covers_both_modes():
    """It matches the mean and the variance of the data: 0 and 3^2 + 0.5^2."""
    data = two_modes()
    mean, scale, _ = fit(lambda x: divergences.kl(data, gaussian(*x)), (1.0, 0.0))
    np.testing.assert_allclose(mean, 0.0, atol=1e-4)
    np.testing.assert_allclose(scale, np.sqrt(9.25), rtol=1e-3)


def test_a_reverse_kl_fit_seeks_one_mode():
    """It sits on one mode, and misses the other at the cost of log 2."""
    data = two_modes()
    for start in (-1.0, 1.0):
        mean, scale, value = fit(
            lambda x: divergences.f_divergence("reverse_kl", data, gaussian(*x)),
            (start, 0.0),
        )
        np.testing.assert_allclose(mean, 3.0 * np.sign(start), atol=1e-3)
        np.testing.assert_allclose(scale, 0.5, rtol=1e-3)
        np.testing.assert_allclose(value, np.log(2.0), rtol=1e-4)
