"""What mixtures and models of pixels have in common: one interface."""

import functools
import inspect

import keras
import numpy as np
import pytest
from keras import ops

from kerasgen.datasets.levels import grey_values
from kerasgen.models import (
    GatedPixelCNN,
    GaussianMixture,
    PixelCNN,
    PixelCNNPlusPlus,
    PixelRNN,
)
from kerasgen.models.likelihood_model import LikelihoodModel

SHAPE, NUM_LEVELS = (3, 4, 1), 4
CLASSES = [GatedPixelCNN, GaussianMixture, PixelCNN, PixelCNNPlusPlus, PixelRNN]
VERBS = ["log_likelihood", "bits_per_dim", "complete", "generate", "export_signatures"]


@functools.cache
def make_model(name, **arguments):
    """A small model whose weights are large enough for every connection to count."""
    if name == "mixture":
        model = GaussianMixture(SHAPE, 2, "diagonal", num_levels=NUM_LEVELS, seed=0)
        model.fit(images(64), epochs=2, verbose=0)
        return model
    model = GatedPixelCNN(
        SHAPE, NUM_LEVELS, num_blocks=1, filters=4, first_kernel_size=3, **arguments
    )
    rng = np.random.default_rng(0)
    for variable in model.network.trainable_variables:
        variable.assign(0.5 * rng.standard_normal(variable.shape))
    return model


def images(num, seed=0):
    rng = np.random.default_rng(seed)
    return grey_values(NUM_LEVELS)[rng.integers(0, NUM_LEVELS, (num, *SHAPE))]


@pytest.fixture(params=["mixture", "pixels"])
def model(request):
    return make_model(request.param)


@pytest.mark.eager
def test_all_have_the_verbs_with_equal_arguments():
    for cls, verb in ((cls, verb) for cls in CLASSES for verb in VERBS):
        expected = inspect.signature(getattr(LikelihoodModel, verb))
        assert inspect.signature(getattr(cls, verb)) == expected, (cls, verb)
    assert {*inspect.signature(LikelihoodModel.generate).parameters} <= {
        "num_samples",
        *inspect.signature(LikelihoodModel.complete).parameters,
    }


@pytest.mark.eager
@pytest.mark.parametrize("value", [1.0, 1 / 3])
def test_bright_float_images_of_a_given_range(model, value):
    """Those without a value under 0 are refused unless their range is given."""
    x = np.full((2, *SHAPE), value, "float32")
    x[:, 0] = 1.0
    grey = np.floor(x * 127.5 + 128).astype("uint8")
    mask = np.ones(SHAPE[:2], bool)
    mask[-1, -1] = False
    for call in (
        model.log_likelihood,
        model.bits_per_dim,
        functools.partial(model.complete, mask=mask, seed=0),
        functools.partial(model.fit, verbose=0),
    ):
        with pytest.raises(ValueError, match=r"`value_range=\(-1, 1\)` for bright"):
            if not hasattr(model, "optimizer") or model.optimizer is None:
                model.compile()
            call(x)
    given = {"value_range": (-1, 1)}
    for verb in (model.log_likelihood, model.bits_per_dim):
        np.testing.assert_allclose(verb(x, **given), verb(grey), rtol=1e-5)
    np.testing.assert_array_equal(
        model.complete(x, mask, seed=0, **given), model.complete(grey, mask, seed=0)
    )
    # Another range than [-1, 1].
    np.testing.assert_allclose(
        model.log_likelihood((x + 1) / 2, value_range=(0, 1)),
        model.log_likelihood(grey),
        rtol=1e-5,
    )
    np.testing.assert_array_equal(
        model.complete((x + 1) / 2, mask, seed=0, value_range=(0, 1)),
        model.complete(grey, mask, seed=0),
    )


