"""Gaussians with full, shared and diagonal covariances."""

import dataclasses

import numpy as np
from keras import ops
from scipy.linalg import solve_triangular

from kerasgen.mixtures.components import (
    EPSILON,
    Components,
    check_positive,
    scatter,
    weighted_rows,
)


@dataclasses.dataclass(frozen=True, eq=False)
class Full(Components):
    """Each component has a covariance of its own.

    Attributes:
        means: float64 (K, D).
        scale_tril: float64 (K, D, D), lower Cholesky factors of the covariances.
    """

    scale_tril: np.ndarray

    @classmethod
    def isotropic(cls, means, scale, num_factors=None):
        num_components, num_values = means.shape
        return cls(means, np.tile(scale * np.eye(num_values), (num_components, 1, 1)))

    def _metric(self, k):
        return triangular_metric(self.scale_tril[k])

    def _with_covariances(self, x, responsibilities, counts, means, reg_covar):
        factors = np.empty((len(means), x.shape[1], x.shape[1]))
        for k, mean in enumerate(means):
            covariance = scatter(x, responsibilities[:, k], mean) / counts[k]
            factors[k] = regular_cholesky(covariance, reg_covar)
        return Full(means, factors)

    def marginal(self, kept):
        factors = [lower_and_rows(factor, kept)[0] for factor in self.scale_tril]
        return Full(self.means[:, kept], np.stack(factors))

    def regress(self, k, kept, residual):
        return triangular_regression(self.scale_tril[k], kept, residual)

    @staticmethod
    def deviations(tensors, index, noise):
        factors = tensors["scale_tril"]
        num_components, num_values = factors.shape[:2]
        normal = noise.normal("values", (num_values,))
        # One product for every component: factors of each row would not fit memory.
        spread = ops.one_hot(index, num_components)[:, :, None] * normal[:, None]
        return ops.einsum("bkj,kij->bi", spread, factors)

    @staticmethod
    def metric_tensor(tensors, centred):
        return triangular_metric_tensor(tensors["scale_tril"], centred)


@dataclasses.dataclass(frozen=True, eq=False)
class Tied(Components):
    """All components share one covariance.

    Attributes:
        means: float64 (K, D).
        scale_tril: float64 (D, D), lower Cholesky factor of the covariance.
    """

    scale_tril: np.ndarray

    @classmethod
    def isotropic(cls, means, scale, num_factors=None):
        return cls(means, scale * np.eye(means.shape[1]))

    def _metric(self, k):
        return triangular_metric(self.scale_tril)

    def _with_covariances(self, x, responsibilities, counts, means, reg_covar):
        total = sum(
            scatter(x, responsibilities[:, k], mean) for k, mean in enumerate(means)
        )
        return Tied(means, regular_cholesky(total / counts.sum(), reg_covar))

    def marginal(self, kept):
        factor = lower_and_rows(self.scale_tril, kept)[0]
        return Tied(self.means[:, kept], factor)

    def regress(self, k, kept, residual):
        return triangular_regression(self.scale_tril, kept, residual)

    @staticmethod
    def deviations(tensors, index, noise):
        factor = tensors["scale_tril"]
        normal = noise.normal("values", (factor.shape[0],))
        return ops.matmul(normal, ops.transpose(factor))

    @staticmethod
    def metric_tensor(tensors, centred):
        shape = ops.shape(centred)
        flat = ops.reshape(centred, (-1, centred.shape[-1]))
        logs, distances = triangular_metric_tensor(tensors["scale_tril"], flat)
        return logs, ops.reshape(distances, shape[:2])


