"""EM against scikit-learn's, and what it promises of the likelihood."""

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture

from kerasgen.mixtures import EM, Mixture, kmeans_start
from tests.mixtures.oracles import KINDS, NUM_FACTORS, covariances, draw, random_mixture

# NumPy on the host, whatever the backend.
pytestmark = pytest.mark.eager

SKLEARN_NAMES = {"full": "full", "tied": "tied", "diagonal": "diag"}


@pytest.fixture(scope="module")
def digits():
    """Real samples with values that never vary: 600 images of 64 pixels in [0, 17)."""
    pixels = load_digits().data[:600]
    return pixels + np.random.default_rng(0).uniform(size=pixels.shape)


def kind(name, num_components, x):
    means = np.zeros((num_components, x.shape[1]))
    return KINDS[name].isotropic(means, 1.0, NUM_FACTORS)


def run(em, num_steps):
    """Mean log-likelihoods before the first step and after each."""
    values = [em.log_likelihood_nats]
    for _ in range(num_steps):
        em.step()
        values.append(em.log_likelihood_nats)
    return values


@pytest.mark.filterwarnings(
    f"ignore::{ConvergenceWarning.__module__}.ConvergenceWarning"
)
@pytest.mark.parametrize("num_steps", [1, 7])
@pytest.mark.parametrize("name", SKLEARN_NAMES)
def test_the_likelihood_is_scikit_learn_s(digits, name, num_steps):
    """The same k-means start, regularisation and number of iterations."""
    arguments = {"reg_covar": 1e-3, "tol": 0.0, "max_iter": num_steps}
    oracle = GaussianMixture(5, covariance_type=SKLEARN_NAMES[name], **arguments)
    oracle.set_params(random_state=3).fit(digits)
    state = np.random.RandomState(3)
    start = kmeans_start(digits, kind(name, 5, digits), 1e-3, state)
    em = EM(digits, start, reg_covar=1e-3, tolerance=0.0)
    history = run(em, num_steps)
    found = em.mixture.log_likelihood(digits)
    np.testing.assert_allclose(found, oracle.score_samples(digits), rtol=1e-6)
    np.testing.assert_allclose(history[-1], oracle.score(digits), rtol=1e-6)
    # Its bound is that before the last M step.
    np.testing.assert_allclose(history[-2], oracle.lower_bound_, rtol=1e-6)
    np.testing.assert_allclose(em.mixture.weights, oracle.weights_, rtol=1e-6)
    np.testing.assert_allclose(
        em.mixture.responsibilities(digits), oracle.predict_proba(digits), atol=1e-6
    )


@pytest.mark.parametrize("tolerance", [0.3, 1e-2])
@pytest.mark.parametrize("name", SKLEARN_NAMES)
def test_em_stops_where_scikit_learn_s_does(digits, name, tolerance):
    oracle = GaussianMixture(
        5,
        covariance_type=SKLEARN_NAMES[name],
        reg_covar=1e-3,
        tol=tolerance,
        max_iter=200,
        random_state=3,
    ).fit(digits)
    start = kmeans_start(digits, kind(name, 5, digits), 1e-3, np.random.RandomState(3))
    em = EM(digits, start, reg_covar=1e-3, tolerance=tolerance)
    num_steps = 0
    while not em.has_converged:
        em.step()
        num_steps += 1
    assert num_steps == oracle.n_iter_ >= 2
    np.testing.assert_allclose(
        em.mixture.log_likelihood(digits), oracle.score_samples(digits), rtol=1e-9
    )


@pytest.mark.parametrize("name", KINDS)
def test_fewer_distinct_samples_than_components_are_no_matter(name):
    """And k-means does not warn of them."""
    x = np.repeat([[0.0, 0.0, 1.0, 3.0], [5.0, 1.0, 0.0, 2.0]], 10, axis=0)
    start = kmeans_start(x, kind(name, 3, x), 1e-2, np.random.RandomState(0))
    em = EM(x, start, reg_covar=1e-2, tolerance=1e-3)
    while not em.has_converged:
        em.step()
    assert (em.mixture.weights > 0.1).sum() == 2
    assert np.isfinite(em.mixture.log_likelihood(x)).all()


