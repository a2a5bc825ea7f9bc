"""Mean and covariance of features that arrive in batches."""

import numpy as np

from kerasgen.metrics.arrays import check_features


class Moments:
    """Streaming mean and covariance, float64, in memory of O(D^2) however many rows.

    The first D rows are kept as they are: while there are no more, the Fréchet
    distance takes its exact low-rank route.

    Example:

    >>> import numpy as np
    >>> from kerasgen.metrics import Moments
    >>> moments = Moments()
    >>> for row in np.eye(3):
    ...     moments.update(row[None])
    >>> moments.num, moments.mu.round(3).tolist()
    (3, [0.333, 0.333, 0.333])
    """

    def __init__(self):
        self.num = 0
        self._lowest = self._highest = None
        self._rows = []
        self._shift = None
        self._sum = None
        self._products = None

    @classmethod
    def from_statistics(cls, mu, sigma, num):
        """Moments of a finished set, as read from a file.

        Args:
            mu: float64 array (D,).
            sigma: float64 array (D, D), ddof 1.
            num: Samples behind them, at least 2.
        """
        moments = cls()
        moments.num = num
        moments._shift = mu
        moments._sum = np.zeros_like(mu)
        moments._products = sigma * (num - 1)
        moments._lowest = np.zeros_like(mu)
        moments._highest = np.diag(sigma)
        return moments

    def update(self, features):
        """Adds rows.

        Args:
            features: Array (B, D) of finite numbers, B at least 1.

        Raises:
            TypeError: If the array does not hold real numbers.
            ValueError: If a value is not finite, or D differs from earlier batches.
        """
        features = check_features("features", features, minimum=1)
        width = self.dimension
        if width is not None and features.shape[1] != width:
            raise ValueError(
                f"features must have {width} columns, as before. "
                f"Received: shape={features.shape}"
            )
        # A copy: the caller may fill its buffer anew.
        features = np.array(features)
        lowest, highest = features.min(axis=0), features.max(axis=0)
        if self.num:
            lowest = np.minimum(lowest, self._lowest)
            highest = np.maximum(highest, self._highest)
        self._lowest, self._highest = lowest, highest
        self.num += len(features)
        if self._products is not None:
            self._add(features)
            return
        self._rows.append(features)
        if self.num > features.shape[1]:
            rows = np.concatenate(self._rows)
            self._rows = []
            self._shift = rows.mean(axis=0, dtype="float64")
            self._sum = np.zeros(rows.shape[1])
            self._products = np.zeros((rows.shape[1], rows.shape[1]))
            self._add(rows)

    @property
    def dimension(self):
        """D, or None before the first batch."""
        if self._products is not None:
            return len(self._shift)
        return self._rows[0].shape[1] if self._rows else None

    @property
    def is_constant(self):
        """Whether all rows are equal."""
        return bool(np.all(self._lowest == self._highest))

    @property
    def mu(self):
        """float64 array (D,), the mean."""
        if self._products is None:
            return np.concatenate(self._rows).mean(axis=0, dtype="float64")
        return self._shift + self._sum / self.num

    @property
    def sigma(self):
        """float64 array (D, D), the covariance with ddof 1."""
        if self._products is None:
            factor = self.factor
            return factor.T @ factor
        mean = self._sum / self.num
        centered = self._products - self.num * np.outer(mean, mean)
        return centered / (self.num - 1)

    @property
    def factor(self):
        """float64 F (num, D) with `F'F = sigma`, or None for more rows than D."""
        if self._products is not None:
            return None
        rows = np.concatenate(self._rows)
        centered = rows - rows.mean(axis=0, dtype="float64")
        return centered / np.sqrt(max(len(rows) - 1, 1))

    def _add(self, features):
        centered = features - self._shift
        self._sum += centered.sum(axis=0)
        self._products += centered.T @ centered
