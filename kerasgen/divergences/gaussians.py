"""Divergences of two Gaussians in closed form, in float64.

A Gaussian is a mean, a float or (D,), and a covariance: a float or (D,) of variances,
or a matrix (D, D). Divergences do not depend on coordinates: all are computed in those
where Q is standard normal and the covariance of P is diagonal.
"""

import math

import numpy as np
from scipy import linalg

SYMMETRY_TOLERANCE = 1e-6


def gaussian_kl(p_mean, p_covariance, q_mean, q_covariance):
    """`KL(P || Q)` of two Gaussians, in nats.

    Args:
        p_mean: Float, or float array (D,).
        p_covariance: Variance > 0, variances (D,), or symmetric positive definite
            matrix (D, D).
        q_mean: Like `p_mean`.
        q_covariance: Like `p_covariance`.

    Returns:
        Float >= 0.

    Raises:
        ValueError: The arguments do not describe two Gaussians of one dimension.

    Example:

    >>> from kerasgen import divergences
    >>> divergences.gaussian_kl(0.0, 1.0, 2.0, 1.0)  # 2^2 / 2
    2.0

    Reference: Kullback 1959, "Information Theory and Statistics", chapter 9.
    """
    mean, variance = _relative(p_mean, p_covariance, q_mean, q_covariance)
    each = np.square(mean) + (variance - 1.0 - np.log(variance))
    return max(0.5 * float(np.sum(each)), 0.0)


def gaussian_squared_hellinger(p_mean, p_covariance, q_mean, q_covariance):
    """Integral of `(sqrt p - sqrt q)^2` for two Gaussians, in [0, 2].

    Args:
        p_mean: Float, or float array (D,).
        p_covariance: Variance > 0, variances (D,), or symmetric positive definite
            matrix (D, D).
        q_mean: Like `p_mean`.
        q_covariance: Like `p_covariance`.

    Returns:
        Float: the f-divergence "squared_hellinger"; other texts halve it.

    Raises:
        ValueError: The arguments do not describe two Gaussians of one dimension.

    Example:

    >>> from kerasgen import divergences
    >>> round(divergences.gaussian_squared_hellinger(0.0, 1.0, 2.0, 1.0), 6)
    0.786939

    Reference: Pardo 2006, "Statistical Inference Based on Divergence Measures".
    """
    mean, variance = _relative(p_mean, p_covariance, q_mean, q_covariance)
    middle = 0.5 * (1.0 + variance)
    log_scale = 0.25 * np.log(variance) - 0.5 * np.log(middle)
    log_overlap = float(np.sum(log_scale - np.square(mean) / (8.0 * middle)))
    return -2.0 * math.expm1(min(log_overlap, 0.0))


def gaussian_pearson_chi2(p_mean, p_covariance, q_mean, q_covariance):
    """Integral of `(p - q)^2 / q` for two Gaussians.

    Args:
        p_mean: Float, or float array (D,).
        p_covariance: Variance > 0, variances (D,), or symmetric positive definite
            matrix (D, D).
        q_mean: Like `p_mean`.
        q_covariance: Like `p_covariance`.

    Returns:
        Float >= 0: the f-divergence "pearson_chi2". Infinite unless
        `2 * q_covariance - p_covariance` is positive definite: p must not be much
        wider than q in any direction.

    Raises:
        ValueError: The arguments do not describe two Gaussians of one dimension.

    Example:

    >>> from kerasgen import divergences
    >>> round(divergences.gaussian_pearson_chi2(0.0, 1.0, 1.0, 1.0), 6)  # e - 1
    1.718282
    >>> divergences.gaussian_pearson_chi2(0.0, 2.0, 0.0, 1.0)
    inf

    Reference: Nielsen and Nock 2014, "On the Chi Square and Higher-Order Chi Distances
    for Approximating f-Divergences".
    """
    mean, variance = _relative(p_mean, p_covariance, q_mean, q_covariance)
    rest = 2.0 - variance
    if rest.min() <= 0:
        return math.inf
    log_integral = np.sum(np.square(mean) / rest - 0.5 * np.log(variance * rest))
    with np.errstate(over="ignore"):
        return float(np.expm1(max(log_integral, 0.0)))


def _relative(p_mean, p_covariance, q_mean, q_covariance):
    """Mean (D,) and variances (D,) of P where Q is standard normal."""
    p_mean, p = _check_gaussian("p", p_mean, p_covariance)
    q_mean, q = _check_gaussian("q", q_mean, q_covariance)
    if len(p_mean) != len(q_mean):
        raise ValueError(
            "The Gaussians lie in one space: expected means of one length. "
            f"Received: {len(p_mean)} and {len(q_mean)} dimensions"
        )
    difference = p_mean - q_mean
    if p.ndim == q.ndim == 1:
        return difference / np.sqrt(q), p / q
    p, q = (np.diag(c) if c.ndim == 1 else c for c in (p, q))
    variances, axes = linalg.eigh(p, q)
    return axes.T @ difference, variances


def _check_gaussian(name, mean, covariance):
    """The mean (D,), and variances (D,) or a covariance matrix (D, D), in float64."""
    mean = np.atleast_1d(np.asarray(mean, "float64"))
    spread = np.atleast_1d(np.asarray(covariance, "float64"))
    size = len(mean)
    if mean.ndim != 1 or not size or spread.shape not in ((size,), (size, size)):
        raise ValueError(
            f"`{name}_mean` has shape (D,), and `{name}_covariance` (D,) or (D, D). "
            f"Received: {mean.shape} and {np.shape(covariance)}"
        )
    finite = np.isfinite(mean).all() and np.isfinite(spread).all()
    if not finite or not _is_positive(spread):
        raise ValueError(
            f"`{name}_mean` is finite, and `{name}_covariance` holds variances > 0 or "
            "is a symmetric positive definite matrix. "
            f"Received: {name}_mean={mean}, {name}_covariance={covariance}"
        )
    return mean, spread


def _is_positive(spread):
    if spread.ndim == 1:
        return spread.min() > 0
    asymmetry = np.abs(spread - spread.T).max()
    symmetric = asymmetry <= SYMMETRY_TOLERANCE * np.abs(spread).max()
    return symmetric and np.linalg.eigvalsh(spread)[0] > 0