@pytest.mark.eager
def test_hidden_values_may_be_any(model):
    x = (images(3) / 127.5 - 1).astype("float32")
    x[:, 0, 0] = -1.0
    mask = np.ones(SHAPE, bool)
    mask[1:] = False
    hidden = x.copy()
    hidden[:, 1:] = np.reshape([np.nan, np.inf, 1e9, 0.123], (4, 1))
    expected = model.complete(x, mask, seed=2)
    np.testing.assert_array_equal(model.complete(hidden, mask, seed=2), expected)
    hidden[0, 0, 0] = np.nan
    with pytest.raises(ValueError, match="in sample 0"):
        model.complete(hidden, mask, seed=2)


@pytest.mark.eager
def test_float16_images_lie_on_levels_to_their_precision():
    levels = np.arange(256, dtype="uint8").reshape(4, 8, 8, 1)
    model = PixelCNN((8, 8, 1), num_blocks=1, filters=2, first_kernel_size=3)
    expected = model.log_likelihood(levels)
    half = levels.astype("float16")
    for x, given in (
        (half / np.float16(127.5) - np.float16(1), {}),
        (half / np.float16(255), {"value_range": (0, 1)}),
        ((levels / 255 * 0.3).astype("float16"), {"value_range": (0, 0.3)}),
        (half, {"value_range": (0, 255)}),
    ):
        assert x.dtype == np.float16
        x[0, 0, 0, 0] = 0 if given else -1
        np.testing.assert_allclose(model.log_likelihood(x, **given), expected, 1e-5)
    with pytest.raises(ValueError, match="256 evenly spaced levels"):
        model.log_likelihood(np.clip((levels + 0.4) / 127.5 - 1, -1, 1).astype("f2"))


@pytest.mark.eager
def test_draws_do_not_depend_on_their_number_or_on_batches(model):
    x, mask = images(3), np.zeros(SHAPE, bool)
    mask[0] = True
    many = model.complete(x, mask, seed=1, num_draws=5)
    assert many.shape == (3, 5, *SHAPE)
    few = model.complete(x[:2], mask, seed=1, num_draws=2, batch_size=3)
    np.testing.assert_array_equal(few, many[:2, :2])
    np.testing.assert_array_equal(model.complete(x, mask, seed=1), many[:, 0])
    # No draw is another's, neither of the same image nor of the next.
    alike = np.concatenate([x[:1], x[:1]])
    drawn = model.complete(alike, mask, seed=1, num_draws=40).reshape(80, -1)
    assert len(np.unique(drawn, axis=0)) > 60
    np.testing.assert_array_equal(
        model.generate(7, seed=1), model.generate(40, seed=1, batch_size=16)[:7]
    )


@pytest.mark.eager
def test_batches_are_padded_to_few_sizes():
    model, sizes = make_model("pixels"), []
    own = model.compiled_function

    def record(name, *arguments):
        compiled = own(name, *arguments)

        def call(*tensors):
            sizes.append((name, max(np.shape(t)[0] for t in tensors if np.ndim(t))))
            return compiled(*tensors)

        return call

    model.compiled_function = record
    try:
        for num in (3, 4, 5, 7):
            x = images(num)
            assert model.generate(num, seed=0).shape == (num, *SHAPE)
            assert model.complete(x, np.ones(SHAPE, bool), seed=0).shape == x.shape
            assert model.log_likelihood(x).shape == (num,)
        assert {*sizes} == {
            (name, size)
            for name in ("sample", "complete", "log_prob")
            for size in (4, 8)
        }
        sizes.clear()
        model.generate(7, seed=0, batch_size=6)
        assert sizes == [("sample", 6)] * 2
    finally:
        del model.compiled_function


@pytest.mark.eager
def test_use_ema_chooses_the_weights():
    model = make_model("pixels", ema_decay=0.9)
    for variable in model.moving_average.network.variables:
        variable.assign(0 * variable)
    x, mask = images(16), np.zeros(SHAPE, bool)
    np.testing.assert_allclose(model.bits_per_dim(x), 2.0, atol=1e-6)
    own = model.bits_per_dim(x, use_ema=False)
    assert np.abs(own - 2.0).max() > 0.1
    assert model.log_likelihood(x, use_ema=False).mean() == pytest.approx(
        -own.mean() * 12 * np.log(2)
    )
    drawn = [
        model.complete(x, mask, seed=0, use_ema=use_ema) for use_ema in (True, False)
    ]
    assert (drawn[0] != drawn[1]).any()


