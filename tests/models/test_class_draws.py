"""Completions of conditional models: of a class that is given, or drawn."""

import functools

import numpy as np
import pytest

from kerasgen.datasets.levels import grey_values
from kerasgen.models import GatedPixelCNN, PixelCNNPlusPlus
from tests.models.counted_images import all_images, assert_frequencies, number_of

pytestmark = pytest.mark.eager

SHAPE, NUM_LEVELS, NUM_CLASSES, NUM_DRAWS = (1, 3, 1), 2, 3, 8000
MAKERS = {
    "gated": lambda: GatedPixelCNN(
        SHAPE, NUM_LEVELS, 1, 6, first_kernel_size=3, num_classes=NUM_CLASSES
    ),
    "pixel_cnn_plus_plus": lambda: PixelCNNPlusPlus(
        SHAPE, NUM_LEVELS, 2, 6, 1, num_classes=NUM_CLASSES, ema_decay=None
    ),
}


# Far from uniform, and from certain.
SCALES = {"gated": 1.0, "pixel_cnn_plus_plus": 0.3}


@functools.cache
def make_model(name):
    """A model of three classes, each with a first value of its own odds."""
    model = MAKERS[name]()
    rng = np.random.default_rng(0)
    for variable in model.network.trainable_variables:
        scale = 1.0 if "embeddings" in variable.name else SCALES[name]
        variable.assign(scale * rng.standard_normal(variable.shape))
    return model


@functools.cache
def probabilities(name):
    """p(x | class) of all images: (classes, 2, 2, 2)."""
    every = all_images(SHAPE, NUM_LEVELS)
    log_p = [
        make_model(name).log_likelihood(every, np.full(len(every), label))
        for label in range(NUM_CLASSES)
    ]
    return np.exp(log_p).reshape(NUM_CLASSES, 2, 2, 2)


@pytest.fixture(params=MAKERS)
def name(request):
    return request.param


def expected(p, weights, kept, image, temperature=1.0):
    """Probabilities (8,) of a completion: values in order, each given those before.

    Args:
        p: p(x | class).
        weights: Probabilities of the classes.
        kept: Which of the three values are kept.
        image: Levels of the three values.
        temperature: Of the values.
    """
    total = np.zeros((2, 2, 2))
    for weight, joint in zip(weights, p, strict=True):
        draws = np.ones((2, 2, 2))
        for place in range(3):
            before = joint.sum(axis=tuple(range(place + 1, 3)))
            odds = (before / before.sum(-1, keepdims=True)) ** (1 / temperature)
            odds = odds / odds.sum(-1, keepdims=True)
            if place in kept:
                odds = np.broadcast_to(np.eye(2)[image[place]], odds.shape)
            draws = draws * odds.reshape(*odds.shape, *[1] * (2 - place))
        total += weight * draws
    return total.ravel()


def assert_completions(name, kept, image, weights, **arguments):
    draws = make_model(name).complete(
        grey_values(NUM_LEVELS)[[image]].reshape(1, *SHAPE),
        np.isin(np.arange(3), kept).reshape(SHAPE),
        seed=0,
        num_draws=NUM_DRAWS,
        batch_size=8192,
        **arguments,
    )[0]
    temperature = arguments.get("temperature", 1.0)
    p = expected(probabilities(name), weights, kept, image, temperature)
    assert_frequencies(number_of(draws, NUM_LEVELS), p)
    return p


@pytest.mark.parametrize("kept", [(0,), (0, 1), (0, 2)])
def test_a_class_is_drawn_by_the_values_kept_before_the_first_hidden_one(name, kept):
    """A later one, that of (0, 2), does not count."""
    image = [1, 0, 1]
    prefix = 2 if kept == (0, 1) else 1
    p = probabilities(name)
    likelihoods = p[(slice(None), *image[:prefix])].reshape(NUM_CLASSES, -1).sum(axis=1)
    weights = likelihoods / likelihoods.sum()
    drawn = assert_completions(name, kept, image, weights)
    # What classes drawn uniformly would give is another distribution.
    uniform = expected(p, np.full(NUM_CLASSES, 1 / NUM_CLASSES), kept, image)
    assert np.abs(drawn - uniform).max() > 0.02


@pytest.mark.parametrize("kept", [(), (1,), (1, 2)])
def test_a_class_is_drawn_uniformly_where_the_first_value_is_hidden(name, kept):
    weights = np.full(NUM_CLASSES, 1 / NUM_CLASSES)
    assert_completions(name, kept, [1, 0, 1], weights)


@pytest.mark.parametrize("label", range(NUM_CLASSES))
def test_a_class_that_is_given_is_that_of_the_draws(name, label):
    weights = np.eye(NUM_CLASSES)[label]
    assert_completions(name, (0,), [0, 0, 0], weights, labels=[label])


def test_temperature_is_that_of_hidden_values_and_not_of_classes(name):
    p = probabilities(name)[:, 1].sum(axis=(1, 2))
    arguments = {"temperature": 0.4}
    assert_completions(name, (0,), [1, 0, 0], p / p.sum(), **arguments)


def test_classes_follow_the_seed_and_the_row():
    """Whatever other images, draws and batches there are."""
    model = make_model("gated")
    x = all_images(SHAPE, NUM_LEVELS)
    mask = np.array([True, False, False]).reshape(SHAPE)
    many = model.complete(x, mask, seed=1, num_draws=5)
    few = model.complete(x[:3], mask, seed=1, num_draws=2, batch_size=3)
    np.testing.assert_array_equal(few, many[:3, :2])
    assert (many != model.complete(x, mask, seed=2, num_draws=5)).any()


def test_the_class_of_black_and_white_images_is_that_of_what_is_kept():
    """Class 0 is black and class 1 white: what is hidden is like what is kept."""
    model = GatedPixelCNN(SHAPE, 2, 1, 6, first_kernel_size=3, num_classes=2)
    head = model.network.head[-1]
    for variable in model.network.trainable_variables:
        variable.assign(0 * variable)
    # A class's gate of its own sign reaches the logits through two layers of ones.
    first = model.network.gates[0]
    table = np.zeros(first.classes.embeddings.shape, "float32")
    table[:, 12:18], table[:, 18:] = np.array([[-9.0], [9.0]]), 9.0
    first.classes.embeddings.assign(table)
    for dense in (first.behind, model.network.head[0]):
        dense.kernel.assign(np.ones(dense.kernel.shape))
    head.kernel.assign(np.tile([-1.0, 1.0], (head.kernel.shape[0], 1)))
    head.bias.assign([50.0, -50.0])
    x = grey_values(2)[np.array([0, 1])].reshape(2, 1, 1, 1) + np.zeros(SHAPE, "uint8")
    mask = np.array([True, False, False]).reshape(SHAPE)
    found = model.complete(x, mask, seed=0, num_draws=20)
    np.testing.assert_array_equal(found, np.repeat(x[:, None], 20, axis=1))
