"""Mixtures to test with, and their covariances written out."""

import numpy as np

from kerasgen.mixtures import Diagonal, Full, Mixture, ProbabilisticPCA, Tied

KINDS = {"full": Full, "tied": Tied, "diagonal": Diagonal, "ppca": ProbabilisticPCA}
NUM_FACTORS = 2


def random_mixture(name, num_components=3, num_values=4, seed=0):
    """A mixture of no symmetry."""
    rng = np.random.default_rng(seed)
    means = 2.0 * rng.standard_normal((num_components, num_values))
    square = 0.4 * rng.standard_normal((num_components, num_values, num_values))
    factors = np.linalg.cholesky(square @ square.mT + 0.3 * np.eye(num_values))
    arrays = {
        "full": [factors],
        "tied": [factors[0]],
        "diagonal": [rng.uniform(0.3, 1.5, means.shape)],
        "ppca": [
            rng.standard_normal((num_components, num_values, NUM_FACTORS)),
            rng.uniform(0.2, 0.6, num_components),
        ],
    }
    weights = rng.uniform(0.5, 1.5, num_components)
    return Mixture(weights / weights.sum(), KINDS[name](means, *arrays[name]))


def covariances(components):
    """float64 (K, D, D)."""
    num_components, num_values = components.means.shape
    if isinstance(components, Full):
        return components.scale_tril @ components.scale_tril.mT
    if isinstance(components, Tied):
        shared = components.scale_tril @ components.scale_tril.T
        return np.stack([shared] * num_components)
    if isinstance(components, Diagonal):
        return np.stack([np.diag(scale**2) for scale in components.scale])
    noise = components.noise_scale[:, None, None] ** 2 * np.eye(num_values)
    return components.factors @ components.factors.mT + noise


def draw(mixture, num_samples, seed=0):
    """float64 (num_samples, D)."""
    rng = np.random.default_rng(seed)
    spreads = covariances(mixture.components)
    index = rng.choice(len(mixture.weights), num_samples, p=mixture.weights)
    return np.stack(
        [
            rng.multivariate_normal(mixture.components.means[k], spreads[k])
            for k in index
        ]
    )
