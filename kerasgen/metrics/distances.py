"""Distances between many features: in blocks, fast, and decided in float64.

Blocks of float32 features are float32 products. What lies so near to a bound that
rounding could decide it is computed again in float64 from the features themselves, so
counts and radii are those of float64 throughout.
"""

import numpy as np

_ROWS = 1024  # distances are computed in blocks of _ROWS x _ROWS
_PAIRS = 4096  # pairs whose features are held at once in float64
_SPARE = 8  # more neighbors are kept than are asked for, then sorted in float64


class DistanceBlocks:
    """Squared distances of the rows of two arrays, block by block.

    Both sides are moved by one vector, which leaves distances as they are and keeps
    the cancellation in `|x|^2 + |y|^2 - 2 x.y` small. The norms are two more columns
    of the matrices, so that one product makes a block.

    Args:
        x: float32 or float64 array (N, D).
        y: Array (M, D); None for x itself, of which one triangle is served.
        single: Whether float32 features are multiplied in float32.

    Attributes:
        slack: Bound of the rounding error of a squared distance; 0 for float64, which
            is what everything is compared with.
    """

    def __init__(self, x, y=None, single=True):
        self.x, self.y = x, x if y is None else y
        self.is_triangle = y is None
        single = single and self.x.dtype == self.y.dtype == np.float32
        dtype = "float32" if single else "float64"
        center = x.mean(axis=0, dtype="float64")
        self._left, largest = _with_norms(x - center, 1.0, True, dtype)
        self._right, other = _with_norms(self.y - center, -2.0, False, dtype)
        # Eight times what sums of as many random roundings come to.
        unit = 8.0 * np.sqrt(x.shape[1] + 2.0) * np.finfo("float32").eps
        self.slack = unit * (largest + other) if single else 0.0

    def __iter__(self):
        """Yields `(rows, columns, squared)`: two slices and an array."""
        for i in range(0, len(self.x), _ROWS):
            rows = slice(i, min(i + _ROWS, len(self.x)))
            for j in range(i if self.is_triangle else 0, len(self.y), _ROWS):
                columns = slice(j, min(j + _ROWS, len(self.y)))
                yield rows, columns, self._left[rows] @ self._right[columns].T

    def exact(self, rows, columns):
        """Squared distances of pairs in float64, from the features themselves.

        Args:
            rows: int array (P,), rows of x.
            columns: int array (P,), rows of y.

        Returns:
            float64 array (P,).
        """
        squared = np.empty(len(rows))
        for start in range(0, len(rows), _PAIRS):
            part = slice(start, start + _PAIRS)
            difference = self.x[rows[part]].astype("float64") - self.y[columns[part]]
            squared[part] = np.einsum("ij,ij->i", difference, difference)
        return squared

    def within(self, rows, columns, squared, bounds, strict):
        """Which distances of a block lie within bounds, as float64 decides it.

        Args:
            rows: Slice of the block.
            columns: Slice of the block.
            squared: The block.
            bounds: float64 array (rows, 1) or (1, columns).
            strict: `<` where True, `<=` where False.

        Returns:
            bool array like `squared`.
        """
        compare = np.less if strict else np.less_equal
        if not self.slack:
            return compare(squared, bounds)
        inside = squared < (bounds - self.slack).astype("float32")
        perhaps = squared <= (bounds + self.slack).astype("float32")
        i, j = np.nonzero(inside != perhaps)
        if len(i):
            exact = self.exact(i + rows.start, j + columns.start)
            inside[i, j] = compare(exact, np.broadcast_to(bounds, squared.shape)[i, j])
        return inside


def squared_radii(features, k):
    """Squared distance of each sample to its k-th nearest neighbour but itself.

    Args:
        features: float32 or float64 array (N, D), N above k.
        k: Integer of at least 1.

    Returns:
        float64 array (N,).
    """
    blocks = DistanceBlocks(features)
    num = len(features)
    kept = min(k + _SPARE, num - 1) if blocks.slack else k
    values = np.full((num, kept), np.inf, "float32" if blocks.slack else "float64")
    index = np.zeros((num, kept), "int64")
    for rows, columns, squared in blocks:
        if rows == columns:
            np.fill_diagonal(squared, np.inf)
        _keep_smallest(values, index, rows, columns.start, squared)
        if rows != columns:
            _keep_smallest(values, index, columns, rows.start, squared.T)
    if not blocks.slack:
        # Rounding may leave equal samples a little below 0.
        return np.maximum(values.max(axis=1), 0.0)
    own = np.repeat(np.arange(num), kept)
    exact = blocks.exact(own, index.ravel()).reshape(num, kept)
    radii = np.partition(exact, k - 1, axis=1)[:, k - 1]
    if kept < num - 1:
        # Whom rounding may have kept out: rare, but for many equal samples.
        for i in np.flatnonzero(radii > values.max(axis=1) - 2.0 * blocks.slack):
            others = np.delete(np.arange(num), i)
            squared = blocks.exact(np.full(num - 1, i), others)
            radii[i] = np.partition(squared, k - 1)[k - 1]
    return radii


def nearest_neighbors(queries, features):
    """Index of, and squared distance to, the nearest feature of each query.

    Args:
        queries: float array (N, D).
        features: float array (M, D).

    Returns:
        Pair of arrays (N,): int64 and float64.
    """
    index = np.zeros(len(queries), "int64")
    distance = np.full(len(queries), np.inf)
    for rows, columns, squared in DistanceBlocks(queries, features, single=False):
        best = squared.argmin(axis=1)
        value = squared[np.arange(len(best)), best]
        closer = value < distance[rows]
        index[rows] = np.where(closer, columns.start + best, index[rows])
        distance[rows] = np.where(closer, value, distance[rows])
    return index, np.maximum(distance, 0.0)


def _keep_smallest(values, index, rows, offset, squared):
    """Merges a block into the smallest values so far, and whose they are."""
    kept = values.shape[1]
    if squared.shape[1] > kept:
        best = np.argpartition(squared, kept - 1, axis=1)[:, :kept]
    else:
        best = np.broadcast_to(np.arange(squared.shape[1]), squared.shape)
    both = np.concatenate(
        [values[rows], np.take_along_axis(squared, best, axis=1)], axis=1
    )
    places = np.concatenate([index[rows], best + offset], axis=1)
    order = np.argpartition(both, kept - 1, axis=1)[:, :kept]
    values[rows] = np.take_along_axis(both, order, axis=1)
    index[rows] = np.take_along_axis(places, order, axis=1)


def _with_norms(x, scale, norms_first, dtype):
    """`[scale x, |x|^2, 1]`, or with the last two columns swapped; the largest norm."""
    norms = np.einsum("ij,ij->i", x, x)
    ones = np.ones_like(norms)
    last = (norms, ones) if norms_first else (ones, norms)
    x *= scale
    return np.column_stack([x, *last]).astype(dtype, copy=False), norms.max()
