"""Ctrl-C at any instant: it is heeded, and the model is whole after it."""

import itertools
import os
import signal
import sys
import threading

import keras
import numpy as np
import pytest
from keras.src.callbacks import callback_list

import kerasgen
from tests.models.tiny_vae import SHAPE, make_vae

pytestmark = pytest.mark.usefixtures("takes_interrupts")
GOOD = np.random.RandomState(0).uniform(-1, 1, (8, *SHAPE)).astype("float32")


def is_whole(model):
    return all(np.isfinite(w).all() for w in model.get_weights())


class Interrupted(kerasgen.models.VAE):
    """Ctrl-C comes while its first step is traced, or computed."""

    def training_step(self, batch, noise):
        signal.raise_signal(signal.SIGINT)
        super().training_step(batch, noise)


def test_an_interrupt_in_a_step():
    vae = make_vae()
    vae = Interrupted(vae.encoder, vae.decoder, seed=1)
    vae.compile(keras.optimizers.Adam(1e-2))
    with pytest.raises(KeyboardInterrupt):
        vae.fit(GOOD, verbose=0)
    assert is_whole(vae)
    # JAX, whose step takes the arrays with it, finishes it before.
    is_done = keras.backend.backend() == "jax"
    assert steps_of(vae) == is_done


@pytest.mark.parametrize("verb", ["fit", "evaluate", "predict"])
@pytest.mark.parametrize("has_started", [False, True])
def test_an_interrupt_while_the_reader_is_started(monkeypatch, verb, has_started):
    vae = make_vae()
    start = threading.Thread.start

    def interrupted(thread):
        if thread.name != "kerasgen read ahead":
            return start(thread)
        if has_started:
            start(thread)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", interrupted)
        with pytest.raises(KeyboardInterrupt):
            getattr(vae, verb)(GOOD, verbose=0)
    assert is_whole(vae)
    vae.fit(GOOD, verbose=0)


def test_no_interrupt_is_lost_where_keras_reads_logs(monkeypatch):
    """Keras drops what is raised there, and a step may be waited for: not here."""
    given = []
    pythonify = callback_list.python_utils.pythonify_logs

    def recorded(logs):
        if threading.current_thread() is threading.main_thread():
            given.extend((logs or {}).values())
        return pythonify(logs)

    monkeypatch.setattr(callback_list.python_utils, "pythonify_logs", recorded)
    vae = make_vae()
    callback = keras.callbacks.LambdaCallback(on_test_batch_end=lambda batch, logs: 0)
    options = {"callbacks": [callback], "batch_size": 4, "verbose": 2}
    vae.fit(GOOD, validation_data=GOOD, epochs=2, **options)
    vae.evaluate(GOOD, **options)
    assert len(given) > 20 and not any(map(keras.ops.is_tensor, given))


@pytest.fixture(scope="module")
def trained():
    """For tests that leave it whole: each one proves that it trains on."""
    vae = make_vae()
    vae.fit(GOOD, validation_data=GOOD, batch_size=8, verbose=0)
    return vae


def steps_of(model):
    return int(keras.ops.convert_to_numpy(model.training_steps))


class ThrownAway:
    """What comes as it is thrown away, where Python drops what is raised."""

    def __init__(self, happens=lambda: signal.raise_signal(signal.SIGINT)):
        self.happens = happens

    def __del__(self):
        self.happens()


class DropOne(keras.callbacks.Callback):
    """Drops an interrupt at the first event of a kind, and counts batches."""

    def __init__(self, event):
        super().__init__()
        self.num_batches = 0
        self.is_dropped = False
        for part in ("train", "test", "predict"):
            begin = f"on_{part}_batch_begin"
            setattr(self, begin, lambda *_, **logs: self.count())
            hook = event.format(part)
            after = getattr(self, hook) if hook == begin else lambda *_, **logs: None
            setattr(self, hook, lambda *_, after=after, **logs: (after(), self.drop()))

    def count(self):
        self.num_batches += 1

    def drop(self):
        if not self.is_dropped:
            self.is_dropped = True
            ThrownAway()


