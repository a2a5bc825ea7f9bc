"""Likelihoods against scipy.stats, and as distributions."""

import keras
import numpy as np
import pytest
from keras import ops
from scipy import special, stats

from kerasgen import backend, likelihoods
from kerasgen.likelihoods import Bernoulli, DiscretizedLogistic, Gaussian

LEVELS = (np.arange(256) / 127.5 - 1.0).astype("float32")


def log_prob(likelihood, x, parameters):
    value = likelihood.log_prob(x.astype("float32"), parameters.astype("float32"))
    assert keras.backend.standardize_dtype(value.dtype) == "float32"
    return ops.convert_to_numpy(value)


def draw(*shape, seed=0, scale=1.0):
    return scale * np.random.default_rng(seed).standard_normal(shape)


def logistic_log_mass(x, mean, log_scale):
    """Log of the mass of each level in float64, tails at the ends."""
    upper = (x - mean + 1 / 255) * np.exp(-log_scale)
    lower = (x - mean - 1 / 255) * np.exp(-log_scale)
    with np.errstate(divide="ignore"):
        # On the side of the mean where the difference does not cancel.
        inside = np.where(
            upper + lower < 0,
            np.log(special.expit(upper) - special.expit(lower)),
            np.log(special.expit(-lower) - special.expit(-upper)),
        )
    inside = np.where(x < -0.999, special.log_expit(upper), inside)
    return np.where(x > 0.999, special.log_expit(-lower), inside)


def test_bernoulli_on_binary_images():
    logits = draw(5, 3, 2, 1, scale=4.0)
    x = np.where(draw(5, 3, 2, 1, seed=1) > 0, 1.0, -1.0)
    expected = stats.bernoulli.logpmf(x > 0, special.expit(logits)).sum((1, 2, 3))
    np.testing.assert_allclose(log_prob(Bernoulli(), x, logits), expected, rtol=1e-5)


def test_bernoulli_on_grey_images_is_the_cross_entropy():
    logits, grey = draw(4, 6, scale=3.0), np.random.default_rng(1).uniform(size=(4, 6))
    expected = grey * special.log_expit(logits) + (1 - grey) * special.log_expit(
        -logits
    )
    actual = log_prob(Bernoulli(), 2 * grey - 1, logits)
    np.testing.assert_allclose(actual, expected.sum(axis=1), rtol=1e-5)


def test_bernoulli_is_finite_at_large_logits():
    logits = np.array([[1e4, -1e4, 1e4, -1e4]])
    actual = log_prob(Bernoulli(), np.array([[1.0, -1.0, -1.0, 1.0]]), logits)
    np.testing.assert_allclose(actual, [-2e4])
    mean = ops.convert_to_numpy(Bernoulli().mean(logits.astype("float32")))
    np.testing.assert_allclose(mean, [[1.0, -1.0, 1.0, -1.0]])


@pytest.mark.parametrize("variance", ["fixed", "learned"])
@pytest.mark.parametrize("value", [0.3, 1.0, 4.0])
def test_gaussian_with_one_variance(variance, value):
    x, mean = draw(5, 3, 2, 3), draw(5, 3, 2, 3, seed=1)
    expected = stats.norm.logpdf(x, mean, np.sqrt(value)).sum((1, 2, 3))
    likelihood = Gaussian(variance, initial_variance=value)
    np.testing.assert_allclose(log_prob(likelihood, x, mean), expected, rtol=1e-5)


def test_gaussian_with_predicted_variance():
    x, mean = draw(5, 2, 2, 3), draw(5, 2, 2, 3, seed=1)
    log_variance = draw(5, 2, 2, 3, seed=2)
    parameters = np.concatenate([mean, log_variance], axis=-1)
    expected = stats.norm.logpdf(x, mean, np.exp(log_variance / 2)).sum((1, 2, 3))
    likelihood = Gaussian("predicted")
    np.testing.assert_allclose(log_prob(likelihood, x, parameters), expected, rtol=1e-5)
    actual = ops.convert_to_numpy(likelihood.mean(parameters.astype("float32")))
    np.testing.assert_array_equal(actual, mean.astype("float32"))


def test_gaussian_density_integrates_to_one():
    grid = np.linspace(-12, 12, 4001)
    for likelihood, parameter in (
        (Gaussian("fixed", 0.5), [0.3]),
        (Gaussian("learned", 2.0), [-1.0]),
        (Gaussian("predicted"), [0.5, 0.7]),
    ):
        parameters = np.tile(parameter, (len(grid), 1))
        density = np.exp(log_prob(likelihood, grid[:, None], parameters))
        np.testing.assert_allclose(np.trapezoid(density, grid), 1.0, rtol=1e-4)


def test_learned_variance_has_the_gradient_of_the_maximum_likelihood():
    """d/ds of -log N(x; m, e^s) is (1 - (x - m)^2 / e^s) / 2, zero at the optimum."""
    likelihood = Gaussian("learned", initial_variance=0.5)
    x, mean = draw(4, 6).astype("float32"), draw(4, 6, seed=1).astype("float32")
    _, gradients = backend.value_and_grad(
        lambda: (-ops.sum(likelihood.log_prob(x, mean)), ()),
        likelihood.trainable_variables,
    )
    expected = 0.5 * (1 - (x - mean).astype("float64") ** 2 / 0.5).sum()
    np.testing.assert_allclose(ops.convert_to_numpy(gradients[0]), expected, rtol=1e-5)