@pytest.mark.eager
def test_evaluation_is_of_the_moving_average():
    """As `bits_per_dim` is; after `fit` as in it."""
    model = GatedPixelCNN(SHAPE, NUM_LEVELS, 1, 4, first_kernel_size=3, ema_decay=0.9)
    model.compile(keras.optimizers.Adam(0.1))
    x = images(16)
    history = model.fit(x[:8], epochs=2, validation_data=x[8:], verbose=0).history
    expected = model.bits_per_dim(x[8:]).mean()
    found = model.evaluate(x[8:], verbose=0, return_dict=True)["bits_per_dim"]
    assert found == pytest.approx(expected, rel=1e-6)
    assert history["val_bits_per_dim"][-1] == pytest.approx(expected, rel=1e-6)
    own = model.bits_per_dim(x[8:], use_ema=False).mean()
    assert own != pytest.approx(expected, rel=1e-3)


@pytest.mark.eager
def test_floats_a_little_off_their_levels_are_read_as_those_levels():
    """What they are off by must not tell what follows."""
    model, x = make_model("pixels"), images(8)
    exact = (np.round(x / 85) * 2 / 3 - 1).astype("float32")
    signs = np.random.default_rng(1).choice([-1, 1], x.shape)
    near = np.clip(exact + 6e-4 * signs, -1, 1).astype("float32")
    expected = model.log_likelihood(x)
    for floats in (exact, near):
        np.testing.assert_array_equal(model.log_likelihood(floats), expected)
    model.compile()
    terms = [model.evaluate(part, verbose=0) for part in (near, x)]
    assert terms[0] == terms[1]


@pytest.mark.eager
def test_labels_and_seeds_that_do_not_fit(model):
    x, mask = images(3), np.ones(SHAPE, bool)
    for call in (
        lambda **arguments: model.log_likelihood(x, **arguments),
        lambda **arguments: model.bits_per_dim(x, **arguments),
        lambda **arguments: model.complete(x, mask, **arguments),
    ):
        with pytest.raises(ValueError, match="unconditional: expected labels=None"):
            call(labels=[0, 1, 1])
        with pytest.raises(ValueError, match="Received: seed=-1"):
            call(seed=-1)
        with pytest.raises(ValueError, match="two finite numbers"):
            call(value_range=(1, 0))


@pytest.mark.eager
def test_calls_and_predictions():
    x = images(5)
    mixture, pixels = make_model("mixture"), make_model("pixels")
    levels = np.round(x / 85).reshape(5, -1)
    expected = mixture.mixture.log_likelihood(levels + 0.5)
    as_float = (levels.reshape(x.shape) * (2 / 3) - 1).astype("float32")
    for found in (
        ops.convert_to_numpy(mixture(x)),
        ops.convert_to_numpy(mixture(as_float)),
        mixture.predict(x, batch_size=2, verbose=0),
    ):
        np.testing.assert_allclose(found, expected, rtol=1e-4)
    parameters = pixels.predict(x, batch_size=2, verbose=0)
    assert parameters.shape == (5, *SHAPE, NUM_LEVELS)
    np.testing.assert_allclose(
        parameters, ops.convert_to_numpy(pixels(x)), rtol=1e-4, atol=1e-5
    )


def test_what_is_served_is_the_likelihood(model):
    x = images(5)
    served = model.export_signatures()["log_likelihood"]
    assert {*served.inputs} == {"images"}
    found = model.compiled_function(
        "served", lambda images: served.fn(images=images)["log_likelihood"]
    )(x)
    np.testing.assert_allclose(
        ops.convert_to_numpy(found), model.log_likelihood(x), rtol=1e-4
    )