@pytest.mark.parametrize("verb", ["fit", "evaluate", "predict"])
@pytest.mark.parametrize("event", ["on_{}_begin", "on_{}_batch_begin"])
def test_an_interrupt_that_python_drops_is_heeded(trained, verb, event):
    callback = DropOne(event)
    hook = sys.unraisablehook
    with pytest.raises(KeyboardInterrupt):
        getattr(trained, verb)(
            np.repeat(GOOD, 4, axis=0), batch_size=8, verbose=0, callbacks=[callback]
        )
    # Some backends read a batch after it has begun.
    assert callback.is_dropped and callback.num_batches <= 1
    assert sys.unraisablehook is hook
    assert is_whole(trained)
    trained.fit(GOOD, verbose=0)


@pytest.mark.parametrize("verb", ["fit", "evaluate", "predict"])
def test_an_interrupt_that_python_drops_at_the_end_is_heeded(trained, verb):
    with pytest.raises(KeyboardInterrupt):
        getattr(trained, verb)(GOOD, verbose=0, callbacks=[DropOne("on_{}_end")])
    trained.fit(GOOD, verbose=0)


def test_an_interrupt_dropped_in_em_is_heeded():
    mixture = kerasgen.models.GaussianMixture((3,), num_components=2, seed=0)
    samples = np.random.RandomState(0).normal(size=(50, 3))
    callback = DropOne("on_{}_batch_begin")
    with pytest.raises(KeyboardInterrupt):
        mixture.fit(samples, epochs=5, tolerance=0, callbacks=[callback], verbose=0)
    assert callback.num_batches == 1


def test_an_interrupt_dropped_within_another_verb_is_raised_once(trained):
    raised = []

    def evaluate(epoch, logs):
        try:
            trained.evaluate(GOOD, verbose=0, callbacks=[DropOne("on_{}_end")])
        except KeyboardInterrupt as error:
            raised.append(error)

    callback = keras.callbacks.LambdaCallback(on_epoch_end=evaluate)
    history = trained.fit(GOOD, epochs=2, callbacks=[callback], verbose=0)
    assert len(raised) == len(history.epoch) == 2


def test_an_interrupt_that_a_callback_takes_is_its_own(trained):
    def stop(batch, logs):
        try:
            signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt:
            trained.stop_training = True

    callback = keras.callbacks.LambdaCallback(on_train_batch_end=stop)
    history = trained.fit(GOOD, epochs=9, callbacks=[callback], verbose=0)
    assert len(history.epoch) == 1


def test_what_else_python_drops_is_reported_as_before(trained, monkeypatch):
    reported = []
    monkeypatch.setattr(sys, "unraisablehook", lambda u: reported.append(u.exc_type))
    callback = keras.callbacks.LambdaCallback(
        on_train_begin=lambda logs: ThrownAway(lambda: 1 / 0)
    )
    trained.fit(GOOD, callbacks=[callback], verbose=0)
    assert reported == [ZeroDivisionError]


def test_training_in_another_thread_keeps_no_interrupts(trained):
    hook, seen = sys.unraisablehook, []
    callback = keras.callbacks.LambdaCallback(
        on_train_begin=lambda logs: seen.append(sys.unraisablehook)
    )
    options = {"callbacks": [callback], "verbose": 0}
    thread = threading.Thread(target=trained.fit, args=(GOOD,), kwargs=options)
    thread.start()
    thread.join()
    assert seen == [hook] and sys.unraisablehook is hook


@pytest.mark.slow
@pytest.mark.parametrize("verb", ["fit", "validate", "predict"])
def test_an_interrupt_at_any_instant(verb):
    vae = make_vae()
    runs = {
        "fit": lambda: vae.fit(GOOD, epochs=1_000_000, verbose=0),
        "validate": lambda: vae.fit(
            GOOD, validation_data=GOOD, epochs=1_000_000, verbose=2
        ),
        "predict": lambda: vae.predict(itertools.repeat(GOOD), verbose=0),
    }
    vae.fit(GOOD, validation_data=GOOD, verbose=0)
    vae.predict(GOOD, verbose=0)
    for seconds in np.random.default_rng(0).uniform(0, 0.1, 200):
        is_over = threading.Event()
        thread = threading.Thread(target=interrupt, args=(float(seconds), is_over))
        with pytest.raises(KeyboardInterrupt):
            thread.start()
            runs[verb]()
        is_over.set()
        thread.join()
        assert is_whole(vae)


def interrupt(seconds, is_over):
    """Again after a while: Keras drops one that comes as it makes numbers of logs."""
    while not is_over.wait(seconds):
        os.kill(os.getpid(), signal.SIGINT)
        seconds = 10.0
