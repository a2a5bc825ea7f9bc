"""All images of few values, and how often they should be drawn."""

import itertools

import numpy as np

from kerasgen.datasets.levels import grey_values


def all_images(shape, num_levels):
    """Every image, in the order of `number_of`."""
    every = [*itertools.product(range(num_levels), repeat=int(np.prod(shape)))]
    return grey_values(num_levels)[np.array(every)].reshape(-1, *shape)


def number_of(images, num_levels):
    """The number of each image among all of them, or of some of their values."""
    levels = np.searchsorted(grey_values(num_levels), images.reshape(len(images), -1))
    return levels @ num_levels ** np.arange(levels.shape[1])[::-1]


def assert_frequencies(numbers, probabilities):
    """Counts are those of a multinomial to 4.5 deviations, a chi-square to its tail."""
    num = len(numbers)
    counts = np.bincount(numbers, minlength=len(probabilities))
    assert not counts[probabilities == 0].any()
    expected = num * probabilities
    deviation = np.sqrt(expected * (1 - probabilities) + 1)
    assert np.abs((counts - expected) / deviation).max() < 4.5
    # Against the same draws from another distribution this would be thousands.
    likely = expected > 10
    chi = np.square(counts - expected)[likely] / expected[likely]
    assert chi.sum() < likely.sum() + 6 * np.sqrt(2 * likely.sum())
