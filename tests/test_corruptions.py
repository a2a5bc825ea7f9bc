"""Corruptions against NumPy, with the same draws."""

import keras
import numpy as np
import pytest
from keras import ops

from kerasgen.corruptions import GaussianNoise, MaskingNoise, SaltAndPepper
from kerasgen.random import Noise

NUM, SHAPE = 50, (8, 8, 1)


@pytest.fixture
def noise():
    return Noise(3, 0, np.arange(NUM, dtype="int32"))


@pytest.fixture
def images():
    return np.random.default_rng(0).uniform(-1, 1, (NUM, *SHAPE)).astype("float32")


def corrupted(corruption, x, noise):
    return ops.convert_to_numpy(corruption(ops.convert_to_tensor(x), noise))


def test_gaussian_noise_is_added_and_images_are_clipped(images, noise):
    draws = ops.convert_to_numpy(noise.normal("corruption", SHAPE))
    assert draws.std() == pytest.approx(1, abs=0.05)
    found = corrupted(GaussianNoise(0.6), images, noise)
    np.testing.assert_allclose(found, np.clip(images + 0.6 * draws, -1, 1), atol=1e-6)
    np.testing.assert_allclose(corrupted(GaussianNoise(0.0), images, noise), images)


def test_vectors_are_not_clipped(noise):
    x = np.random.default_rng(0).normal(0, 9, (NUM, 5)).astype("float32")
    draws = ops.convert_to_numpy(noise.normal("corruption", (5,)))
    found = corrupted(GaussianNoise(2.0), x, noise)
    np.testing.assert_allclose(found, x + 2 * draws, atol=1e-5)


@pytest.mark.parametrize("rate", [0.0, 0.1, 0.7])
def test_masking_hides_a_share_of_the_values(images, noise, rate):
    found = corrupted(MaskingNoise(rate), images, noise)
    hidden = found != images
    assert hidden.mean() == pytest.approx(rate, abs=0.03)
    assert (found[hidden] == -1).all()
    vectors = images.reshape(NUM, -1)
    found = corrupted(MaskingNoise(rate), vectors, noise)
    assert (found[found != vectors] == 0).all()
    assert (found != vectors).mean() == pytest.approx(rate, abs=0.03)


@pytest.mark.parametrize("rate", [0.0, 0.1, 0.7])
def test_salt_and_pepper_are_as_many(images, noise, rate):
    found = corrupted(SaltAndPepper(rate), images, noise)
    for value in (-1, 1):
        share = (found == value).mean()
        assert share == pytest.approx(rate / 2, abs=0.03)
    kept = np.abs(found) < 1
    np.testing.assert_array_equal(found[kept], images[kept])


@pytest.mark.parametrize(
    "make",
    [
        lambda: GaussianNoise(-0.1),
        lambda: GaussianNoise(np.nan),
        lambda: GaussianNoise(True),
        lambda: MaskingNoise(1.0),
        lambda: MaskingNoise("half"),
        lambda: SaltAndPepper(-0.1),
        lambda: SaltAndPepper(np.inf),
    ],
)
def test_bad_arguments(make):
    with pytest.raises(ValueError, match="Received: "):
        make()


@pytest.mark.parametrize(
    "corruption", [GaussianNoise(0.3), MaskingNoise(0.4), SaltAndPepper(0.2)]
)
def test_config_round_trip(corruption):
    config = keras.saving.serialize_keras_object(corruption)
    copy = keras.saving.deserialize_keras_object(config)
    assert type(copy) is type(corruption)
    assert copy.get_config() == corruption.get_config()
