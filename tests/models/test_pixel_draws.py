"""What pixel models and mixtures draw has the distribution that it should have."""

import functools

import numpy as np
import pytest
from scipy.special import logsumexp
from scipy.stats import norm

from kerasgen.datasets.levels import grey_values
from kerasgen.mixtures import Diagonal, Mixture
from kerasgen.models import (
    GatedPixelCNN,
    GaussianMixture,
    PixelCNN,
    PixelCNNPlusPlus,
    PixelRNN,
)
from tests.models.counted_images import all_images, assert_frequencies, number_of

FIRST = {"first_kernel_size": 3}
MAKERS = {
    "pixel_cnn": lambda shape, levels: PixelCNN(shape, levels, 1, 6, **FIRST),
    "gated": lambda shape, levels: GatedPixelCNN(shape, levels, 1, 6, **FIRST),
    "row_lstm": lambda shape, levels: PixelRNN(
        shape, levels, "row_lstm", 1, 3, **FIRST
    ),
    "diagonal_bilstm": lambda shape, levels: PixelRNN(
        shape, levels, "diagonal_bilstm", 1, 3, **FIRST
    ),
    "pixel_cnn_plus_plus": lambda shape, levels: PixelCNNPlusPlus(
        shape, levels, 2, 6, 1, ema_decay=None
    ),
}


def some_fast(*names):
    """Names of all models; compilation of the others is what they take time for."""
    slow = pytest.mark.slow
    return [n if n in names else pytest.param(n, marks=slow) for n in MAKERS]


@functools.cache
def make_model(name, shape, num_levels):
    model = MAKERS[name](shape, num_levels)
    # Far from uniform, and from certain: its many layers multiply.
    scale = 0.25 if name == "pixel_cnn_plus_plus" else 0.5
    rng = np.random.default_rng(3)
    for variable in model.network.trainable_variables:
        variable.assign(scale * rng.standard_normal(variable.shape))
    return model


def conditionals(log_p, num_levels, num_values):
    """log p(value | those before): list of (num_levels,) * (1 + number before)."""
    log_p = log_p.reshape((num_levels,) * num_values)
    found = []
    while log_p.ndim:
        found.append(log_p - logsumexp(log_p, axis=-1, keepdims=True))
        log_p = logsumexp(log_p, axis=-1)
    return found[::-1]


@pytest.mark.parametrize("name", some_fast("gated", "diagonal_bilstm"))
def test_temperature_divides_the_log_probability_of_each_value(name):
    """All images of two values on three levels."""
    shape, num_levels = (1, 2, 1), 3
    model = make_model(name, shape, num_levels)
    log_p = model.log_likelihood(all_images(shape, num_levels))
    first, second = conditionals(log_p, num_levels, 2)
    for temperature in (0.4, 2.5):
        tempered = [part / temperature for part in (first, second)]
        tempered = [p - logsumexp(p, axis=-1, keepdims=True) for p in tempered]
        p = np.exp(tempered[0][:, None] + tempered[1]).ravel()
        assert np.abs(p - np.exp(log_p)).max() > 0.05
        samples = model.generate(8000, 0, temperature=temperature, batch_size=8192)
        assert_frequencies(number_of(samples, num_levels), p)


@pytest.mark.parametrize("temperature", [0.4, 1.0, 2.5])
def test_temperature_multiplies_the_deviation_of_a_mixture(temperature):
    means, scales = np.array([[1.0], [4.0]]), np.array([[0.8], [0.5]])
    model = GaussianMixture((1, 1, 1), 2, "diagonal", num_levels=6)
    model.mixture = Mixture(np.array([0.3, 0.7]), Diagonal(means, scales))
    bounds = np.array([-np.inf, 1, 2, 3, 4, 5, np.inf])
    cumulative = norm(means, temperature * scales).cdf(bounds)
    p = np.array([0.3, 0.7]) @ np.diff(cumulative, axis=1)
    for samples in (
        model.generate(8000, 0, temperature=temperature, batch_size=8192),
        model.complete(
            np.zeros((1, 1, 1, 1), "uint8"),
            np.zeros((1, 1), bool),
            seed=0,
            num_draws=8000,
            temperature=temperature,
        )[0],
    ):
        assert_frequencies(number_of(samples, 6), p)


@pytest.mark.parametrize("name", some_fast("gated"))
@pytest.mark.parametrize("kept", [range(4), (0, 3, 7), ()])
def test_completions_have_the_exact_conditionals(name, kept):
    """Of all 2^9 binary images, given the values before each that is hidden."""
    shape = (3, 3, 1)
    model = make_model(name, shape, 2)
    every = all_images(shape, 2)
    log_p = model.log_likelihood(every)
    levels = (every.reshape(-1, 9) > 0).astype(int)
    mask = np.isin(np.arange(9), list(kept))
    image = levels[0b101100110]
    assert image[mask].any() or not mask.any()
    expected = np.zeros(len(every))
    for value, log_conditional in enumerate(conditionals(log_p, 2, 9)):
        if not mask[value]:
            expected += log_conditional[tuple(levels[:, : value + 1].T)]
    fits = (levels[:, mask] == image[mask]).all(axis=1)
    p = np.where(fits, np.exp(expected), 0.0)
    assert p.sum() == pytest.approx(1.0, abs=1e-5)
    if mask[: mask.sum()].all():
        # What is kept comes first: Bayes' rule.
        bayes = np.where(fits, np.exp(log_p), 0.0)
        np.testing.assert_allclose(p, bayes / bayes.sum(), atol=1e-6)
    draws = model.complete(
        grey_values(2)[image].reshape(1, *shape),
        mask.reshape(shape),
        seed=0,
        num_draws=8000,
        batch_size=8192,
    )[0]
    assert_frequencies(number_of(draws, 2), p / p.sum())