@dataclasses.dataclass(frozen=True, eq=False)
class Diagonal(Components):
    """Values are independent given the component.

    Attributes:
        means: float64 (K, D).
        scale: float64 (K, D), standard deviations.
    """

    scale: np.ndarray

    @classmethod
    def isotropic(cls, means, scale, num_factors=None):
        return cls(means, np.full_like(means, scale))

    def _metric(self, k):
        scale = self.scale[k]
        return 2.0 * np.log(scale).sum(), lambda rows: squared_norms(rows / scale)

    def _with_covariances(self, x, responsibilities, counts, means, reg_covar):
        variances = np.full_like(means, reg_covar)
        for k, mean in enumerate(means):
            for rows in weighted_rows(x, responsibilities[:, k], mean):
                variances[k] += np.square(rows).sum(axis=0) / counts[k]
        # What varies less than its mean is rounded does not vary.
        check_positive(variances - np.square(16 * EPSILON * means))
        return Diagonal(means, np.sqrt(variances))

    def marginal(self, kept):
        return Diagonal(self.means[:, kept], self.scale[:, kept])

    def regress(self, k, kept, residual):
        values = np.zeros((len(residual), self.num_values))
        values[:, kept] = residual
        return values

    @staticmethod
    def deviations(tensors, index, noise):
        scale = ops.take(tensors["scale"], index, axis=0)
        return scale * noise.normal("values", (scale.shape[1],))

    @staticmethod
    def metric_tensor(tensors, centred):
        scale = tensors["scale"]
        distances = ops.sum(ops.square(centred / scale[:, None]), axis=-1)
        return 2.0 * ops.sum(ops.log(scale), axis=-1), distances


def regular_cholesky(covariance, reg_covar):
    """Lower Cholesky factor of a covariance with `reg_covar` on its diagonal."""
    return np.linalg.cholesky(covariance + reg_covar * np.eye(len(covariance)))


def squared_norms(rows):
    """Sum of squares of each row."""
    return np.einsum("ij,ij->i", rows, rows)


def triangular_metric(factor):
    """Log-determinant and distances of a covariance with this Cholesky factor."""

    def squared_distances(rows):
        whitened = solve_triangular(factor, rows.T, lower=True, check_finite=False)
        return np.einsum("ij,ij->j", whitened, whitened)

    return 2.0 * np.log(np.diag(factor)).sum(), squared_distances


def triangular_metric_tensor(factor, rows):
    """As `triangular_metric`, in `keras.ops`.

    Args:
        factor: float32 (..., D, D).
        rows: float32 (..., N, D).

    Returns:
        Log-determinants (...,) and squared distances (..., N).
    """
    columns = ops.swapaxes(rows, -1, -2)
    whitened = ops.solve_triangular(factor, columns, lower=True)
    return log_determinant_tensor(factor), ops.sum(ops.square(whitened), axis=-2)


def log_determinant_tensor(factor):
    """That of covariances with lower Cholesky factors (..., D, D), in `keras.ops`."""
    diagonal = ops.diagonal(factor, axis1=-2, axis2=-1)
    return 2.0 * ops.sum(ops.log(diagonal), axis=-1)


def lower_and_rows(factor, kept):
    """The Cholesky factor of some values' covariance, and what it is made from.

    Args:
        factor: float64 (D, D), lower Cholesky factor of all values' covariance.
        kept: bool (D,), of which M are True.

    Returns:
        Lower Cholesky factor (M, M), and orthonormal rows (M, D) with
        `factor[kept] = lower @ rows`.
    """
    # QR keeps half of the digits that a product of `factor[kept]` would lose.
    columns, upper = np.linalg.qr(factor[kept].T)
    signs = np.where(np.diag(upper) < 0, -1.0, 1.0)
    return (upper * signs[:, None]).T, (columns * signs).T


def triangular_regression(factor, kept, residual):
    """Expected values of a centred Gaussian, given some of them.

    Args:
        factor: float64 (D, D), lower Cholesky factor of the covariance.
        kept: bool (D,), of which M are True.
        residual: float64 (N, M), the known values.

    Returns:
        float64 (N, D).
    """
    lower, rows = lower_and_rows(factor, kept)
    whitened = solve_triangular(lower, residual.T, lower=True, check_finite=False)
    return whitened.T @ rows @ factor.T
