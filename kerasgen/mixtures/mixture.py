"""`Mixture`: weights and components."""

from typing import NamedTuple

import numpy as np
from scipy.special import logsumexp, softmax

from kerasgen.mixtures.components import Components


class Mixture(NamedTuple):
    """A mixture of Gaussians.

    Attributes:
        weights: float64 (K,), positive, with sum 1.
        components: `Components`.

    Example:

    >>> import numpy as np
    >>> from kerasgen.mixtures import Diagonal, Mixture
    >>> components = Diagonal(np.array([[-1.0], [1.0]]), np.ones((2, 1)))
    >>> mixture = Mixture(np.array([0.5, 0.5]), components)
    >>> mixture.log_likelihood(np.zeros((1, 1))).round(4)
    array([-1.4189])
    """

    weights: np.ndarray
    components: Components

    def log_joint(self, x):
        """Log-density of samples and components together.

        Args:
            x: float64 (N, D).

        Returns:
            float64 (N, K) in nats.
        """
        return np.log(self.weights) + self.components.log_prob(x)

    def log_likelihood(self, x):
        """Log-density of samples.

        Args:
            x: float64 (N, D).

        Returns:
            float64 (N,) in nats.
        """
        return logsumexp(self.log_joint(x), axis=1)

    def responsibilities(self, x):
        """Probability of each component given the sample.

        Args:
            x: float64 (N, D).

        Returns:
            float64 (N, K), rows sum to 1.
        """
        return self.expect(x)[1]

    def expect(self, x):
        """E step.

        Args:
            x: float64 (N, D).

        Returns:
            Log-likelihoods, float64 (N,), and responsibilities, float64 (N, K).
        """
        log_joint = self.log_joint(x)
        # Not a difference of the two: far away both lose what tells components apart.
        return logsumexp(log_joint, axis=1), softmax(log_joint, axis=1)

    def maximize(self, x, responsibilities, reg_covar):
        """M step: the mixture of largest expected log-likelihood.

        Args:
            x: float64 (N, D).
            responsibilities: float64 (N, K).
            reg_covar: As in `Components.maximize`.

        Returns:
            `Mixture`.
        """
        return Mixture(*self.components.maximize(x, responsibilities, reg_covar))

    def marginal(self, kept):
        """The mixture of some of the values.

        Args:
            kept: bool (D,), of which M are True.

        Returns:
            `Mixture` over M values.
        """
        return Mixture(self.weights, self.components.marginal(kept))
