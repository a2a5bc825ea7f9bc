"""Precision, recall, density and coverage: balls around samples in feature space."""

import numpy as np

from kerasgen.metrics.arrays import check_count, check_pair

_ROWS = 1024  # distances are computed in blocks of _ROWS x _ROWS


def precision_recall(real, generated, k=3):
    """Improved precision and recall.

    Precision is the share of generated samples that lie within the ball (`<=`) of at
    least one real sample, whose radius is the distance to its k-th nearest neighbour
    among the real ones, itself excluded; recall is the same with roles swapped.

    Args:
        real: Array (N, D) of finite numbers, N above k.
        generated: Array (M, D) of finite numbers, M above k.
        k: Neighbour that sets a radius, at least 1.

    Returns:
        `(precision, recall)`, Python floats in [0, 1].

    Raises:
        TypeError: If an array does not hold real numbers.
        ValueError: If shapes do not fit, a value is not finite, all features of one
            side are equal, or there are too few samples for `k`.

    Example:

    >>> import numpy as np
    >>> from kerasgen.metrics import precision_recall
    >>> real = np.arange(10.0)[:, None]
    >>> precision_recall(real, np.array([[2.5], [3.5], [50.0]]), k=1)
    (0.6666666666666666, 0.8)

    Reference: Kynkäänniemi et al. 2019, "Improved Precision and Recall Metric for
    Assessing Generative Models", equations 1 and 2.
    """
    real, generated = _check(real, generated, k)
    real_radii = squared_radii(real, k)
    generated_radii = squared_radii(generated, k)
    is_precise = np.zeros(len(generated), bool)
    is_recalled = np.zeros(len(real), bool)
    for rows, columns, squared in _blocks(real, generated):
        is_precise[columns] |= (squared <= real_radii[rows, None]).any(axis=0)
        is_recalled[rows] |= (squared <= generated_radii[None, columns]).any(axis=1)
    return float(is_precise.mean()), float(is_recalled.mean())


def density_coverage(real, generated, k=5):
    """Density and coverage, which outliers among the samples do not inflate.

    Density counts in how many real samples' balls (`<`) a generated sample lies, over
    k; coverage is the share of real samples with a generated one in their ball.

    Args:
        real: Array (N, D) of finite numbers, N above k.
        generated: Array (M, D) of finite numbers, M above k.
        k: Neighbour that sets a radius, itself excluded, at least 1.

    Returns:
        `(density, coverage)`, Python floats; density may exceed 1, coverage does not.

    Raises:
        TypeError: If an array does not hold real numbers.
        ValueError: As in `precision_recall`.

    Example:

    >>> import numpy as np
    >>> from kerasgen.metrics import density_coverage
    >>> real = np.arange(10.0)[:, None]
    >>> density_coverage(real, real[:5] + 0.25, k=1)
    (2.0, 0.6)

    Reference: Naeem et al. 2020, "Reliable Fidelity and Diversity Metrics for
    Generative Models", equations 3 and 4.
    """
    real, generated = _check(real, generated, k)
    radii = squared_radii(real, k)
    num_balls = 0
    is_covered = np.zeros(len(real), bool)
    for rows, _, squared in _blocks(real, generated):
        inside = squared < radii[rows, None]
        num_balls += int(inside.sum())
        is_covered[rows] |= inside.any(axis=1)
    return num_balls / (k * len(generated)), float(is_covered.mean())


def squared_radii(features, k):
    """Squared distance of each sample to its k-th nearest neighbour but itself.

    Args:
        features: float64 array (N, D), N above k.
        k: Integer of at least 1.

    Returns:
        float64 array (N,).
    """
    nearest = np.full((len(features), k), np.inf)
    for rows, columns, squared in _blocks(features, features, symmetric=True):
        if rows == columns:
            np.fill_diagonal(squared, np.inf)
        nearest[rows] = _smallest(nearest[rows], squared, k)
        if rows != columns:
            nearest[columns] = _smallest(nearest[columns], squared.T, k)
    # Rounding may leave equal samples a little below 0.
    return np.maximum(nearest.max(axis=1), 0.0)


def nearest_neighbors(queries, features):
    """Index of, and squared distance to, the nearest feature of each query.

    Args:
        queries: float64 array (N, D).
        features: float64 array (M, D).

    Returns:
        Pair of arrays (N,): int64 and float64.
    """
    index = np.zeros(len(queries), "int64")
    distance = np.full(len(queries), np.inf)
    for rows, columns, squared in _blocks(queries, features):
        best = squared.argmin(axis=1)
        value = squared[np.arange(len(best)), best]
        closer = value < distance[rows]
        index[rows] = np.where(closer, columns.start + best, index[rows])
        distance[rows] = np.where(closer, value, distance[rows])
    return index, np.maximum(distance, 0.0)


def _smallest(nearest, squared, k):
    if squared.shape[1] > k:
        squared = np.partition(squared, k - 1, axis=1)[:, :k]
    both = np.concatenate([nearest, squared], axis=1)
    return np.partition(both, k - 1, axis=1)[:, :k]


def _blocks(x, y, symmetric=False):
    """Squared distances block by block: `(rows, columns, squared)`, two slices.

    Both sides are moved by one vector, which leaves distances as they are and keeps
    the cancellation in `|x|^2 + |y|^2 - 2 x.y` small. The norms are two more columns
    of the matrices, so that one product makes a block.
    """
    center = x.mean(axis=0, dtype="float64")
    left = _with_norms(x - center, 1.0, norms_first=True)
    right = _with_norms(y - center, -2.0, norms_first=False)
    for i in range(0, len(x), _ROWS):
        rows = slice(i, min(i + _ROWS, len(x)))
        for j in range(i if symmetric else 0, len(y), _ROWS):
            columns = slice(j, min(j + _ROWS, len(y)))
            yield rows, columns, left[rows] @ right[columns].T


def _with_norms(x, scale, norms_first):
    """`[scale x, |x|^2, 1]`, or with the last two columns swapped."""
    norms = np.einsum("ij,ij->i", x, x)
    ones = np.ones_like(norms)
    last = (norms, ones) if norms_first else (ones, norms)
    x *= scale
    return np.column_stack([x, *last])


def _check(real, generated, k):
    check_count("k", k)
    real, generated = check_pair(real, generated)
    for name, features in (("real", real), ("generated", generated)):
        if len(features) <= k:
            raise ValueError(
                f"{name} must hold more than k={k} samples. Received: {len(features)}"
            )
        if np.all(features == features[0]):
            raise ValueError(
                f"{name} must hold features that differ: balls around equal samples "
                f"have no radius. Received: {len(features)} equal rows"
            )
    return real, generated
