"""Small mixtures to test with."""

import numpy as np

from kerasgen.mixtures import Full, Mixture
from kerasgen.models import GaussianMixture

FACTORS = {"full": None, "tied": None, "diagonal": None, "ppca": 3}
PLANE = Mixture(
    np.array([0.3, 0.7]),
    Full(
        np.array([[-1.0, 0.5], [2.0, -1.0]]),
        np.array([[[1.0, 0.0], [0.8, 0.6]], [[0.5, 0.0], [-0.7, 0.4]]]),
    ),
)


def plane():
    """A model of vectors with two known Gaussians."""
    model = GaussianMixture((2,), 2, seed=0)
    model.mixture = PLANE
    return model


def fitted(images, covariance="ppca"):
    """A model of uint8 images (N, 8, 8, 1) after few iterations."""
    model = GaussianMixture((8, 8, 1), 4, covariance, FACTORS[covariance], seed=5)
    model.fit(images[:300], epochs=3, verbose=0)
    return model
