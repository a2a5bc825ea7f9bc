"""`PixelCNNPlusPlus`: exact probabilities, training, samples, saving, refusals."""

import functools
import itertools
import json

import keras
import numpy as np
import pytest
from keras import ops

from kerasgen.models import PixelCNNPlusPlus

SHAPE = (3, 4, 3)
SMALL = {"num_levels": 4, "num_mixtures": 2, "filters": 6, "blocks_per_stage": 1}


def images(labels):
    """Levels 0 and 1 for one class and 2 and 3 for the other, of one hue an image."""
    rng = np.random.default_rng(0)
    levels = 2 * labels + rng.integers(0, 2, len(labels))
    levels = np.broadcast_to(levels[:, None, None, None], (len(labels), *SHAPE))
    return (levels * 85).astype("uint8")


@functools.cache
def trained():
    """A model after training, what it logged, and its weights before."""
    keras.utils.set_random_seed(0)
    model = PixelCNNPlusPlus(
        SHAPE, **SMALL, dropout=0.1, num_classes=2, ema_decay=0.9, seed=3, name="mine"
    )
    model.compile(keras.optimizers.Adam(0.01))
    before = [ops.convert_to_numpy(v) + 0 for v in model.network.trainable_variables]
    labels = np.arange(32) % 2
    history = model.fit(images(labels), labels, batch_size=16, epochs=25, verbose=0)
    return model, history.history, before


@pytest.mark.parametrize(
    "image_shape", [(3, 3, 1), pytest.param((1, 3, 3), marks=pytest.mark.slow)]
)
def test_probabilities_of_all_images_sum_to_one(image_shape):
    model = PixelCNNPlusPlus(
        image_shape, **{**SMALL, "num_levels": 2}, ema_decay=None, seed=0
    )
    rng = np.random.default_rng(0)
    for variable in model.network.trainable_variables:
        variable.assign(0.3 * rng.standard_normal(variable.shape))
    every = np.array([*itertools.product([0, 255], repeat=9)], "uint8")
    log_p = model.log_likelihood(every.reshape(-1, *image_shape))
    assert log_p.std() > 0.5
    assert abs(np.exp(log_p).sum() - 1) < 1e-5
    bits = model.bits_per_dim(every[:64].reshape(-1, *image_shape))
    np.testing.assert_allclose(bits, -log_p[:64] / (9 * np.log(2)), rtol=1e-5)


@pytest.mark.eager
def test_training_lowers_the_loss_and_moves_every_weight():
    model, history, before = trained()
    assert history["bits_per_dim"][-1] < 0.6 * history["bits_per_dim"][0]
    for variable, old in zip(model.network.trainable_variables, before, strict=True):
        assert np.abs(ops.convert_to_numpy(variable) - old).max() > 0, variable.path


@pytest.mark.eager
def test_labels_condition_the_likelihood():
    model, _, _ = trained()
    labels = np.arange(16) % 2
    x = images(labels)
    right, wrong = (model.log_likelihood(x, y) for y in (labels, 1 - labels))
    assert (right > wrong + 1).mean() > 0.7 and (right > wrong - 1).all()
    with pytest.raises(ValueError, match="expected labels"):
        model.log_likelihood(x)


@pytest.mark.slow
def test_labels_condition_samples():
    model, _, _ = trained()
    labels = np.arange(16) % 2
    samples = model.generate(16, seed=0, labels=labels)
    assert samples.shape == (16, *SHAPE) and samples.dtype == "uint8"
    assert {*np.unique(samples)} <= {0, 85, 170, 255}
    assert ((samples > 127) == labels[:, None, None, None]).mean() > 0.8
    np.testing.assert_array_equal(samples, model.generate(16, 0, labels))


@pytest.mark.slow
def test_completions_keep_what_is_given():
    model, _, _ = trained()
    labels = np.arange(4) % 2
    x = images(labels)
    mask = np.zeros(SHAPE[:2], bool)
    mask[0] = True
    found = model.complete(x, mask, seed=0, labels=labels, num_draws=4)
    assert found.shape == (4, 4, *SHAPE)
    np.testing.assert_array_equal(found[:, :, 0], np.repeat(x[:, None, 0], 4, axis=1))
    assert found[:, :, 1:].std(axis=1).max() > 0
    assert ((found > 127) == labels[:, None, None, None, None]).mean() > 0.8


@pytest.mark.eager
def test_saved_and_loaded_model_is_equal(tmp_path):
    model, _, _ = trained()
    config = model.get_config()
    assert json.loads(json.dumps(config)) == config
    assert config == {
        **SMALL,
        "image_shape": [*SHAPE],
        "dropout": 0.1,
        "num_classes": 2,
        "ema_decay": 0.9,
        "seed": 3,
        "name": "mine",
    }
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert type(loaded) is PixelCNNPlusPlus and loaded.get_config() == config
    for ours, theirs in zip(model.variables, loaded.variables, strict=True):
        np.testing.assert_array_equal(*map(ops.convert_to_numpy, (ours, theirs)))


@pytest.mark.slow
@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision(policy):
    """Few bits of the mantissa tell neither the levels nor the colours wrong."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        model = PixelCNNPlusPlus((1, 2, 3), **{**SMALL, "num_levels": 256}, seed=0)
    finally:
        keras.config.set_dtype_policy(before)
    assert model.network.compute_dtype == policy.removeprefix("mixed_")
    x = np.random.default_rng(0).integers(0, 256, (8, 1, 2, 3)).astype("uint8")
    model.compile(keras.optimizers.Adam(0.01))
    terms = model.fit(x, batch_size=8, epochs=20, verbose=0).history["bits_per_dim"]
    assert np.isfinite(terms).all() and terms[-1] < terms[0]
    assert model.generate(3, seed=0).shape == (3, 1, 2, 3)


@pytest.mark.once
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_levels": 257}, "Received: num_levels=257"),
        ({"num_mixtures": 0}, "Received: num_mixtures=0"),
        ({"filters": 0}, "Received: filters=0"),
        ({"blocks_per_stage": 0}, "Received: blocks_per_stage=0"),
        ({"dropout": 1.0}, r"in \[0, 1\). Received: dropout=1.0"),
        ({"dropout": "half"}, "Received: dropout='half'"),
        ({"num_classes": 0}, "Received: num_classes=0"),
        ({"image_shape": (4, 4, 2)}, r"Received: image_shape=\(4, 4, 2\)"),
        ({"ema_decay": 1.0}, "Received: ema_decay=1.0"),
    ],
)
def test_arguments_out_of_range(arguments, message):
    arguments = {"image_shape": (4, 4, 3), **SMALL, **arguments}
    with pytest.raises(ValueError, match=message + "$"):
        PixelCNNPlusPlus(**arguments)