MEANS = [-3.0, -1.0, -0.2, 0.004, 0.77, 1.0, 2.5]
LOG_SCALES = [-7.0, -4.0, -2.0, 0.0, 3.0]


@pytest.mark.parametrize("log_scale", LOG_SCALES)
@pytest.mark.parametrize("scale", ["learned", "predicted"])
def test_discretized_logistic_sums_to_one(scale, log_scale):
    likelihood = DiscretizedLogistic(scale)
    if scale == "learned":
        likelihood.log_scale.assign(log_scale)
    for mean in MEANS:
        parameter = [mean] if scale == "learned" else [mean, log_scale]
        parameters = np.tile(parameter, (256, 1))
        log_mass = log_prob(likelihood, LEVELS[:, None], parameters)
        assert np.isfinite(log_mass).all()
        np.testing.assert_allclose(np.exp(log_mass).sum(), 1.0, atol=2e-4)


@pytest.mark.parametrize("log_scale", [-4.0, -2.0, 0.0])
def test_discretized_logistic_against_the_logistic_distribution(log_scale):
    for mean in (-0.5, 0.004, 0.9):
        parameters = np.tile([mean, log_scale], (256, 1))
        actual = log_prob(DiscretizedLogistic("predicted"), LEVELS[:, None], parameters)
        expected = logistic_log_mass(LEVELS.astype("float64"), mean, log_scale)
        np.testing.assert_allclose(actual, expected, rtol=2e-4, atol=2e-4)


def test_discretized_logistic_adds_up_over_pixels_and_channels():
    rng = np.random.default_rng(3)
    x = LEVELS[rng.integers(0, 256, (4, 3, 2, 3))]
    mean, log_scale = draw(4, 3, 2, 3, scale=0.5), draw(4, 3, 2, 3, seed=1) - 2.0
    parameters = np.concatenate([mean, log_scale], axis=-1)
    actual = log_prob(DiscretizedLogistic("predicted"), x, parameters)
    expected = logistic_log_mass(x.astype("float64"), mean, log_scale).sum((1, 2, 3))
    np.testing.assert_allclose(actual, expected, rtol=1e-4)


def test_discretized_logistic_is_finite_far_away():
    """Values and gradients, with the scale clipped to its range."""
    likelihood = DiscretizedLogistic("predicted")
    parameters = keras.Variable(
        np.array([[1e4, -50.0], [-1e4, -50.0], [1e4, 50.0], [0.0, 50.0]], "float32")
    )
    x = np.array([[-1.0], [0.2], [1.0], [0.2]], "float32")
    (loss, _), gradients = backend.value_and_grad(
        lambda: (-ops.sum(likelihood.log_prob(x, parameters.value)), ()), [parameters]
    )
    assert np.isfinite(ops.convert_to_numpy(loss))
    assert np.isfinite(ops.convert_to_numpy(gradients[0])).all()


def test_learned_scale_is_trained():
    likelihood = DiscretizedLogistic("learned")
    x, mean = LEVELS[None, 100:110], np.zeros((1, 10), "float32")
    _, gradients = backend.value_and_grad(
        lambda: (-ops.sum(likelihood.log_prob(x, mean)), ()),
        likelihood.trainable_variables,
    )
    h, sides = 1e-3, []
    for log_scale in (-2.0 + h, -2.0 - h):
        sides.append(-logistic_log_mass(x.astype("float64"), mean, log_scale).sum())
    expected = (sides[0] - sides[1]) / (2 * h)
    np.testing.assert_allclose(ops.convert_to_numpy(gradients[0]), expected, rtol=1e-3)


@pytest.mark.parametrize(
    "likelihood",
    [
        Bernoulli(name="p"),
        Gaussian("learned", initial_variance=0.25, name="p"),
        Gaussian("predicted", name="p"),
        DiscretizedLogistic("predicted", name="p"),
    ],
    ids=lambda likelihood: type(likelihood).__name__,
)
def test_config_round_trip(likelihood):
    copy = keras.saving.deserialize_keras_object(
        keras.saving.serialize_keras_object(likelihood)
    )
    assert type(copy) is type(likelihood)
    assert copy.get_config() == likelihood.get_config()
    assert copy.name == "p"
    assert copy.num_parameters == likelihood.num_parameters


def test_only_levels_are_discrete():
    assert DiscretizedLogistic().is_discrete
    assert not Bernoulli().is_discrete
    assert not Gaussian().is_discrete


def test_names():
    assert isinstance(likelihoods.get("bernoulli"), Bernoulli)
    assert isinstance(likelihoods.get("gaussian"), Gaussian)
    assert isinstance(likelihoods.get("discretized_logistic"), DiscretizedLogistic)
    mine = Gaussian("learned")
    assert likelihoods.get(mine) is mine


@pytest.mark.parametrize("name", ["normal", "Gaussian", None, 3])
def test_unknown_name(name):
    with pytest.raises(ValueError, match="Received: likelihood="):
        likelihoods.get(name)


@pytest.mark.parametrize("value", [0.0, -1.0, np.nan, np.inf])
def test_wrong_variance(value):
    with pytest.raises(ValueError, match="Received: initial_variance="):
        Gaussian(initial_variance=value)


def test_wrong_kind():
    with pytest.raises(ValueError, match="Received: variance='wide'"):
        Gaussian("wide")
    with pytest.raises(ValueError, match="Received: scale='fixed'"):
        DiscretizedLogistic("fixed")
