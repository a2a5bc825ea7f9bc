"""`GaussianMixture`: the density."""

import numpy as np
import pytest
from scipy.stats import multivariate_normal, norm

from kerasgen.datasets import quantize
from kerasgen.datasets.levels import grey_values
from kerasgen.mixtures import Diagonal, Mixture
from kerasgen.models import GaussianMixture
from tests import noise_oracle
from tests.models.small_mixtures import PLANE, plane


def test_log_likelihood_and_responsibilities_of_vectors():
    x = np.random.RandomState(0).randn(50, 2).astype("float32")
    factors = PLANE.components.scale_tril
    joint = np.stack(
        [
            weight * multivariate_normal(mean, factor @ factor.T).pdf(x)
            for weight, mean, factor in zip(
                PLANE.weights, PLANE.components.means, factors, strict=True
            )
        ],
        axis=1,
    )
    model = plane()
    np.testing.assert_allclose(model.log_likelihood(x), np.log(joint.sum(1)), 1e-10)
    np.testing.assert_allclose(
        model.responsibilities(x), joint / joint.sum(1, keepdims=True), 1e-9
    )
    with pytest.raises(ValueError, match=r"Received: samples of shape \(2,\)"):
        model.bits_per_dim(x)


@pytest.mark.eager
def test_responsibilities_far_away_sum_to_one():
    """Where densities are so small that their sum is one of them, in float64."""
    model = GaussianMixture((2,), 2, "diagonal")
    means, scales = np.array([[-1.0, 0.0], [1.0, 0.0]]), np.ones((2, 2))
    model.mixture = Mixture(np.full(2, 0.5), Diagonal(means, scales))
    found = model.responsibilities(np.array([[0.0, 1e10], [3.0, 1e9], [1e38, -1e38]]))
    assert (found >= 0).all()
    np.testing.assert_allclose(found.sum(axis=1), 1.0, rtol=1e-12)


def test_bits_of_images_are_those_of_dequantised_grey_levels():
    """One pixel, whose cells have known probabilities."""
    model = GaussianMixture((1, 1, 1), 1, "diagonal")
    model.mixture = Mixture(
        np.ones(1), Diagonal(np.array([[100.0]]), np.array([[2.0]]))
    )
    x = np.arange(95, 105, dtype="uint8").reshape(-1, 1, 1, 1)
    key = noise_oracle.key(7, "dequantization", step=-1)
    u = noise_oracle.uniform(key, np.arange(10), (1,))[:, 0]
    nats = norm(100, 2).logpdf(x[:, 0, 0, 0] + u)
    np.testing.assert_allclose(model.log_likelihood(x, seed=7), nats, rtol=1e-9)
    np.testing.assert_allclose(model.bits_per_dim(x, seed=7), -nats / np.log(2))
    # Its mean is at least the length of the code.
    many = np.full((20_000, 1, 1, 1), 103, "uint8")
    mass = norm(100, 2).cdf(104) - norm(100, 2).cdf(103)
    excess = model.bits_per_dim(many).mean() + np.log2(mass)
    assert 0.0 < excess < 0.05
    as_float = x / np.float32(127.5) - 1
    np.testing.assert_allclose(
        model.bits_per_dim(as_float, seed=7), model.bits_per_dim(x, seed=7), rtol=1e-5
    )
    with pytest.raises(ValueError, match="256 evenly spaced levels"):
        model.bits_per_dim(as_float + np.float32(1 / 255))
    with pytest.raises(ValueError, match="Received: seed=-1"):
        model.log_likelihood(x, seed=-1)


def test_images_of_few_levels_cost_what_their_levels_do():
    """One Gaussian on independent uniform levels: its cross-entropy in closed form."""
    num_levels = 9
    levels = np.random.default_rng(0).integers(0, num_levels, (2, 4000, 2, 2, 1))
    train, test = grey_values(num_levels)[levels]
    model = GaussianMixture((2, 2, 1), 1, num_levels=num_levels, seed=0)
    model.fit(train, epochs=2, verbose=0)
    components = model.mixture.components
    np.testing.assert_allclose(components.means, num_levels / 2, atol=0.1)
    expected = 0.5 * np.log2(2 * np.pi * np.e * num_levels**2 / 12)
    assert model.bits_per_dim(test).mean() == pytest.approx(expected, abs=0.01)
    as_float = (levels[1] / 4 - 1).astype("float32")
    np.testing.assert_allclose(
        model.log_likelihood(as_float), model.log_likelihood(test), rtol=1e-9
    )
    samples = model.generate(500, seed=0)
    assert set(np.unique(samples)) == set(grey_values(num_levels))
    mask = np.array([[True, False], [False, True]])
    for images in (test[:20], as_float[:20]):
        found = model.complete(images, mask, seed=0)
        np.testing.assert_array_equal(found[:, mask], test[:20][:, mask])
        np.testing.assert_array_equal(quantize(found, num_levels), found)
    for call in (model.fit, model.log_likelihood, model.bits_per_dim):
        with pytest.raises(ValueError, match="9 evenly spaced levels"):
            call(test + np.uint8(test < 200))


def test_bright_images_of_a_range_are_evaluated():
    rng = np.random.default_rng(0)
    bright = (0.6 + 0.3 * rng.random((40, 4, 4, 1))).astype("float32")
    model = GaussianMixture((4, 4, 1), 2, "diagonal", seed=0)
    history = model.fit(
        bright, epochs=2, value_range=(0, 1), validation_data=bright, verbose=0
    )
    expected = model.log_likelihood(bright, value_range=(0, 1)).mean()
    assert model.evaluate(bright, value_range=(0, 1))[0] == pytest.approx(expected)
    assert history.history["val_log_likelihood_nats"][-1] == pytest.approx(expected)
