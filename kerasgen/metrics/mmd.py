"""Kernel Inception distance: an unbiased squared MMD with a cubic kernel."""

import numpy as np

from kerasgen.arguments import check_integer, check_positive_integer
from kerasgen.metrics.arrays import check_pair, check_varied

_ROWS = 64
_LARGEST_SINGLE = 10.0  # mean square of features
_LARGEST = 1e90


def kid(real, generated, subset_size=1000, num_subsets=100, seed=2020):
    """Kernel Inception distance, over random subsets of equal size.

    `MMD^2` with the kernel `(x.y / D + 1)^3`, unbiased (the diagonals are left out), so
    that small distances may come out below 0. Subsets are drawn without replacement by
    `numpy.random.RandomState(seed)`, of the real features first, as in torch-fidelity.

    Args:
        real: Array (N, D) of finite numbers: features of real samples.
        generated: Array (M, D) of finite numbers.
        subset_size: Samples in a subset, at least 2, at most N and M.
        num_subsets: Subsets to average over.
        seed: Integer in [0, 2**32).

    Returns:
        `(mean, std)` over the subsets, Python floats; std with ddof 0.

    Raises:
        TypeError: If an array does not hold real numbers.
        ValueError: If shapes do not fit, a value is not finite, all real features are
            equal, or there are fewer samples than a subset takes.

    Example:

    >>> import numpy as np
    >>> from kerasgen.metrics import kid
    >>> x = np.arange(8.0).reshape(4, 2)
    >>> mean, std = kid(x, x + 1.0, subset_size=4, num_subsets=2)
    >>> round(mean, 3), std
    (-9493.083, 0.0)

    Reference: Binkowski et al. 2018, "Demystifying MMD GANs", section 4.
    """
    real, generated = check_pair(real, generated)
    check_varied("real", real)
    check_positive_integer("num_subsets", num_subsets)
    fewest = min(len(real), len(generated))
    if check_integer("subset_size", subset_size, 2) > fewest:
        raise ValueError(
            f"Expected at least subset_size={subset_size} samples on both sides; take "
            f"a smaller subset. Received: {len(real)} real, {len(generated)} generated"
        )
    real, generated = _with_room_for_cubes(real, generated)
    draws = np.random.RandomState(seed)
    distances = np.empty(num_subsets)
    for index in range(num_subsets):
        x = real[draws.choice(len(real), subset_size, replace=False)]
        y = generated[draws.choice(len(generated), subset_size, replace=False)]
        distances[index] = _unbiased_mmd(x, y)
    return float(distances.mean()), float(distances.std())


def polynomial_mmd(x, y):
    """Unbiased squared MMD of two sets under the kernel `(x.y / D + 1)^3`.

    The products of float32 features are float32 where no kernel value is large, the
    rest is float64: on features of unit size the two differ by about 1e-7.

    Args:
        x: float32 or float64 (N, D), N at least 2.
        y: Array (M, D), M at least 2.

    Returns:
        Python float, below 0 at times.

    Raises:
        ValueError: If the kernel of the largest features overflows.

    Reference: Gretton et al. 2012, "A Kernel Two-Sample Test", equation 3.
    """
    return _unbiased_mmd(*_with_room_for_cubes(x, y))


def _with_room_for_cubes(x, y):
    """Both as float32 where no kernel value is large, as float64 otherwise."""
    norms = [np.einsum("ij,ij->i", a, a, dtype="float64").max() for a in (x, y)]
    largest = max(norms) / x.shape[1]
    if largest > _LARGEST:
        raise ValueError(
            "Expected features whose cubes float64 can hold. "
            f"Received: a mean square of {largest:.3g}"
        )
    if x.dtype == y.dtype == np.float32 and largest <= _LARGEST_SINGLE:
        return x, y
    return x.astype("float64", copy=False), y.astype("float64", copy=False)


def _unbiased_mmd(x, y):
    cross = _sum_cubes(x @ y.T, x.shape[1]) / (len(x) * len(y))
    return _mean_off_diagonal(x) + _mean_off_diagonal(y) - 2.0 * cross


def _mean_off_diagonal(x):
    num, dimension = x.shape
    # NumPy computes one triangle of it.
    products = x @ x.T
    diagonal = np.diagonal(products).astype("float64") / dimension + 1.0
    total = _sum_cubes(products, dimension) - np.sum(diagonal**3)
    return total / (num * (num - 1))


def _sum_cubes(products, dimension):
    """Sum of `(p / D + 1)^3`, over few rows at once, which stay in the cache."""
    total = 0.0
    for start in range(0, len(products), _ROWS):
        kernel = products[start : start + _ROWS].astype("float64")
        kernel /= dimension
        kernel += 1.0
        cubes = kernel * kernel
        cubes *= kernel
        total += float(cubes.sum())
    return total
