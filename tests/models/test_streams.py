"""Sources of unknown length: bad batches in their midst, and their end."""

import errno
import threading
import warnings

import keras
import numpy as np
import pytest

import kerasgen
from kerasgen.models.inputs import NotFiniteError
from tests.models.tiny_vae import SHAPE, make_vae

GOOD = np.random.RandomState(0).uniform(-1, 1, (8, *SHAPE)).astype("float32")


def with_nan(x):
    x[2, 3, 4] = np.nan
    return x


def disk_error(x):
    raise OSError("the disk is gone")


BAD = {
    "nan": (with_nan, NotFiniteError, "in sample 34"),
    "shape": (lambda x: x[:, :4], ValueError, r"shape=\(8, 4, 8, 1\)"),
    "range": (lambda x: x * 100, ValueError, "Received: float32 values in"),
    "dtype": (lambda x: x.astype("int64"), TypeError, "dtype=int64"),
    "other dtype": (lambda x: np.zeros(x.shape, "uint8"), TypeError, "one dtype"),
    "own error": (disk_error, OSError, "the disk is gone"),
}


def stream(change):
    for _ in range(4):
        yield GOOD
    yield change(GOOD.copy())


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_batch_in_a_stream_raises_one_type_on_every_backend(kind):
    change, error, message = BAD[kind]
    vae = make_vae()
    with pytest.raises(error, match=message) as raised:
        vae.fit(stream(change), verbose=0)
    assert raised.type is error
    assert len(str(raised.value).splitlines()) == 1
    with pytest.raises(error, match=message) as raised:
        vae.fit(GOOD, validation_data=stream(change), verbose=0)
    assert raised.type is error
    if kind != "other dtype":
        with pytest.raises(error, match=message) as raised:
            vae.evaluate(stream(change), verbose=0)
        assert raised.type is error


def test_the_model_is_whole_after_an_error():
    vae = make_vae()
    expected = vae.get_weights()
    for verb in (vae.evaluate, vae.predict):
        with pytest.raises(NotFiniteError):
            verb(stream(with_nan), verbose=0)
        assert_equal_weights(vae, expected)
    with pytest.raises(NotFiniteError):
        vae.fit(stream(with_nan), verbose=0)
    # A step is trained when it is known whether another follows.
    assert int(keras.ops.convert_to_numpy(vae.training_steps)) == 3
    vae.fit(GOOD, verbose=0)


class Broken(kerasgen.models.VAE):
    """A user's own model, whose steps raise."""

    def training_step(self, batch, noise):
        raise KeyError("a slip in training")

    def evaluation_step(self, batch, noise):
        raise KeyError("a slip in evaluation")


class SetWeights(keras.callbacks.Callback):
    """What a callback loads is what the model keeps."""

    def on_train_begin(self, logs=None):
        self.model.set_weights(changed(self.model.get_weights()))


def changed(weights):
    return [w + 1 if w.dtype.kind == "f" else w for w in weights]


@pytest.mark.parametrize("average", [False, True])
def test_the_model_is_whole_after_an_error_in_its_first_step(average):
    vae = make_vae()
    vae = Broken(vae.encoder, vae.decoder, seed=1)
    vae.compile(keras.optimizers.Adam(1e-2, use_ema=average))
    expected = vae.get_weights()
    with pytest.raises(KeyError, match="a slip in evaluation"):
        vae.evaluate(GOOD, verbose=0)
    assert_equal_weights(vae, expected)
    with pytest.raises(KeyError, match="a slip in training"):
        vae.fit(GOOD, callbacks=[SetWeights()], verbose=0)
    if not average:
        assert_equal_weights(vae, changed(expected))


def assert_equal_weights(model, expected):
    for found, value in zip(model.get_weights(), expected, strict=True):
        np.testing.assert_array_equal(found, value)


class Batches(keras.utils.PyDataset):
    """Three batches, of which none can be read after a number of reads."""

    num_reads = 0

    def __len__(self):
        return 3

    def __getitem__(self, index):
        self.num_reads += 1
        if self.num_reads > self.most_reads:
            raise OSError("the disk is gone")
        return GOOD


@pytest.mark.parametrize("most_reads", range(4, 10))
def test_the_model_is_whole_wherever_a_read_fails(most_reads):
    vae = make_vae()
    batches = Batches()
    batches.most_reads = most_reads
    with pytest.raises(OSError, match="the disk is gone"):
        vae.fit(batches, validation_data=GOOD, epochs=4, verbose=0)
    assert all(np.isfinite(w).all() for w in vae.get_weights())
    vae.fit(GOOD, verbose=0)


@pytest.mark.skipif(
    keras.backend.backend() == "torch", reason="takes one step at a time"
)
@pytest.mark.parametrize("num_good", [2, 3, 4])
def test_the_model_is_whole_after_an_error_between_the_steps_of_one_call(num_good):
    vae = make_vae()
    vae.compile(keras.optimizers.Adam(1e-2), steps_per_execution=2)
    for verb in (vae.fit, vae.evaluate):
        batches = [*[GOOD] * num_good, with_nan(GOOD.copy())]
        with pytest.raises(NotFiniteError):
            verb(iter(batches), verbose=0)
        assert all(np.isfinite(w).all() for w in vae.get_weights())


def test_an_error_is_not_replaced_by_one_that_was_only_read_ahead():
    was_read = threading.Event()

    def fail(batch, logs):
        if batch == 1:
            assert was_read.wait(60)
            raise OSError(errno.ENOSPC, "the disk is full")

    def batches():
        yield from [GOOD] * 4
        was_read.set()
        raise OSError("the data are gone")

    full_disk = keras.callbacks.LambdaCallback(on_train_batch_end=fail)
    with pytest.raises(OSError, match="the disk is full"):
        make_vae().fit(batches(), callbacks=[full_disk], verbose=0)


def test_a_stream_ends_training_after_the_epoch_in_which_it_ended():
    history, messages = fit_recorded(make_vae(), (GOOD for _ in range(4)), epochs=3)
    assert history.epoch == [0] and len(history.history["loss"]) == 1
    assert any("ended after 4 steps in epoch 1 of 3" in m for m in messages)


def test_a_stream_that_ends_with_an_epoch_starts_no_empty_one():
    vae = make_vae()
    stream = (GOOD for _ in range(4))
    history, messages = fit_recorded(vae, stream, epochs=5, steps_per_epoch=2)
    assert history.epoch == [0, 1]
    assert int(keras.ops.convert_to_numpy(vae.training_steps)) == 4
    assert any("ended after 2 of 2 steps in epoch 2 of 5" in m for m in messages)


def fit_recorded(model, *arguments, **options):
    """The history of `fit`, and the messages of its warnings."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        history = model.fit(*arguments, **options, verbose=0)
    return history, [str(w.message) for w in caught if w.category is UserWarning]


def test_a_stream_of_just_the_right_length_warns_of_nothing():
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        make_vae().fit((GOOD for _ in range(4)), epochs=2, steps_per_epoch=2, verbose=0)
