"""A callback uses the model by another name than `self.model`, which JAX's Keras fills.

In the middle of `fit` JAX's variables are empty until somebody asks for them.
"""

import keras
import numpy as np
import pytest

from tests.models.tiny_vae import SHAPE, make_vae

DATA = np.random.RandomState(0).uniform(-1, 1, (32, *SHAPE)).astype("float32")
OPTIONS = {"batch_size": 8, "epochs": 2, "verbose": 0, "validation_data": DATA}
HOOKS = ("on_train_batch_begin", "on_train_batch_end", "on_test_batch_end")
READERS = (
    lambda vae, folder: vae.evaluate(DATA, verbose=0),
    lambda vae, folder: vae.test_on_batch(DATA[:8]),
    lambda vae, folder: vae.predict(DATA, verbose=0),
    lambda vae, folder: vae.predict_on_batch(DATA[:8]),
    lambda vae, folder: vae.generate(2, seed=0),
    lambda vae, folder: vae.get_weights(),
    lambda vae, folder: vae.save(folder / "vae.keras"),
    lambda vae, folder: vae.save_weights(folder / "vae.weights.h5"),
    lambda vae, folder: vae.save_to_preset(folder / "preset"),
)


@pytest.fixture(scope="module")
def expected():
    vae = make_vae()
    vae.fit(DATA, **OPTIONS)
    return vae.get_weights()


@pytest.mark.parametrize("hook", HOOKS)
def test_what_reads_the_model_leaves_training_as_it_is(hook, expected, tmp_path):
    vae = make_vae()
    calls = []

    def call(batch, logs):
        # Each verb is once the first to come upon what Keras has emptied.
        for verb in READERS[len(calls) % len(READERS) :]:
            verb(vae, tmp_path)
        calls.append(batch)

    vae.fit(DATA, callbacks=[keras.callbacks.LambdaCallback(**{hook: call})], **OPTIONS)
    assert len(calls) == 8
    assert_equal_weights(vae.get_weights(), expected)


def assert_equal_weights(found, expected):
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_array_equal(a, b)


class Compare(keras.callbacks.Callback):
    """Weights by both names are those of now."""

    def __init__(self, vae):
        super().__init__()
        self.vae = vae
        self.found = []

    def on_train_batch_end(self, batch, logs=None):
        self.found.append(self.vae.get_weights())
        assert_equal_weights(self.found[-1], self.model.get_weights())


def test_it_reads_what_was_trained_so_far():
    vae = make_vae()
    compare = Compare(vae)
    vae.fit(DATA, batch_size=8, callbacks=[compare], verbose=0)
    first, *_, last = compare.found
    assert_equal_weights(last, vae.get_weights())
    assert any((a != b).any() for a, b in zip(first, last, strict=True))


def test_weights_that_are_set_are_trained_on():
    vae = make_vae()
    first = vae.get_weights()
    callback = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: vae.set_weights(first)
    )
    vae.fit(DATA, batch_size=8, callbacks=[callback], verbose=0)
    assert_equal_weights(vae.get_weights(), first)


@pytest.mark.parametrize("hook", HOOKS)
def test_a_step_on_a_batch_counts(hook):
    vae = make_vae()
    losses = []

    def call(batch, logs):
        losses.append(vae.train_on_batch(DATA[:8], return_dict=True)["loss"])

    vae.fit(DATA, callbacks=[keras.callbacks.LambdaCallback(**{hook: call})], **OPTIONS)
    assert len(losses) == 8 and np.isfinite(losses).all()
    assert int(keras.ops.convert_to_numpy(vae.training_steps)) == 16
    assert all(np.isfinite(w).all() for w in vae.get_weights())


def test_a_step_on_a_batch_leaves_what_may_be_skipped():
    vae = make_vae()
    bad = DATA.copy()
    bad[-1] = np.nan
    callback = keras.callbacks.LambdaCallback(
        on_train_batch_begin=lambda batch, logs: vae.train_on_batch(DATA[:8])
    )
    history = vae.fit(
        bad, batch_size=8, max_skipped_steps=1, callbacks=[callback], verbose=0
    )
    assert history.history["skipped_steps"] == [1]


def test_a_model_with_averaged_weights_trains_on():
    vae = make_vae()
    vae.compile(keras.optimizers.Adam(1e-2, use_ema=True))
    for _ in range(2):
        vae.fit(DATA, batch_size=8, verbose=0)
    vae.train_on_batch(DATA[:8])
    assert all(np.isfinite(w).all() for w in vae.get_weights())
