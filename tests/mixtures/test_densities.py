"""Densities, marginals and conditionals against covariances written out."""

import numpy as np
import pytest
from keras import ops
from scipy.special import logsumexp
from scipy.stats import multivariate_normal

from kerasgen.mixtures import (
    Mixture,
    ProbabilisticPCA,
    conditional_draws,
    get_kind,
)
from kerasgen.mixtures.conditioning import draw_index
from tests.mixtures.oracles import KINDS, covariances, draw, random_mixture


def dense_log_prob(components, x):
    """float64 (N, K)."""
    return np.stack(
        [
            multivariate_normal(mean, covariance).logpdf(x)
            for mean, covariance in zip(
                components.means, covariances(components), strict=True
            )
        ],
        axis=-1,
    )


@pytest.mark.parametrize("name", KINDS)
def test_log_prob_against_dense_covariances(name):
    mixture = random_mixture(name, num_values=7)
    x = 3.0 * np.random.default_rng(2).standard_normal((300, 7))
    expected = dense_log_prob(mixture.components, x)
    np.testing.assert_allclose(mixture.components.log_prob(x), expected, rtol=1e-10)
    joint = expected + np.log(mixture.weights)
    total = logsumexp(joint, axis=1)
    np.testing.assert_allclose(mixture.log_likelihood(x), total, rtol=1e-10)
    responsibilities = mixture.responsibilities(x)
    np.testing.assert_allclose(responsibilities.sum(axis=1), 1.0)
    np.testing.assert_allclose(
        responsibilities, np.exp(joint - total[:, None]), atol=1e-10
    )


@pytest.mark.parametrize("name", KINDS)
def test_the_density_of_tensors_is_that_of_the_host(name):
    mixture = random_mixture(name, num_values=7)
    x = 3.0 * np.random.default_rng(2).standard_normal((50, 7)).astype("float32")
    tensors = {
        key: ops.convert_to_tensor(array.astype("float32"))
        for key, array in mixture.components.arrays().items()
    }
    found = KINDS[name].log_prob_tensor(tensors, ops.convert_to_tensor(x))
    expected = mixture.components.log_prob(x.astype("float64"))
    np.testing.assert_allclose(ops.convert_to_numpy(found), expected, rtol=1e-4)


@pytest.mark.parametrize("name", KINDS)
def test_a_density_in_the_plane_integrates_to_one(name):
    mixture = random_mixture(name, num_values=2)
    if name == "ppca":
        components = mixture.components
        one = ProbabilisticPCA(
            components.means, components.factors[:, :, :1], components.noise_scale
        )
        mixture = Mixture(mixture.weights, one)
    side, step = np.linspace(-14, 14, 561, retstep=True)
    grid = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
    total = np.exp(mixture.log_likelihood(grid)).sum() * step**2
    assert total == pytest.approx(1.0, abs=1e-6)


def test_probabilistic_pca_near_a_plane():
    """Noise of 1e-5 beside factors of 1: the distance is a sum of known squares."""
    rng = np.random.default_rng(0)
    basis = np.linalg.qr(rng.standard_normal((30, 30)))[0]
    strengths, noise = np.array([2.0, 1.0, 0.5]), 1e-5
    factors = (basis[:, :3] * strengths)[None]
    components = ProbabilisticPCA(np.ones((1, 30)), factors, np.array([noise]))
    along = rng.standard_normal((50, 3)) * strengths
    across = noise * rng.standard_normal((50, 27))
    x = 1.0 + along @ basis[:, :3].T + across @ basis[:, 3:].T
    variances = strengths**2 + noise**2
    distances = (along**2 / variances).sum(axis=1) + (across**2).sum(axis=1) / noise**2
    log_determinant = np.log(variances).sum() + 27 * np.log(noise**2)
    expected = -0.5 * (distances + log_determinant + 30 * np.log(2 * np.pi))
    np.testing.assert_allclose(components.log_prob(x)[:, 0], expected, rtol=1e-6)


