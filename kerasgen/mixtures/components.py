"""`Components`: what the Gaussians of a mixture can do, whatever their covariances."""

import dataclasses
import math

import numpy as np
from keras import ops

LOG_2PI = math.log(2.0 * math.pi)
EPSILON = np.finfo(np.float64).eps
# Rows of samples that stay in the cache, of 784 values or so.
DENSITY_ROWS = 256
SCATTER_ROWS = 4096


@dataclasses.dataclass(frozen=True, eq=False)
class Components:
    """Base: K Gaussians over D values; a subclass adds the arrays of its covariances.

    A subclass defines

    - `isotropic(means, scale, num_factors)`: class method, equal round components,
    - `_metric(k)`: log-determinant of covariance k, and a function of centred rows
      (n, D) that returns their squared Mahalanobis distances (n,),
    - `_with_covariances(x, responsibilities, counts, means, reg_covar)`: the M step,
    - `marginal(kept)` and `regress(k, kept, residual)`: conditional Gaussians,
    - `deviations(tensors, index, noise)`: draws, in `keras.ops`,
    - `metric_tensor(tensors, centred)`: `_metric` of all components in `keras.ops`:
      log-determinants (K,) or (), and the distances (K, B) of (K, B, D).

    Attributes:
        means: float64 (K, D).
    """

    means: np.ndarray

    @property
    def num_components(self):
        return self.means.shape[0]

    @property
    def num_values(self):
        """D, the values of a sample."""
        return self.means.shape[1]

    def arrays(self):
        """Dict of name to float64 array: the arguments of the class."""
        return {
            field.name: getattr(self, field.name) for field in dataclasses.fields(self)
        }

    def log_prob(self, x):
        """Log-density of samples under each component.

        Args:
            x: float64 (N, D).

        Returns:
            float64 (N, K) in nats.
        """
        metrics = [self._metric(k) for k in range(self.num_components)]
        distances = np.empty((len(x), self.num_components))
        for part in row_slices(len(x), DENSITY_ROWS):
            for k, (_, squared_distances) in enumerate(metrics):
                distances[part, k] = squared_distances(x[part] - self.means[k])
        log_determinants = np.array([metric[0] for metric in metrics])
        return -0.5 * (distances + log_determinants + self.num_values * LOG_2PI)

    @classmethod
    def log_prob_tensor(cls, tensors, x):
        """As `log_prob`, in `keras.ops`, for graphs.

        Args:
            tensors: Dict of name to float32 tensor, the arguments of the class.
            x: float32 (B, D).

        Returns:
            float32 (B, K) in nats.
        """
        centred = x[None] - tensors["means"][:, None]
        log_determinants, distances = cls.metric_tensor(tensors, centred)
        log_determinants = ops.reshape(log_determinants, (-1, 1))
        constant = x.shape[-1] * LOG_2PI
        return -0.5 * ops.transpose(distances + log_determinants + constant)

    def maximize(self, x, responsibilities, reg_covar):
        """M step: weights and components of largest expected log-likelihood.

        Args:
            x: float64 (N, D).
            responsibilities: float64 (N, K), rows sum to 1.
            reg_covar: Number >= 0 added to the variances.

        Returns:
            Weights, float64 (K,), and components of the same kind.

        Raises:
            numpy.linalg.LinAlgError: A covariance is not positive definite.
        """
        # As scikit-learn: a component without samples does not divide by zero.
        counts = responsibilities.sum(axis=0) + 10 * EPSILON
        means = responsibilities.T @ x / counts[:, None]
        components = self._with_covariances(
            x, responsibilities, counts, means, reg_covar
        )
        return counts / counts.sum(), components


def row_slices(num_rows, size):
    """Slices that cover so many rows, `size` at a time."""
    return [slice(start, start + size) for start in range(0, num_rows, size)]


def weighted_rows(x, weights, mean):
    """Centred rows times the roots of their weights, some at a time.

    Args:
        x: float64 (N, D).
        weights: float64 (N,) in [0, 1].
        mean: float64 (D,).

    Yields:
        float64 (n, D). Rows whose weight is lost in rounding are left out: between
        many pixels most responsibilities are.
    """
    rows = np.flatnonzero(weights > EPSILON)
    for part in row_slices(len(rows), SCATTER_ROWS):
        chosen = rows[part]
        yield (x[chosen] - mean) * np.sqrt(weights[chosen])[:, None]


def scatter(x, weights, mean):
    """Sum of `weight * (x - mean) (x - mean)^T`: float64 (D, D)."""
    total = np.zeros((x.shape[1], x.shape[1]))
    for rows in weighted_rows(x, weights, mean):
        total += rows.T @ rows
    return total


def check_positive(variances):
    """Raises LinAlgError unless all are positive; NaN is not."""
    if not (variances > 0).all():
        raise np.linalg.LinAlgError("a variance is not positive")
