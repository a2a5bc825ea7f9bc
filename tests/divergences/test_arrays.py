"""Divergences of arrays: values, limits at zeros, and what they refuse."""

import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon

from kerasgen import divergences

NAMES = sorted(divergences.f_divergences.NAMED)
LOG_2 = np.log(2.0)


def distribution(shape, seed):
    values = np.random.default_rng(seed).exponential(size=shape)
    return values / values.sum()


def pair(shape=(3, 4)):
    return distribution(shape, 1), distribution(shape, 2)


def test_kl_by_its_formula():
    p, q = pair()
    expected = np.sum(p * np.log(p / q))
    np.testing.assert_allclose(divergences.kl(p, q), expected, rtol=1e-13)
    np.testing.assert_allclose(divergences.kl(p, q, 2), expected / LOG_2, rtol=1e-13)


@pytest.mark.parametrize("base", [None, 2, 10.0])
def test_js_against_scipy(base):
    p, q = pair((7,))
    expected = jensenshannon(p, q, base)
    actual = divergences.js_distance(p, q, base)
    np.testing.assert_allclose(actual, expected, rtol=1e-13)
    np.testing.assert_allclose(divergences.js(p, q, base), expected**2, rtol=1e-13)


def test_js_of_disjoint_supports_is_log_2():
    p, q = np.array([0.25, 0.75, 0.0, 0.0]), np.array([0.0, 0.0, 0.5, 0.5])
    np.testing.assert_allclose(divergences.js(p, q), LOG_2, rtol=1e-15)
    assert divergences.js(p, q, base=2) == 1.0
    assert divergences.js_distance(p, q, base=2) == 1.0
    p, q = [1 + 9e-7, 0.0], [0.0, 1 + 9e-7]  # Sums within the tolerance.
    assert divergences.js(p, q, base=2) == 1.0
    assert divergences.kl(p, q) == np.inf


def test_js_distance_keeps_the_triangle_inequality_where_js_does_not():
    p, q = np.array([1.0, 0.0]), np.array([0.0, 1.0])
    middle = (p + q) / 2

    def detour(measure):
        return measure(p, middle) + measure(middle, q) - measure(p, q)

    assert detour(divergences.js) < 0 < detour(divergences.js_distance)


def test_js_is_symmetric_and_kl_is_not():
    p, q = pair()
    np.testing.assert_allclose(divergences.js(p, q), divergences.js(q, p), rtol=1e-14)
    assert divergences.kl(p, q) != pytest.approx(divergences.kl(q, p), rel=0.01)


FORMULAS = {
    "kl": lambda p, q: p * np.log(p / q),
    "reverse_kl": lambda p, q: q * np.log(q / p),
    "pearson_chi2": lambda p, q: (p - q) ** 2 / q,
    "squared_hellinger": lambda p, q: (np.sqrt(p) - np.sqrt(q)) ** 2,
    "jensen_shannon": lambda p, q: (
        p * np.log(2 * p / (p + q)) + q * np.log(2 * q / (p + q))
    ),
    "gan": lambda p, q: p * np.log(p / (p + q)) + q * np.log(q / (p + q)),
    "total_variation": lambda p, q: np.abs(p - q) / 2,
}


@pytest.mark.parametrize("name", NAMES)
def test_f_divergence_is_what_its_formula_integrates(name):
    p, q = pair()
    expected = FORMULAS[name](p, q).sum()
    actual = divergences.f_divergence(name, p, q)
    np.testing.assert_allclose(actual, expected, rtol=1e-12)


def test_factors_and_order_of_arguments():
    """The JS of the table is twice the JS, and GAN = 2 JS - log 4."""
    p, q = pair()
    js = divergences.js(p, q)
    for name, expected in (
        ("kl", divergences.kl(p, q)),
        ("reverse_kl", divergences.kl(q, p)),
        ("jensen_shannon", 2 * js),
        ("gan", 2 * js - np.log(4)),
    ):
        actual = divergences.f_divergence(name, p, q)
        np.testing.assert_allclose(actual, expected, rtol=1e-12)


# Of p = (1, 0), q = (0, 1): f(0) and the slope of f at infinity.
DISJOINT = {
    "kl": np.inf,
    "reverse_kl": np.inf,
    "pearson_chi2": np.inf,
    "squared_hellinger": 2.0,
    "jensen_shannon": 2 * LOG_2,
    "gan": 0.0,
    "total_variation": 1.0,
}


