"""Fréchet distance between Gaussians fitted to two sets of features.

The distance needs the trace of `(S1 S2)^(1/2)` of two covariances. With `S = F'F` this
is the sum of the singular values of `F1 F2'`, and the square root of a matrix is never
formed. Three ways to it, all float64 and exact up to rounding:

- low rank: fewer samples than features; F is the centered features themselves.
- Cholesky: `S1 = L L'`; the eigenvalues of `L' S2 L` are those of `S1 S2`. The fastest,
  taken where a bound on its rounding error allows it.
- eigendecomposition of both covariances, for the rest: constant or dependent features.
"""

import numpy as np
import scipy.linalg
from scipy.linalg import blas, lapack

from kerasgen.metrics.arrays import (
    check_features,
    check_finite,
    check_pair,
    check_varied,
    real_array,
)

_EPS = np.finfo("float64").eps
_CHOLESKY_ERROR = 1e-9  # largest accepted rounding error, relative to the traces
_ROWS = 1024
_ASYMMETRY = 1e-6  # relative to the largest entry; float32 statistics pass
_NEGATIVE = 1e-6  # eigenvalue below zero, relative to the largest, likewise


def fid(real, generated):
    """Fréchet distance of two sets of features: FID, whatever the extractor.

    The covariances are unbiased (ddof 1), as in TTUR, pytorch-fid and torch-fidelity.
    The value depends on the extractor and on the number of samples: report both.

    Args:
        real: Array (N, D) of finite numbers, N at least 2: features of real samples.
        generated: Array (M, D) of finite numbers, M at least 2; equal rows, as of a
            generator that has collapsed, have a distance as well.

    Returns:
        The squared distance as a Python float, at least 0.

    Raises:
        TypeError: If an array does not hold real numbers.
        ValueError: If a shape is wrong, the feature dimensions differ, a value is not
            finite or too large to square, or all real features are equal.

    Example:

    >>> import numpy as np
    >>> from kerasgen.metrics import fid
    >>> real = np.array([[0.0, 0.0], [2.0, 0.0], [0.0, 2.0], [2.0, 2.0]])
    >>> round(fid(real, real + 3.0), 6)  # equal covariances: the means' distance
    18.0

    Reference: Heusel et al. 2017, "GANs Trained by a Two Time-Scale Update Rule
    Converge to a Local Nash Equilibrium", equation 6. Deviation: rounding errors below
    0 are set to 0.
    """
    real, generated = check_pair(real, generated)
    check_varied("real", real)
    if min(len(real), len(generated)) >= real.shape[1]:
        return frechet_distance(*statistics(real), *statistics(generated))
    real_mean, real_factor = _factor(real)
    generated_mean, generated_factor = _factor(generated)
    return _distance(
        real_mean - generated_mean,
        np.sum(real_factor**2) + np.sum(generated_factor**2),
        _trace_sqrt_low_rank(real_factor, generated_factor),
    )


def fid_of_moments(real, generated):
    """Fréchet distance of two `Moments`; see `fid`.

    Args:
        real: `Moments` of at least 2 rows.
        generated: `Moments` of at least 2 rows.

    Returns:
        The squared distance as a Python float, at least 0.

    Raises:
        ValueError: If there are too few rows, the dimensions differ, or all real rows
            are equal.
    """
    for name, moments in (("real", real), ("generated", generated)):
        if moments.num < 2:
            raise ValueError(
                f"{name} must have at least 2 rows. Received: {moments.num}"
            )
    if real.dimension != generated.dimension:
        raise ValueError(
            "real and generated must have the same number of features. "
            f"Received: {real.dimension} and {generated.dimension}"
        )
    if real.is_constant:
        raise ValueError(
            f"real must hold features that differ. Received: {real.num} equal rows"
        )
    factors = real.factor, generated.factor
    if all(factor is None for factor in factors):
        return frechet_distance(real.mu, real.sigma, generated.mu, generated.sigma)
    real_factor, generated_factor = (
        _symmetric_factor(name, moments.sigma) if factor is None else factor
        for name, moments, factor in zip(
            ("real", "generated"), (real, generated), factors, strict=True
        )
    )
    return _distance(
        real.mu - generated.mu,
        np.sum(real_factor**2) + np.sum(generated_factor**2),
        _trace_sqrt_low_rank(real_factor, generated_factor),
    )


