"""Probabilistic PCA: few directions of large variance, the same noise in all others."""

import dataclasses

import numpy as np
from keras import ops
from scipy.linalg import eigh

from kerasgen.mixtures.components import Components, check_positive, scatter
from kerasgen.mixtures.gaussians import log_determinant_tensor, squared_norms


@dataclasses.dataclass(frozen=True, eq=False)
class ProbabilisticPCA(Components):
    """Covariances `W W^T + sigma^2 I`, with W of `num_factors` columns.

    A density over all values, also where the samples lie near a plane. Nothing of size
    D x D is inverted: by Woodbury's identity the singular values of W are enough.

    Attributes:
        means: float64 (K, D).
        factors: float64 (K, D, num_factors), the W.
        noise_scale: float64 (K,), the sigma.

    Reference: Tipping and Bishop 1999, "Mixtures of Probabilistic Principal Component
    Analysers", appendix C.
    """

    factors: np.ndarray
    noise_scale: np.ndarray

    @classmethod
    def isotropic(cls, means, scale, num_factors):
        factors = np.zeros((*means.shape, num_factors))
        return cls(means, factors, np.full(len(means), scale))

    def _metric(self, k):
        directions, strengths, _ = np.linalg.svd(self.factors[k], full_matrices=False)
        noise = self.noise_scale[k] ** 2
        variances = strengths**2 + noise
        # Of a direction, the difference of what noise alone would make of it.
        shrinkage = 1.0 / noise - 1.0 / variances
        rest = self.num_values - len(strengths)

        def squared_distances(rows):
            along = np.square(rows @ directions) @ shrinkage
            return squared_norms(rows) / noise - along

        return np.log(variances).sum() + rest * np.log(noise), squared_distances

    def _with_covariances(self, x, responsibilities, counts, means, reg_covar):
        num_values, num_factors = self.factors.shape[1:]
        factors = np.empty_like(self.factors)
        noise = np.empty(len(means))
        for k, mean in enumerate(means):
            covariance = scatter(x, responsibilities[:, k], mean) / counts[k]
            total = np.trace(covariance)
            variances, directions = eigh(
                covariance,
                subset_by_index=(num_values - num_factors, num_values - 1),
                overwrite_a=True,
                check_finite=False,
            )
            # The mean of the other eigenvalues; rounding can make it negative.
            rest = max(total - variances.sum(), 0.0)
            noise[k] = rest / (num_values - num_factors)
            strengths = np.sqrt(np.maximum(variances - noise[k], 0.0))
            # Largest first.
            factors[k] = (directions * strengths)[:, ::-1]
        check_positive(noise + reg_covar)
        return ProbabilisticPCA(means, factors, np.sqrt(noise + reg_covar))

    def marginal(self, kept):
        return ProbabilisticPCA(
            self.means[:, kept], self.factors[:, kept], self.noise_scale
        )

    def regress(self, k, kept, residual):
        directions, strengths, mixing = np.linalg.svd(
            self.factors[k, kept], full_matrices=False
        )
        gains = strengths / (strengths**2 + self.noise_scale[k] ** 2)
        latents = (residual @ directions * gains) @ mixing
        values = latents @ self.factors[k].T
        # Of these the noise is known, too.
        values[:, kept] = residual
        return values

    @staticmethod
    def deviations(tensors, index, noise):
        factors = tensors["factors"]
        num_components, num_values, num_factors = factors.shape
        latents = noise.normal("factors", (num_factors,))
        # One product for every component, as in `Full`.
        spread = ops.one_hot(index, num_components)[:, :, None] * latents[:, None]
        scale = ops.take(tensors["noise_scale"], index, axis=0)
        rest = scale[:, None] * noise.normal("values", (num_values,))
        return ops.einsum("bkj,kij->bi", spread, factors) + rest

    @staticmethod
    def metric_tensor(tensors, centred):
        factors, scale = tensors["factors"], tensors["noise_scale"]
        num_values, num_factors = factors.shape[1:]
        noise = ops.square(scale)[:, None, None]
        inner = ops.matmul(ops.swapaxes(factors, 1, 2), factors)
        lower = ops.cholesky(inner + noise * ops.eye(num_factors))
        along = ops.swapaxes(ops.matmul(centred, factors), 1, 2)
        whitened = ops.solve_triangular(lower, along, lower=True)
        upper = ops.swapaxes(lower, 1, 2)
        latents = ops.solve_triangular(upper, whitened, lower=False)
        # The least of what factors and noise pay for a sample: nothing cancels.
        rest = centred - ops.matmul(
            ops.swapaxes(latents, 1, 2), ops.swapaxes(factors, 1, 2)
        )
        distances = ops.sum(ops.square(rest), axis=-1) / noise[:, 0]
        distances = distances + ops.sum(ops.square(latents), axis=1)
        rest_logs = 2.0 * (num_values - num_factors) * ops.log(scale)
        return log_determinant_tensor(lower) + rest_logs, distances
