"""The mixture of discretised logistics: sums, values, colours, draws, gradients."""

import functools
import itertools
import types

import keras
import numpy as np
import pytest
from keras import ops
from scipy import special

from kerasgen import backend
from kerasgen.pixel_distributions import Categorical, DiscretizedLogisticMixture


def draw_parameters(num, num_mixtures, scale=1.0, seed=0):
    """Logits, means and logs of scales from sharp to flat, times `scale`."""
    rng = np.random.default_rng(seed)
    logits = 2 * rng.standard_normal((num, num_mixtures))
    means = rng.uniform(-1.2, 1.2, (num, num_mixtures))
    log_scales = rng.uniform(-8.0, 2.0, (num, num_mixtures))
    parameters = np.concatenate([logits, means, log_scales], axis=-1)
    return (scale * parameters).astype("float32")


def run(function, *arrays):
    """A function of tensors, compiled; NumPy arrays."""
    without_weights = types.SimpleNamespace(variables=[])
    tensors = [ops.convert_to_tensor(array) for array in arrays]
    return ops.convert_to_numpy(backend.compiled(function, without_weights)(*tensors))


def all_log_p(mixture, parameters):
    """Log-probabilities of all levels: (N, num_levels)."""
    levels = np.arange(mixture.num_levels, dtype="int32")[None]
    return run(mixture.log_prob, levels, parameters[:, None])


def masses(mean, log_scale, num_levels):
    """Masses of all levels in float64, on the side where nothing cancels."""
    edges = (2 * np.arange(1, num_levels) - num_levels) / (num_levels - 1)
    edges = np.concatenate([[-np.inf], edges, [np.inf]])
    z = (edges - mean[..., None]) / np.exp(np.clip(log_scale, -7, 7))[..., None]
    is_right = z[..., :-1] + z[..., 1:] > 0
    return np.where(is_right, -np.diff(special.expit(-z)), np.diff(special.expit(z)))


@pytest.mark.parametrize(("num_levels", "num_mixtures"), [(2, 1), (256, 3)])
def test_probabilities_are_those_of_the_logistic_distribution(num_levels, num_mixtures):
    """They sum to one, however large the parameters, and agree with float64."""
    mixture = DiscretizedLogisticMixture(num_levels, num_mixtures)
    parameters = draw_parameters(900, num_mixtures)
    parameters *= np.repeat([1, 10, 1e4], 300)[:, None].astype("float32")
    log_p = all_log_p(mixture, parameters)
    assert log_p.dtype == "float32" and np.isfinite(log_p).all()
    sums = np.exp(log_p.astype("float64")).sum(axis=1)
    np.testing.assert_allclose(sums, 1.0, atol=1e-5)

    parameters, log_p = parameters[:300].astype("float64"), log_p[:300]
    logits, mean, log_scale = np.split(parameters, 3, axis=-1)
    weights = special.softmax(logits, axis=-1)
    expected = (weights[..., None] * masses(mean, log_scale, num_levels)).sum(1)
    np.testing.assert_allclose(np.exp(log_p), expected, atol=3e-5)
    is_large = expected > 1e-30
    np.testing.assert_allclose(
        log_p[is_large], np.log(expected[is_large]), rtol=1e-4, atol=1e-4
    )


def test_gradients_are_finite_far_away():
    mixture = DiscretizedLogisticMixture(256, 2)
    rows = itertools.product([0.0, 1e4], [1e8, -1e8, 0.3], [-50.0, 50.0, 0.0])
    parameters = np.array([[a, 0, b, -b, c, -c] for a, b, c in rows], "float32")
    levels = np.array([[0, 128, 255]], "int32")

    def log_prob(parameters):
        return mixture.log_prob(ops.convert_to_tensor(levels), parameters[:, None])

    assert np.isfinite(run(log_prob, parameters)).all()
    gradient = run(lambda p: backend.input_gradient(log_prob, p), parameters)
    assert np.isfinite(gradient).all() and (gradient != 0).any(axis=1).mean() > 0.9