def statistics(features):
    """Mean and unbiased covariance of features, in float64.

    Args:
        features: Array (N, D) of finite numbers, N at least 2.

    Returns:
        `(mu, sigma)`: float64 arrays (D,) and (D, D), sigma with ddof 1.

    Raises:
        TypeError: If the array does not hold real numbers.
        ValueError: If the shape is wrong or a value is not finite.

    Example:

    >>> import numpy as np
    >>> from kerasgen.metrics import statistics
    >>> mu, sigma = statistics(np.array([[0.0, 1.0], [2.0, 3.0]]))
    >>> mu.tolist(), sigma.tolist()
    ([1.0, 2.0], [[2.0, 2.0], [2.0, 2.0]])
    """
    features = check_features("features", features)
    num, dimension = features.shape
    mu = _mean(features)
    # One triangle, a few rows at a time: half the work, and little memory.
    sigma = np.zeros((dimension, dimension), order="F")
    for start in range(0, num, _ROWS):
        part = features[start : start + _ROWS] - mu
        sigma = blas.dsyrk(1.0 / (num - 1), part.T, 1.0, sigma, lower=1, overwrite_c=1)
    if not np.isfinite(np.trace(sigma)):
        raise _too_large(features)
    for column in range(dimension - 1):
        sigma[column, column + 1 :] = sigma[column + 1 :, column]
    return mu, sigma


def frechet_distance(mu1, sigma1, mu2, sigma2):
    """Squared Fréchet (2-Wasserstein) distance of two Gaussians.

    `|mu1 - mu2|^2 + tr(sigma1) + tr(sigma2) - 2 tr((sigma1 sigma2)^(1/2))`

    Args:
        mu1: Array (D,): the first mean.
        sigma1: Array (D, D), symmetric and positive semi-definite: its covariance.
        mu2: Array (D,): the second mean.
        sigma2: Array (D, D), symmetric and positive semi-definite: its covariance.

    Returns:
        The squared distance as a Python float, at least 0.

    Raises:
        TypeError: If an array does not hold real numbers.
        ValueError: If shapes do not fit, a value is not finite, or a sigma is no
            covariance.

    Example:

    >>> import numpy as np
    >>> from kerasgen.metrics import frechet_distance
    >>> zeros, eye = np.zeros(3), np.eye(3)
    >>> frechet_distance(zeros, 4 * eye, zeros, 9 * eye)  # 3 (2 - 3)^2
    3.0

    Reference: Dowson and Landau 1982, "The Fréchet distance between multivariate normal
    distributions", equation 4.
    """
    mu1, sigma1 = check_gaussian("1", mu1, sigma1)
    mu2, sigma2 = check_gaussian("2", mu2, sigma2)
    if mu1.shape != mu2.shape:
        raise ValueError(
            "mu1 and mu2 must have the same length. "
            f"Received: mu1.shape={mu1.shape}, mu2.shape={mu2.shape}"
        )
    traces = np.trace(sigma1) + np.trace(sigma2)
    trace_sqrt = _trace_sqrt_cholesky(sigma1, sigma2, _CHOLESKY_ERROR * traces)
    if trace_sqrt is None:
        trace_sqrt = _trace_sqrt_eigh(sigma1, sigma2)
    return _distance(mu1 - mu2, traces, trace_sqrt)


def _distance(difference, traces, trace_sqrt):
    with np.errstate(over="ignore"):
        distance = float(difference @ difference + traces - 2.0 * trace_sqrt)
    if not np.isfinite(distance):
        raise ValueError(
            "Expected means whose squared distance float64 can hold. "
            f"Received: means that differ by up to {np.abs(difference).max():.3g}"
        )
    return max(distance, 0.0)


def _trace_sqrt_low_rank(factor1, factor2):
    """`tr((S1 S2)^(1/2))` for `S = F'F`, in time of the factors' rows."""
    return np.sum(scipy.linalg.svdvals(factor1 @ factor2.T))


