"""Expectation maximization."""

import warnings

import numpy as np

from kerasgen.mixtures.mixture import Mixture


class EM:
    """EM from one start; the log-likelihood never falls, but for `reg_covar`.

    Args:
        x: float64 (N, D).
        mixture: `Mixture` to start from.
        reg_covar: Number >= 0 added to the variances in each M step.
        tolerance: EM has converged one step after one that changed the mean
            log-likelihood by less than this, in nats a sample. Where EM stops is where
            scikit-learn's does, which compares likelihoods before each M step.

    Attributes:
        mixture: The present `Mixture`.
        log_likelihood_nats: Its mean log-likelihood, in nats a sample.
        has_converged: Whether to go no further.

    Raises:
        FloatingPointError: The start has no finite likelihood.

    Example:

    >>> import numpy as np
    >>> from kerasgen.mixtures import EM, Diagonal, kmeans_start
    >>> x = np.random.RandomState(0).randn(100, 1) + np.repeat([[0.0], [9.0]], 50, 0)
    >>> components = Diagonal.isotropic(np.zeros((2, 1)), 1.0)
    >>> start = kmeans_start(x, components, 1e-6, np.random.RandomState(0))
    >>> em = EM(x, start, reg_covar=1e-6, tolerance=1e-3)
    >>> while not em.has_converged:
    ...     em.step()
    >>> em.mixture.weights.round(2)
    array([0.5, 0.5])

    Reference: Dempster et al. 1977, "Maximum Likelihood from Incomplete Data via the EM
    Algorithm".
    """

    def __init__(self, x, mixture, reg_covar, tolerance):
        self.x = x
        self.reg_covar = reg_covar
        self.tolerance = tolerance
        self.has_converged = False
        self._last_change = np.inf
        self._expect(mixture)

    def step(self):
        """An M step and an E step.

        Raises:
            FloatingPointError: A component collapsed; the mixture is as it was.
        """
        before = self.log_likelihood_nats
        self._expect(
            _maximize(self.mixture, self.x, self._responsibilities, self.reg_covar)
        )
        self.has_converged = abs(self._last_change) < self.tolerance
        self._last_change = self.log_likelihood_nats - before

    def _expect(self, mixture):
        log_likelihood, responsibilities = mixture.expect(self.x)
        mean = float(log_likelihood.mean())
        if not np.isfinite(mean):
            raise FloatingPointError(
                f"Expected a finite log-likelihood. Received: a mean of {mean} nats"
            )
        self.mixture = mixture
        self.log_likelihood_nats = mean
        self._responsibilities = responsibilities


def kmeans_start(x, components, reg_covar, random_state):
    """The mixture of the clusters that k-means finds from a k-means++ start.

    Equal to where scikit-learn's `GaussianMixture` starts with the same state.

    Args:
        x: float64 (N, D), N >= K.
        components: `Components` that say how many there are and of which kind.
        reg_covar: As in `EM`.
        random_state: `numpy.random.RandomState`, which moves on.

    Returns:
        `Mixture`. Where samples have fewer distinct values than there are components,
        those left over have a weight of nearly 0.

    Raises:
        FloatingPointError: A cluster has a covariance that is not positive definite.

    Reference: Arthur and Vassilvitskii 2007, "k-means++: The Advantages of Careful
    Seeding".
    """
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning

    num_clusters = components.num_components
    kmeans = KMeans(num_clusters, n_init=1, random_state=random_state)
    with warnings.catch_warnings():
        # Of fewer distinct samples than clusters, which the mixture can do with.
        warnings.simplefilter("ignore", ConvergenceWarning)
        clusters = kmeans.fit_predict(x)
    responsibilities = np.eye(num_clusters)[clusters]
    uniform = Mixture(np.full(num_clusters, 1.0 / num_clusters), components)
    return _maximize(uniform, x, responsibilities, reg_covar)


def _maximize(mixture, x, responsibilities, reg_covar):
    """`maximize`, where a covariance without a density is an error of the user's."""
    try:
        return mixture.maximize(x, responsibilities, reg_covar)
    except np.linalg.LinAlgError as error:
        raise FloatingPointError(
            "Expected positive definite covariances; try fewer components, a simpler "
            f"covariance or a larger `reg_covar`. Received: {error} with reg_covar="
            f"{reg_covar}"
        ) from error
