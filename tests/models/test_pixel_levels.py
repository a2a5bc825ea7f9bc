"""Models of pixels: the levels of what they take and give."""

import numpy as np
import pytest
from keras import ops

from kerasgen import datasets
from kerasgen.datasets import quantize
from kerasgen.datasets.levels import grey_values
from kerasgen.models import PixelCNN
from kerasgen.pixel_distributions import unit_to_levels
from tests.models.small_pixel_models import MAKERS, NUM_LEVELS, images, randomize


@pytest.fixture(params=MAKERS)
def make(request):
    return MAKERS[request.param]


def test_values_between_levels_are_refused(make):
    model = make()
    x = images()
    x[5, 0, 0, 0] = 100
    model.compile()
    for call in (lambda: model.fit(x, verbose=0), lambda: model.log_likelihood(x)):
        with pytest.raises(ValueError, match="4 evenly spaced.*value 100 in sample 5"):
            call()
    rounded = datasets.quantize(x, NUM_LEVELS)
    assert rounded[5, 0, 0, 0] == 85
    model.log_likelihood(rounded)
    floats = rounded / 127.5 - 1.0
    np.testing.assert_allclose(
        model.log_likelihood(floats.astype("float32")),
        model.log_likelihood(rounded),
        rtol=1e-5,
    )
    with pytest.raises(ValueError, match="evenly spaced"):
        model.log_likelihood(floats.astype("float32") * 0.9)


@pytest.mark.eager
@pytest.mark.parametrize("num_levels", [2, 3, 67, 75, 133, 247, 256])
def test_samples_and_kept_pixels_lie_on_the_levels_of_quantize(num_levels):
    shape = (16, 16, 1)
    model = PixelCNN(shape, num_levels=num_levels, num_blocks=1, filters=2, seed=0)
    samples = model.generate(1, seed=0)
    np.testing.assert_array_equal(quantize(samples, num_levels), samples)
    every = quantize(np.arange(256, dtype="uint8").reshape(1, *shape), num_levels)
    kept = model.complete(every, np.ones(shape[:2], bool), seed=0)
    np.testing.assert_array_equal(kept, every)


@pytest.mark.eager
def test_every_number_of_levels_goes_there_and_back():
    for num_levels in range(2, 257):
        table = grey_values(num_levels)
        exact = np.floor(255 * np.arange(num_levels) / (num_levels - 1) + 0.5)
        assert np.abs(table - exact).max() <= 1 and len({*table}) == num_levels
        np.testing.assert_array_equal(quantize(table, num_levels), table)
        unit = ops.convert_to_tensor((table / 127.5 - 1).astype("float32"))
        back = ops.convert_to_numpy(unit_to_levels(unit, num_levels))
        np.testing.assert_array_equal(back, np.arange(num_levels))


@pytest.mark.eager
def test_calls_are_of_the_nearest_levels(make):
    """As what is served: a graph cannot refuse values."""
    model, x = randomize(make()), images(3)
    x[:, 1, 1] = 100
    rounded = quantize(x, NUM_LEVELS)
    assert (x != rounded).any()
    expected = model.predict(rounded, verbose=0)
    as_float = (x / 127.5 - 1).astype("float32")
    for given in (x, as_float):
        found = ops.convert_to_numpy(model(given))
        np.testing.assert_allclose(found, expected, atol=1e-5)
        with pytest.raises(ValueError, match="evenly spaced levels .*Received: "):
            model.predict(given, verbose=0)