def _trace_sqrt_cholesky(sigma1, sigma2, max_error):
    """`tr((S1 S2)^(1/2))`, or None where rounding may exceed `max_error`."""
    try:
        lower = np.linalg.cholesky(sigma1)
    except np.linalg.LinAlgError:
        return None
    # L' S2 L, symmetric, in the memory of a copy of S2.
    product, _ = lapack.dsygst(
        np.array(sigma2, order="F"), lower.T, itype=2, lower=0, overwrite_a=1
    )
    eigenvalues, _, has_failed = lapack.dsyevd(
        product, compute_v=0, lower=0, overwrite_a=1
    )
    if has_failed or eigenvalues[0] <= 0.0:
        return None
    roots = np.sqrt(eigenvalues)
    # The product is known to eps |S1| |S2|, and d sqrt(x) = dx / (2 sqrt(x)).
    rounding = _EPS * np.linalg.norm(sigma1) * np.linalg.norm(sigma2)
    error = 0.5 * rounding * np.sum(1.0 / roots)
    return np.sum(roots) if error <= max_error else None


def _trace_sqrt_eigh(sigma1, sigma2):
    factors = _symmetric_factor("1", sigma1), _symmetric_factor("2", sigma2)
    return _trace_sqrt_low_rank(*factors)


def _symmetric_factor(name, sigma):
    """F (rank, D) with `F'F = S`, without the directions that are only rounding.

    The square root would turn a rounding error of 1e-16 into 1e-8 in each of them.
    """
    eigenvalues, vectors = np.linalg.eigh(sigma)
    largest = max(eigenvalues[-1], 0.0)
    if eigenvalues[0] < -_NEGATIVE * largest or eigenvalues[-1] < 0.0:
        raise ValueError(
            f"sigma{name} must be positive semi-definite. "
            f"Received: smallest eigenvalue {eigenvalues[0]:.3g}, "
            f"largest {eigenvalues[-1]:.3g}"
        )
    kept = eigenvalues > len(sigma) * _EPS * largest
    return np.sqrt(eigenvalues[kept])[:, None] * vectors[:, kept].T


def _factor(features):
    """Mean, and F with at most D rows such that `F'F` is the covariance."""
    mu, centered = _center(features)
    if len(centered) <= centered.shape[1]:
        return mu, centered
    return mu, np.linalg.qr(centered, mode="r")


def _center(features):
    """Mean, and the centered features over sqrt(N - 1), in float64."""
    mu = _mean(features)
    centered = (features - mu) / np.sqrt(len(features) - 1)
    with np.errstate(over="ignore"):
        squares = np.einsum("ij,ij->", centered, centered)
    if not np.isfinite(squares):
        raise _too_large(features)
    return mu, centered


def _mean(features):
    with np.errstate(over="ignore"):
        mu = features.mean(axis=0, dtype="float64")
    if not np.isfinite(mu).all():
        raise _too_large(features)
    return mu


def _too_large(features):
    return ValueError(
        "Expected features whose squares float64 can hold. "
        f"Received: values up to {np.abs(features).max():.3g}"
    )


def check_gaussian(name, mu, sigma):
    """Mean and covariance as float64; raises as `frechet_distance` does."""
    mu = real_array(f"mu{name}", mu).astype("float64", copy=False)
    sigma = real_array(f"sigma{name}", sigma).astype("float64", copy=False)
    if mu.ndim != 1 or len(mu) < 1 or sigma.shape != 2 * mu.shape:
        raise ValueError(
            f"mu{name} must have shape (D,) and sigma{name} (D, D). Received: "
            f"mu{name}.shape={mu.shape}, sigma{name}.shape={sigma.shape}"
        )
    check_finite(f"mu{name}", mu)
    check_finite(f"sigma{name}", sigma)
    difference = sigma - sigma.T
    asymmetry = max(difference.max(), -difference.min())
    if asymmetry > _ASYMMETRY * max(sigma.max(), -sigma.min()):
        raise ValueError(
            f"sigma{name} must be symmetric. Received: entries that differ from those "
            f"across the diagonal by up to {asymmetry:.3g}"
        )
    return mu, sigma