def test_colours_share_one_indicator():
    """Equations 2 and 3 of the paper: a sum over components of products."""
    num_levels, num_mixtures = 3, 4
    mixture = DiscretizedLogisticMixture(num_levels, num_mixtures)
    rng = np.random.default_rng(0)
    outputs = rng.standard_normal((2, mixture.num_outputs(3))).astype("float32")
    assert outputs.shape[-1] == 10 * num_mixtures
    every = np.array([*itertools.product(range(num_levels), repeat=3)], "int32")
    values = every - 1.0
    parameters = run(
        mixture.of_colours,
        np.repeat(outputs, len(every), axis=0),
        np.tile(values, (2, 1)).astype("float32"),
    )
    assert parameters.shape == (2 * len(every), 3, mixture.num_parameters)
    log_p = run(mixture.log_prob, np.tile(every, (2, 1)), parameters)
    actual = log_p.sum(axis=1).reshape(2, -1)

    numbers = outputs.astype("float64").reshape(2, 10, 1, num_mixtures)
    red, green, blue = values.T[:, None, :, None]
    a, b, c = np.moveaxis(np.tanh(numbers[:, 7:]), 1, 0)
    means = np.moveaxis(numbers[:, 1:4], 1, 0)
    means = [means[0] + 0 * red, means[1] + a * red, means[2] + b * red + c * green]
    joint = special.softmax(numbers[:, 0], axis=-1)
    for channel, mean in enumerate(means):
        mass = masses(mean, numbers[:, 4 + channel] + 0 * mean, num_levels)
        levels = every[None, :, channel, None, None]
        joint = (
            joint
            * np.take_along_axis(
                mass, np.broadcast_to(levels, (*mass.shape[:-1], 1)), axis=-1
            )[..., 0]
        )
    np.testing.assert_allclose(actual, np.log(joint.sum(axis=-1)), atol=1e-5)
    np.testing.assert_allclose(np.exp(actual).sum(axis=1), 1.0, atol=1e-5)
    # Colours depend on each other beyond their means.
    assert np.abs(actual).std() > 0.1


def test_parameters_of_a_colour_do_not_depend_on_later_ones():
    mixture = DiscretizedLogisticMixture(256, 2)
    rng = np.random.default_rng(1)
    outputs = rng.standard_normal((1, 20)).astype("float32")
    values = rng.uniform(-1, 1, (4, 3)).astype("float32")
    values[:2, 0], values[:3, 1] = values[0, 0], values[0, 1]
    found = run(mixture.of_colours, np.repeat(outputs, 4, axis=0), values)
    assert (found[:, 0] == found[0, 0]).all()
    np.testing.assert_array_equal(found[0, 1], found[1, 1])
    assert (found[0, 1] != found[2, 1]).any() and (found[0, 2] != found[3, 2]).any()


def test_temperature_divides_the_log_probabilities():
    mixture = DiscretizedLogisticMixture(6, 2)
    parameters = draw_parameters(1, 2, seed=3)
    parameters[:, 4:] = -1.0
    uniform = ((np.arange(20000) + 0.5) / 20000).astype("float32")
    draw = functools.partial(run, mixture.draw, uniform, parameters)
    log_p = all_log_p(mixture, parameters)[0]
    for temperature in (1.0, 0.4, 3.0):
        levels = draw(np.float32(temperature))
        assert levels.dtype == "int32" and (np.diff(levels) >= 0).all()
        found = np.bincount(levels, minlength=6) / len(levels)
        expected = special.softmax(log_p / temperature)
        np.testing.assert_allclose(found, expected, atol=2e-4)


@pytest.mark.parametrize("make", [Categorical, DiscretizedLogisticMixture])
def test_config_round_trip(make):
    copy = keras.saving.deserialize_keras_object(
        keras.saving.serialize_keras_object(make(num_levels=7))
    )
    assert type(copy) is make and copy.get_config() == make(7).get_config()


@pytest.mark.parametrize(
    "arguments",
    [
        {"num_levels": 1},
        {"num_levels": 257},
        {"num_mixtures": 0},
        {"num_mixtures": 2.0},
    ],
)
def test_arguments_out_of_range(arguments):
    with pytest.raises(ValueError, match="Received: "):
        DiscretizedLogisticMixture(**arguments)