@pytest.mark.parametrize("name", NAMES)
def test_zeros(name):
    p, q = np.array([1.0, 0.0, 0.0]), np.array([0.0, 1.0, 0.0])
    actual = divergences.f_divergence(name, p, q)
    np.testing.assert_allclose(actual, DISJOINT[name], rtol=1e-15, atol=1e-300)
    # Limits of small numbers in the places of zeros.
    near = 1e-250
    p, q = np.array([1.0, near]), np.array([near, 1.0])
    limit = divergences.f_divergence(name, p, q)
    if np.isfinite(DISJOINT[name]):
        np.testing.assert_allclose(limit, DISJOINT[name], rtol=1e-15, atol=1e-200)
    else:
        assert limit > 500


@pytest.mark.parametrize("name", NAMES)
def test_numbers_too_small_for_a_ratio(name):
    """p / q overflows, q f(p / q) does not: the limit where f is bounded, p log p/q."""
    tiny = 1e-320  # no longer a normal float64
    actual = divergences.f_divergence(name, [0.5, 0.5], [tiny, 1.0])
    if name == "kl":
        expected = 0.5 * (np.log(0.5) - np.log(tiny)) + 0.5 * np.log(0.5)
    elif name == "pearson_chi2":
        expected = np.inf  # p^2 / q = 2.5e319
    else:
        expected = divergences.f_divergence(name, [0.5, 0.5], [0.0, 1.0])
    np.testing.assert_allclose(actual, expected, rtol=1e-13)


def test_only_one_of_the_kls_minds_a_zero():
    p, q = np.array([0.5, 0.5, 0.0]), np.array([0.25, 0.25, 0.5])
    assert divergences.f_divergence("kl", p, q) == pytest.approx(LOG_2, rel=1e-14)
    assert divergences.f_divergence("reverse_kl", p, q) == np.inf
    assert divergences.f_divergence("reverse_kl", q, p) == pytest.approx(LOG_2)
    assert divergences.kl(q, p) == np.inf


@pytest.mark.parametrize("name", NAMES)
def test_equal_distributions_have_no_divergence(name):
    p, _ = pair()
    expected = -np.log(4) if name == "gan" else 0.0
    actual = divergences.f_divergence(name, p, p.copy())
    np.testing.assert_allclose(actual, expected, rtol=1e-14, atol=1e-15)
    assert divergences.kl(p, p) == divergences.js(p, p) == 0.0
    assert divergences.js_distance(p, p) == 0.0


@pytest.mark.parametrize("dtype", ["float16", "float32", "int64"])
def test_other_number_types(dtype):
    p, q = np.array([1, 0], dtype), np.array([0, 1], dtype)
    assert divergences.js(p, q, base=2) == 1.0


def test_float32_sums_are_near_enough():
    p, q = (values.astype("float32") for values in pair((1000,)))
    expected = divergences.kl(*pair((1000,)))
    np.testing.assert_allclose(divergences.kl(p, q), expected, rtol=1e-5)


@pytest.mark.parametrize(
    "p, message",
    [
        ([0.5, 0.6], r"`p` .* sum of 1. Received: sum=1.1"),
        ([1.5, -0.5], r"`p` .*>= 0. Received: numbers from -0.5"),
        ([np.nan, 1.0], r"`p` .* finite .* Received: numbers from nan"),
        ([np.inf, 0.0], r"`p` .* finite .* Received: numbers from 0.0 to inf"),
        ([0.5, 0.25, 0.25], r"equal shapes. Received: \(3,\) and \(2,\)"),
        ([[0.5, 0.5]], r"equal shapes. Received: \(1, 2\) and \(2,\)"),
        ([], r"`p` is an array of real numbers. Received: .*shape=\(0,\)"),
        (["a", "b"], r"`p` is an array of real numbers. Received: dtype="),
        ([True, False], r"`p` is an array of real numbers. Received: dtype=bool"),
        ([1j, 1.0], r"`p` is an array of real numbers. Received: dtype=complex"),
    ],
)
def test_wrong_arrays(p, message):
    q = [0.5, 0.5]
    for measure in (
        divergences.kl,
        divergences.js,
        divergences.js_distance,
        lambda p, q: divergences.f_divergence("kl", p, q),
    ):
        with pytest.raises(ValueError, match=message):
            measure(p, q)


@pytest.mark.parametrize("base", [1, 0, -2, 0.5, np.inf, np.nan, "2", True])
def test_wrong_base(base):
    for measure in (divergences.kl, divergences.js, divergences.js_distance):
        with pytest.raises(ValueError, match=r"`base` is None .* Received: base="):
            measure([0.5, 0.5], [0.5, 0.5], base)
