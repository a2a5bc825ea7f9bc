"""Distances between many features: in blocks, fast, and decided in float64.

Blocks of float32 features are float32 products, those of float64 float64. What lies so
near to a bound that rounding could decide it is computed again in float64 from the
features themselves, so counts and radii are those of exact differences.
"""

import numpy as np

_ROWS = 1024  # distances are computed in blocks of _ROWS x _ROWS
_VALUES = 2**22  # values of the features that are held at once in float64
_SMALLEST, _LARGEST = 1e-140, 1e140  # of features; their squares are within float64
_OUTLIER = 64.0  # squared norm over the median one
_SPARE = 8  # more neighbors are kept than are asked for, then sorted exactly


class DistanceBlocks:
    """Squared distances of the rows of two arrays, block by block.

    Both sides are moved by one vector and scaled by a power of two, so that no square
    overflows and the cancellation in `|x|^2 + |y|^2 - 2 x.y` stays small. The norms are
    two more columns of the matrices: one product makes a block.

    Args:
        x: float32 or float64 array (N, D).
        y: Array (M, D); None for x itself, of which one triangle is served.
    """

    def __init__(self, x, y=None):
        self.x, self.y = x, x if y is None else y
        self.is_triangle = y is None
        center = x.mean(axis=0, dtype="float64")
        left, right = x - center, self.y - center
        largest = max(np.abs(left).max(), np.abs(right).max())
        if largest and not _SMALLEST < largest < _LARGEST:
            raise ValueError(
                "Expected features whose squares float64 can hold. "
                f"Received: values up to {largest:.3g} from their mean"
            )
        self._scale = 2.0 ** -np.round(np.log2(largest)) if largest else 1.0
        left *= self._scale
        right *= self._scale
        x_norms = np.einsum("ij,ij->i", left, left)
        y_norms = np.einsum("ij,ij->i", right, right)
        both_single = self.x.dtype == self.y.dtype == np.float32
        # Beside an outlier float32 could decide next to nothing.
        norms = np.concatenate([x_norms, y_norms])
        is_even = norms.max() <= _OUTLIER * np.median(norms)
        dtype = np.dtype("float32" if both_single and is_even else "float64")
        # An estimate: eight times what as many random roundings come to.
        unit = 8.0 * np.sqrt(x.shape[1] + 2.0) * np.finfo(dtype).eps
        self._x_slack, self._y_slack = unit * x_norms, unit * y_norms
        right *= -2.0
        ones = np.ones_like(x_norms), np.ones_like(y_norms)
        self._left = np.column_stack([left, x_norms, ones[0]]).astype(dtype)
        self._right = np.column_stack([right, ones[1], y_norms]).astype(dtype)

    def __iter__(self):
        """Yields `(rows, columns, scaled)`: two slices and scaled squared distances."""
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
        pairs = max(_VALUES // self.x.shape[1], 1)
        for start in range(0, len(rows), pairs):
            part = slice(start, start + pairs)
            difference = self.x[rows[part]].astype("float64") - self.y[columns[part]]
            squared[part] = np.einsum("ij,ij->i", difference, difference)
        return squared

    def within(self, rows, columns, scaled, bounds, strict):
        """Which distances of a block lie within bounds, as exact differences decide.

        Args:
            rows: Slice of the block.
            columns: Slice of the block.
            scaled: The block.
            bounds: float64 array (rows, 1) or (1, columns) of squared distances.
            strict: `<` where True, `<=` where False.

        Returns:
            bool array like `scaled`.
        """
        compare = np.less if strict else np.less_equal
        x_slack, y_slack = self._x_slack[rows, None], self._y_slack[None, columns]
        if bounds.shape[1] == 1:
            slack = x_slack + y_slack.max()
        else:
            slack = x_slack.max() + y_slack
        scaled_bounds = bounds * self._scale**2
        inside = scaled < (scaled_bounds - slack).astype(scaled.dtype)
        perhaps = scaled <= (scaled_bounds + slack).astype(scaled.dtype)
        i, j = np.nonzero(inside != perhaps)
        if len(i):
            exact = self.exact(i + rows.start, j + columns.start)
            inside[i, j] = compare(exact, np.broadcast_to(bounds, scaled.shape)[i, j])
        return inside

    def certain(self, scaled, rows):
        """What scaled squared distances of rows at least are, unscaled.

        Args:
            scaled: Array (N,).
            rows: int array (N,), the row of x that each belongs to.
        """
        slack = 2.0 * (self._x_slack[rows] + self._y_slack.max())
        return (scaled - slack) / self._scale**2


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
    kept = min(k + _SPARE, num - 1)
    values = np.full((num, kept), np.inf)
    index = np.zeros((num, kept), "int64")
    for rows, columns, scaled in blocks:
        if rows == columns:
            np.fill_diagonal(scaled, np.inf)
        _keep_smallest(values[rows], index[rows], scaled, columns.start)
        if rows != columns:
            _keep_smallest(values[columns], index[columns], scaled.T, rows.start)
    own = np.arange(num)
    exact = blocks.exact(own.repeat(kept), index.ravel()).reshape(num, kept)
    radii = np.partition(exact, k - 1, axis=1)[:, k - 1]
    if kept < num - 1:
        # Whom rounding may have kept out; nobody is nearer than at 0.
        may_differ = radii > blocks.certain(values.max(axis=1), own)
        for i in np.flatnonzero(may_differ & (radii > 0)):
            others = np.delete(own, i)
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
    queries, features = queries.astype("float64"), features.astype("float64")
    blocks = DistanceBlocks(queries, features)
    for rows, columns, scaled in blocks:
        best = scaled.argmin(axis=1)
        value = scaled[np.arange(len(best)), best]
        closer = value < distance[rows]
        index[rows] = np.where(closer, columns.start + best, index[rows])
        distance[rows] = np.where(closer, value, distance[rows])
    return index, blocks.exact(np.arange(len(queries)), index)


def _keep_smallest(values, index, squared, offset):
    """Merges a block into the smallest values so far, and whose they are, in place."""
    num, kept = values.shape
    is_smaller = squared < values.max(axis=1).astype(squared.dtype)[:, None]
    row, column = np.nonzero(is_smaller)
    if len(row) > num * kept:
        # The first block of these rows: nothing is known to be small.
        best = min(kept, squared.shape[1])
        chosen = np.argpartition(squared, best - 1, axis=1)[:, :best]
        new_values, new_index = np.take_along_axis(squared, chosen, axis=1), chosen
    else:
        counts = np.bincount(row, minlength=num)
        place = np.arange(len(row)) - np.repeat(np.cumsum(counts) - counts, counts)
        new_values = np.full((num, max(counts.max(initial=0), 1)), np.inf)
        new_index = np.zeros(new_values.shape, "int64")
        new_values[row, place] = squared[row, column]
        new_index[row, place] = column
    both = np.concatenate([values, new_values], axis=1)
    places = np.concatenate([index, new_index + offset], axis=1)
    order = np.argpartition(both, kept - 1, axis=1)[:, :kept]
    values[:] = np.take_along_axis(both, order, axis=1)
    index[:] = np.take_along_axis(places, order, axis=1)