@pytest.mark.filterwarnings(
    f"ignore::{ConvergenceWarning.__module__}.ConvergenceWarning"
)
@pytest.mark.parametrize("name", SKLEARN_NAMES)
def test_the_likelihood_is_scikit_learn_s_from_soft_responsibilities(name):
    x = draw(random_mixture("full"), 500)
    given = np.random.default_rng(1).dirichlet([2.0] * 3, len(x))
    start = Mixture(np.full(3, 1 / 3), kind(name, 3, x)).maximize(x, given, 1e-6)
    precisions = np.linalg.inv(covariances(start.components))
    if name == "tied":
        precisions = precisions[0]
    elif name == "diagonal":
        precisions = np.diagonal(precisions, axis1=1, axis2=2)
    oracle = GaussianMixture(
        3,
        covariance_type=SKLEARN_NAMES[name],
        reg_covar=1e-6,
        tol=0.0,
        max_iter=10,
        weights_init=start.weights,
        means_init=start.components.means,
        precisions_init=precisions,
    ).fit(x)
    em = EM(x, start, reg_covar=1e-6, tolerance=0.0)
    run(em, 10)
    np.testing.assert_allclose(
        em.mixture.log_likelihood(x), oracle.score_samples(x), rtol=1e-6
    )


@pytest.mark.parametrize("name", KINDS)
def test_the_likelihood_never_falls(digits, name):
    for x, num_components in (
        (digits[:, 20:30], 4),
        (draw(random_mixture(name), 300), 3),
    ):
        state = np.random.RandomState(0)
        start = kmeans_start(x, kind(name, num_components, x), 0.0, state)
        values = run(EM(x, start, reg_covar=0.0, tolerance=0.0), 25)
        assert np.diff(values).min() > -1e-9
        assert values[-1] > values[0] + 1e-3


@pytest.mark.parametrize("name", KINDS)
def test_em_recovers_a_known_mixture(name):
    truth = random_mixture(name, num_components=2, seed=4)
    truth.components.means[1] += 8.0
    x = draw(truth, 8000)
    start = kmeans_start(x, kind(name, 2, x), 1e-6, np.random.RandomState(0))
    em = EM(x, start, reg_covar=1e-6, tolerance=1e-8)
    while not em.has_converged:
        em.step()
    found = em.mixture
    order = np.argsort(found.components.means[:, 0])
    expected = np.argsort(truth.components.means[:, 0])
    np.testing.assert_allclose(found.weights[order], truth.weights[expected], atol=0.02)
    np.testing.assert_allclose(
        found.components.means[order], truth.components.means[expected], atol=0.15
    )
    np.testing.assert_allclose(
        covariances(found.components)[order],
        covariances(truth.components)[expected],
        atol=0.25,
    )
    # Of its own samples no other mixture is as likely.
    assert em.log_likelihood_nats > truth.log_likelihood(x).mean()


def test_one_component_of_probabilistic_pca_is_scikit_learn_s_pca(digits):
    components = KINDS["ppca"].isotropic(np.zeros((1, 64)), 1.0, 5)
    start = kmeans_start(digits, components, 0.0, np.random.RandomState(0))
    em = EM(digits, start, reg_covar=0.0, tolerance=1e-6)
    for _ in range(2):
        em.step()
    assert em.has_converged
    # scikit-learn divides by N - 1.
    expected = PCA(5, svd_solver="full").fit(digits).get_covariance() * 599 / 600
    np.testing.assert_allclose(
        covariances(em.mixture.components)[0], expected, atol=1e-9
    )


def test_regularisation_adds_to_the_variances(digits):
    for name in KINDS:
        without, beside = (
            kmeans_start(digits, kind(name, 2, digits), reg, np.random.RandomState(0))
            for reg in (0.0, 0.5)
        )
        np.testing.assert_allclose(
            covariances(beside.components),
            covariances(without.components) + 0.5 * np.eye(64),
            atol=1e-9,
        )


@pytest.mark.parametrize("name", KINDS)
def test_samples_without_variance_are_an_error_that_says_so(name):
    x = np.ones((20, 4))
    given = np.full((20, 1), 1.0)
    uniform = Mixture(np.ones(1), kind(name, 1, x))
    with pytest.raises(np.linalg.LinAlgError):
        uniform.maximize(x, given, 0.0)
    em = EM(x, uniform, reg_covar=0.0, tolerance=0.0)
    before = em.mixture
    with pytest.raises(FloatingPointError, match="larger `reg_covar`. Received: "):
        em.step()
    assert em.mixture is before
    with pytest.raises(FloatingPointError, match="Received: "):
        kmeans_start(x, kind(name, 1, x), 0.0, np.random.RandomState(0))
    # With regularisation there is a density.
    assert np.isfinite(uniform.maximize(x, given, 1e-6).log_likelihood(x)).all()


def test_a_start_without_a_likelihood_is_refused():
    mixture = Mixture(np.ones(1), KINDS["diagonal"](np.zeros((1, 1)), np.zeros((1, 1))))
    with np.errstate(all="ignore"):
        with pytest.raises(FloatingPointError, match="Received: a mean of"):
            EM(np.ones((3, 1)), mixture, reg_covar=0.0, tolerance=0.0)
