"""Closed forms of Gaussians against quadrature in one dimension and sums in more."""

import numpy as np
import pytest
from scipy import integrate, stats

from kerasgen import divergences

FORMS = {
    "kl": divergences.gaussian_kl,
    "squared_hellinger": divergences.gaussian_squared_hellinger,
    "pearson_chi2": divergences.gaussian_pearson_chi2,
}
PAIRS = [((0.0, 1.0), (0.7, 1.44)), ((-1.0, 0.25), (0.5, 4.0)), ((1.0, 1.5), (0, 1))]


def by_quadrature(name, p, q):
    """`E_q f(p / q)` on a line; p and q are pairs of a mean and a variance."""
    divergence = divergences.get(name)
    p, q = (stats.norm(mean, np.sqrt(variance)) for mean, variance in (p, q))

    def integrand(x):
        log_ratio = p.logpdf(x) - q.logpdf(x)
        return q.pdf(x) * divergence.f_of_log_ratio(log_ratio)

    return integrate.quad(integrand, -30, 30, epsabs=1e-12, limit=400, points=[0])[0]


def rotation(dimension):
    random = np.random.default_rng(0).standard_normal((dimension, dimension))
    return np.linalg.qr(random)[0]


@pytest.mark.parametrize("p, q", PAIRS)
@pytest.mark.parametrize("name", FORMS)
def test_one_dimension(name, p, q):
    expected = by_quadrature(name, p, q)
    np.testing.assert_allclose(FORMS[name](*p, *q), expected, rtol=1e-8)


def test_independent_dimensions_and_rotations():
    """A KL adds up, an overlap and 1 + chi2 multiply, and no rotation changes them."""
    means = np.array([p[0] for p, _ in PAIRS]), np.array([q[0] for _, q in PAIRS])
    variances = np.array([p[1] for p, _ in PAIRS]), np.array([q[1] for _, q in PAIRS])
    each = {name: [form(*p, *q) for p, q in PAIRS] for name, form in FORMS.items()}
    overlaps = 1 - np.array(each["squared_hellinger"]) / 2
    expected = {
        "kl": np.sum(each["kl"]),
        "squared_hellinger": 2 - 2 * np.prod(overlaps),
        "pearson_chi2": np.prod(1 + np.array(each["pearson_chi2"])) - 1,
    }
    turn = rotation(3)
    matrices = [turn @ np.diag(values) @ turn.T for values in variances]
    for name, form in FORMS.items():
        plain = form(means[0], variances[0], means[1], variances[1])
        turned = form(turn @ means[0], matrices[0], turn @ means[1], matrices[1])
        mixed = form(means[0], np.diag(variances[0]), means[1], variances[1])
        np.testing.assert_allclose([plain, turned, mixed], expected[name], rtol=1e-10)


def test_equal_gaussians():
    mean, covariance = np.arange(3.0), np.eye(3) + 0.5
    for form in FORMS.values():
        value = form(mean, covariance, mean, covariance)
        assert 0 <= value < 1e-12


def test_total_variation_lies_between_its_bounds():
    """H^2 / 2 <= TV <= sqrt(KL / 2): Le Cam and Pinsker."""
    for p, q in PAIRS:
        total_variation = by_quadrature("total_variation", p, q)
        assert FORMS["squared_hellinger"](*p, *q) / 2 <= total_variation
        assert total_variation <= np.sqrt(FORMS["kl"](*p, *q) / 2)


def test_pearson_is_infinite_where_p_is_much_wider():
    chi2 = divergences.gaussian_pearson_chi2
    assert chi2(0.0, 1.9999, 0.0, 1.0) < np.inf
    assert chi2(0.0, 2.0, 0.0, 1.0) == np.inf
    assert chi2(np.zeros(2), [1.0, 3.0], np.zeros(2), [1.0, 1.0]) == np.inf
    assert chi2(0.0, 1.0, 100.0, 1.0) == np.inf  # e^10000
    assert divergences.gaussian_squared_hellinger(0.0, 1.0, 1e4, 1.0) == 2.0


@pytest.mark.parametrize(
    "arguments, message",
    [
        ((0.0, 0.0, 0.0, 1.0), "`p_mean` .* Received: "),
        ((0.0, 1.0, 0.0, -1.0), "`q_mean` .* Received: "),
        ((np.nan, 1.0, 0.0, 1.0), "finite.* Received: p_mean="),
        ((0.0, np.inf, 0.0, 1.0), "finite.* Received: p_mean="),
        ((np.zeros(2), 1.0, np.zeros(2), 1.0), r"\(D, D\). Received: \(2,\) and \(\)"),
        ((np.zeros(2), np.eye(3), 0.0, 1.0), r"Received: \(2,\) and \(3, 3\)"),
        ((np.zeros((2, 2)), np.eye(2), 0.0, 1.0), r"Received: \(2, 2\) and"),
        ((np.zeros(0), np.zeros(0), 0.0, 1.0), r"Received: \(0,\) and \(0,\)"),
        ((np.zeros(2), [[1, 2], [0, 1]], 0.0, 1.0), "symmetric .* Received: "),
        ((np.zeros(2), [[1, 2], [2, 1]], 0.0, 1.0), "positive definite.* Received: "),
        ((np.zeros(2), np.eye(2), 0.0, 1.0), "one length. Received: 2 and 1"),
    ],
)
def test_wrong_arguments(arguments, message):
    for form in FORMS.values():
        with pytest.raises(ValueError, match=message):
            form(*arguments)