@pytest.mark.parametrize("kept", ["1010110", "0000001", "1111111", "0000000"])
@pytest.mark.parametrize("name", KINDS)
def test_marginals_and_regression_against_dense_covariances(name, kept):
    kept = np.array([digit == "1" for digit in kept])
    mixture = random_mixture(name, num_values=7)
    marginal = mixture.marginal(kept)
    rng = np.random.default_rng(1)
    x = rng.standard_normal((5, kept.sum()))
    if kept.any():
        dense = covariances(mixture.components)
        np.testing.assert_allclose(
            covariances(marginal.components), dense[:, kept][:, :, kept], atol=1e-12
        )
        np.testing.assert_allclose(
            marginal.log_likelihood(x),
            logsumexp(
                np.log(mixture.weights) + dense_log_prob(marginal.components, x), axis=1
            ),
        )
    else:
        np.testing.assert_allclose(marginal.log_likelihood(x), 0.0, atol=1e-12)
        expected = np.tile(mixture.weights, (5, 1))
        np.testing.assert_allclose(marginal.responsibilities(x), expected)
    for k in range(3):
        found = mixture.components.regress(k, kept, x)
        covariance = covariances(mixture.components)[k]
        expected = x @ np.linalg.pinv(covariance[np.ix_(kept, kept)]) @ covariance[kept]
        np.testing.assert_allclose(found, expected, atol=1e-9)
        np.testing.assert_allclose(found[:, kept], x, atol=1e-9)


@pytest.mark.parametrize("name", KINDS)
def test_conditional_draws_have_the_conditional_moments(name):
    """Of each component, with masks that differ between the rows."""
    mixture = random_mixture(name, seed=2)
    components, num = mixture.components, 40_000
    x = np.tile(draw(mixture, 2), (num, 1))
    kept = np.tile([[True, False, True, False], [False, True, False, False]], (num, 1))
    rng = np.random.default_rng(5)
    dense = covariances(components)
    drawn = []

    def draw_deviations(index):
        drawn.append(index)
        spread = np.linalg.cholesky(dense)[index]
        return (spread @ rng.standard_normal((2 * num, 4, 1)))[..., 0]

    found = conditional_draws(
        mixture, x, kept, rng.uniform(size=2 * num), draw_deviations
    )
    np.testing.assert_allclose(found[kept], x[kept], atol=1e-12)
    (index,) = drawn
    for row in (0, 1):
        mask = kept[row]
        samples, chosen = found[row::2], index[row::2]
        known = x[row : row + 1, mask]
        posterior = mixture.marginal(mask).responsibilities(known)[0]
        share = np.bincount(chosen, minlength=3) / num
        np.testing.assert_allclose(share, posterior, atol=0.01)
        for k in np.flatnonzero(posterior > 0.05):
            part = samples[chosen == k][:, ~mask]
            gain = np.linalg.solve(
                dense[k][np.ix_(mask, mask)], dense[k][np.ix_(mask, ~mask)]
            )
            mean = (
                components.means[k, ~mask]
                + (known[0] - components.means[k, mask]) @ gain
            )
            covariance = (
                dense[k][np.ix_(~mask, ~mask)] - dense[k][np.ix_(~mask, mask)] @ gain
            )
            np.testing.assert_allclose(part.mean(axis=0), mean, atol=0.08)
            np.testing.assert_allclose(
                np.cov(part, rowvar=False), covariance, atol=0.12
            )


def test_components_are_drawn_by_the_inverse_distribution_function():
    probabilities = np.tile([0.25, 0.0, 0.75], (5, 1))
    uniform = np.array([0.0, 0.2499, 0.25, 0.9, 1 - 2**-24])
    assert draw_index(probabilities, uniform).tolist() == [0, 0, 2, 2, 2]


@pytest.mark.parametrize(
    ("covariance", "num_factors"),
    [
        ("spherical", None),
        (None, None),
        (["full"], None),
        ("full", 2),
        ("ppca", None),
        ("ppca", 0),
        ("ppca", 4),
        ("ppca", 1.5),
    ],
)
def test_kinds_that_do_not_exist(covariance, num_factors):
    with pytest.raises(ValueError, match="Received: "):
        get_kind(covariance, num_factors, 4)
