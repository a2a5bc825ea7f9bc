"""Divergences of discrete distributions: exact, in float64, with zeros allowed.

Distributions are arrays of probabilities of any one shape; the whole array sums to 1
within 1e-6, and is divided by its sum.
"""

import math

import numpy as np
from scipy import special

from kerasgen.arguments import is_finite_number
from kerasgen.divergences import f_divergences

SUM_TOLERANCE = 1e-6


def kl(p, q, base=None):
    """Kullback-Leibler divergence of two arrays, `KL(P || Q) = sum p log(p / q)`.

    Args:
        p: Float array of any shape, probabilities >= 0 that sum to 1 within 1e-6.
        q: Array like `p`.
        base: Base of the logarithm, such as 2 for bits; None for nats.

    Returns:
        Float >= 0: 0 log 0 counts as 0, and a q of 0 under a p above 0 makes it
        infinite.

    Raises:
        ValueError: The arrays are no distributions on one set, or `base` is none.

    Example:

    >>> from kerasgen import divergences
    >>> divergences.kl([0.5, 0.5, 0.0], [0.25, 0.25, 0.5], base=2)
    1.0
    >>> divergences.kl([0.5, 0.5], [1.0, 0.0])
    inf

    Reference: Kullback and Leibler 1951, "On Information and Sufficiency".
    """
    p, q = _check_distributions(p, q)
    return _to_base(np.sum(special.rel_entr(p, q)), base)


def js(p, q, base=None):
    """Jensen-Shannon divergence, `(KL(P || M) + KL(Q || M)) / 2` for M = (P + Q) / 2.

    Args:
        p: Float array of any shape, probabilities >= 0 that sum to 1 within 1e-6.
        q: Array like `p`.
        base: Base of the logarithm, such as 2 for bits; None for nats.

    Returns:
        Float in [0, log 2]; log 2 where the supports are disjoint.

    Raises:
        ValueError: The arrays are no distributions on one set, or `base` is none.

    Example:

    >>> from kerasgen import divergences
    >>> divergences.js([1.0, 0.0], [0.0, 1.0], base=2)
    1.0

    Reference: Lin 1991, "Divergence Measures Based on the Shannon Entropy", section 4.
    """
    p, q = _check_distributions(p, q)
    middle = 0.5 * (p + q)
    both = special.rel_entr(p, middle) + special.rel_entr(q, middle)
    # Rounding may leave an amount above it.
    return _to_base(min(0.5 * np.sum(both), math.log(2.0)), base)


def js_distance(p, q, base=None):
    """Square root of `js`, which is a metric: it keeps the triangle inequality.

    Args:
        p: Float array of any shape, probabilities >= 0 that sum to 1 within 1e-6.
        q: Array like `p`.
        base: Base of the logarithm, such as 2 for bits; None for nats.

    Returns:
        Float in [0, sqrt(log 2)].

    Raises:
        ValueError: The arrays are no distributions on one set, or `base` is none.

    Example:

    >>> from kerasgen import divergences
    >>> divergences.js_distance([1.0, 0.0], [0.0, 1.0], base=2)
    1.0

    Reference: Endres and Schindelin 2003, "A New Metric for Probability Distributions".
    """
    return math.sqrt(js(p, q, base))


def f_divergence(divergence, p, q):
    """`D_f(P || Q) = sum q f(p / q)`; where q is 0, p times the slope of f at infinity.

    Args:
        divergence: `FDivergence` or its name, such as "pearson_chi2". "jensen_shannon"
            is twice `js`, and "gan" that less log 4.
        p: Float array of any shape, probabilities >= 0 that sum to 1 within 1e-6.
        q: Array like `p`.

    Returns:
        Float, in nats where f is a logarithm; infinite where the divergence is.

    Raises:
        ValueError: The arrays are no distributions on one set, or there is no such
            divergence.

    Example:

    >>> from kerasgen import divergences
    >>> divergences.f_divergence("squared_hellinger", [1.0, 0.0], [0.0, 1.0])
    2.0

    Reference: Nowozin et al. 2016, "f-GAN", equation 2; Liese and Vajda 2006, "On
    Divergences and Informations in Statistics and Information Theory" (zeros).
    """
    divergence = f_divergences.get(divergence)
    p, q = _check_distributions(p, q)
    positive = q > 0
    with np.errstate(divide="ignore"):
        log_ratio = np.log(p[positive]) - np.log(q[positive])
    ratios = divergence.f_of_log_ratio(log_ratio)
    # Of a q so small that f(p / q) overflows, though q times it need not.
    is_far = np.isinf(ratios) & (log_ratio > 0)
    value = np.sum((q[positive] * ratios)[~is_far])
    value += np.sum(p[positive][is_far] * divergence.f_per_ratio(log_ratio[is_far]))
    outside = np.sum(p[~positive])
    if outside > 0:
        value += outside * divergence.slope_at_infinity
    return float(value)


def _check_distributions(p, q):
    p, q = _check_distribution("p", p), _check_distribution("q", q)
    if p.shape != q.shape:
        raise ValueError(
            "`p` and `q` are probabilities of the same outcomes: expected equal "
            f"shapes. Received: {p.shape} and {q.shape}"
        )
    return p, q


def _check_distribution(name, values):
    values = np.asarray(values)
    if values.dtype.kind not in "fiu" or not values.size:
        raise ValueError(
            f"`{name}` is an array of real numbers. "
            f"Received: dtype={values.dtype}, shape={values.shape}"
        )
    values = values.astype("float64")
    if not np.isfinite(values).all() or values.min() < 0:
        raise ValueError(
            f"`{name}` holds probabilities: expected finite numbers >= 0. "
            f"Received: numbers from {values.min()} to {values.max()}"
        )
    if abs(values.sum() - 1.0) > SUM_TOLERANCE:
        raise ValueError(
            f"`{name}` holds the probabilities of all outcomes: expected a sum of 1. "
            f"Received: sum={values.sum()}"
        )
    return values / values.sum()


def _to_base(nats, base):
    if base is not None and not (is_finite_number(base) and base > 1):
        raise ValueError(
            f"`base` is None for nats or a finite number > 1. Received: base={base!r}"
        )
    # Rounding may leave an amount below 0.
    return max(float(nats), 0.0) / (1.0 if base is None else math.log(base))
