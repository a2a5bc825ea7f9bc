"""Differentiable augmentation: what moves, what stays, and its gradient."""

import keras
import numpy as np
import pytest
from keras import ops

from kerasgen import backend, random
from kerasgen.augmentation import DiffAugment

SHAPE = (16, 16, 3)


def noise_of(num, seed=0):
    return random.Noise(seed, 0, np.arange(num, dtype="int32"))


def draw(num=64, seed=0):
    x = np.random.default_rng(seed).uniform(-1, 1, (num, *SHAPE))
    return x.astype("float32")


def apply(policy, x, **arguments):
    noise = noise_of(len(x))
    augmented = DiffAugment(policy)(ops.convert_to_tensor(x), noise, "a", **arguments)
    return ops.convert_to_numpy(augmented)


def uniforms(num):
    return ops.convert_to_numpy(noise_of(num).uniform("a", (7,))).astype("float64")


def test_color_against_numpy():
    x = draw()
    u = uniforms(len(x))[:, :, None, None, None]
    expected = x + (u[:, 0] - 0.5)
    grey = expected.mean(axis=3, keepdims=True)
    expected = grey + (expected - grey) * (2 * u[:, 1])
    mean = expected.mean(axis=(1, 2, 3), keepdims=True)
    expected = mean + (expected - mean) * (u[:, 2] + 0.5)
    np.testing.assert_allclose(apply("color", x), expected, atol=2e-6)


def test_translation_against_numpy():
    x = draw()
    shifts = np.floor(uniforms(len(x))[:, 3:5] * 5).astype(int) - 2
    expected = np.zeros_like(x)
    for image, moved, (down, right) in zip(x, expected, shifts, strict=True):
        for row in range(16):
            for column in range(16):
                source = row + down, column + right
                if 0 <= min(source) and max(source) < 16:
                    moved[row, column] = image[source]
    np.testing.assert_allclose(apply("translation", x), expected, atol=1e-6)
    assert {*shifts.ravel()} == {-2, -1, 0, 1, 2}


def test_cutout_sets_a_square_to_zero():
    x = np.ones((200, *SHAPE), "float32")
    kept = apply("cutout", x)
    assert set(np.unique(kept)) == {0.0, 1.0}
    is_cut = kept[..., 0] == 0
    np.testing.assert_array_equal(kept[..., 0], kept[..., 2])
    sizes = is_cut.sum(axis=(1, 2))
    assert sizes.max() == 64 and sizes.min() >= 16
    rows, columns = is_cut.any(axis=2).sum(axis=1), is_cut.any(axis=1).sum(axis=1)
    np.testing.assert_array_equal(rows * columns, sizes)


def test_every_call_of_a_step_draws_anew():
    x = draw(8)
    first = apply("color,translation,cutout", x)
    np.testing.assert_array_equal(first, apply("color,translation,cutout", x))
    assert (apply("color,translation,cutout", x, substep=1) != first).any()


def test_gradients_flow_to_the_image():
    variable = keras.Variable(draw(4))

    def loss():
        augmented = DiffAugment()(variable.value, noise_of(4), "a")
        return ops.mean(ops.square(augmented)), ()

    _, (gradient,) = backend.value_and_grad(loss, [variable])
    gradient = ops.convert_to_numpy(gradient)
    assert np.isfinite(gradient).all()
    assert (np.abs(gradient).sum(axis=(1, 2, 3)) > 0).all()


def test_unknown_policies_are_refused():
    for policy in ("colour", "", "color,flip", None):
        with pytest.raises(ValueError, match="Expected some of.*Received"):
            DiffAugment(policy)


def test_config_round_trip():
    augment = DiffAugment("cutout")
    config = keras.saving.serialize_keras_object(augment)
    assert keras.saving.deserialize_keras_object(config).policy == "cutout"


def test_images_whose_eighth_is_no_integer_are_moved_as_the_authors_move_them():
    """Halves are rounded up: an image of 12 pixels by 2."""
    x = np.zeros((400, 12, 12, 1), "float32")
    x[:, 6, 6] = 1.0
    noise = random.Noise(0, 0, np.arange(len(x)))
    moved = ops.convert_to_numpy(DiffAugment("translation")(x, noise, "augment_real"))
    assert {*np.argwhere(moved)[:, 1]} == {4, 5, 6, 7, 8}
