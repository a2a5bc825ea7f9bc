"""Ctrl-C at any instant: it is heeded, and the model is whole after it."""

import itertools
import os
import signal
import threading
import time

import keras
import numpy as np
import pytest
from keras.src.callbacks import callback_list

import kerasgen
from tests.models.tiny_vae import SHAPE, make_vae

pytestmark = pytest.mark.usefixtures("takes_interrupts")
drops = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
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


class InterruptedAway:
    """Ctrl-C comes as it is thrown away, where Python drops what is raised."""

    def __del__(self):
        signal.raise_signal(signal.SIGINT)


def dropped(*_, **logs):
    InterruptedAway()


def replaced(*_, **logs):
    """What becomes of Ctrl-C in the midst of a lock."""
    try:
        signal.raise_signal(signal.SIGINT)
    except KeyboardInterrupt:
        raise RuntimeError("release unlocked lock") from None


@drops
@pytest.mark.parametrize("verb", ["fit", "evaluate", "predict"])
@pytest.mark.parametrize("event", ["{}_begin", "{}_batch_begin", "{}_end"])
@pytest.mark.parametrize("interrupt", [dropped, replaced])
def test_an_interrupt_is_heeded_whatever_becomes_of_it(trained, verb, event, interrupt):
    part = {"fit": "train", "evaluate": "test"}.get(verb, verb)
    hooks = {f"on_{event.format(part)}": interrupt}
    before = steps_of(trained)
    handler = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        getattr(trained, verb)(
            np.repeat(GOOD, 8, axis=0),
            batch_size=8,
            verbose=0,
            callbacks=[keras.callbacks.LambdaCallback(**hooks)],
        )
    assert signal.getsignal(signal.SIGINT) is handler
    assert is_whole(trained)
    if "batch" in event:
        assert steps_of(trained) - before <= 1
    trained.fit(GOOD, verbose=0)


@drops
def test_an_interrupt_of_validation_is_heeded_once(trained):
    callback = keras.callbacks.LambdaCallback(on_test_begin=dropped)
    with pytest.raises(KeyboardInterrupt):
        trained.fit(GOOD, validation_data=GOOD, callbacks=[callback], verbose=0)
    trained.fit(GOOD, validation_data=GOOD, verbose=0)


@pytest.mark.parametrize("takes", ["handler", "callback"])
def test_handlers_of_others_stay(trained, takes):
    """One that raises nothing, and one that a callback sets for good."""
    told = []

    def handler(*arguments):
        told.append(arguments)

    def set_handler(*_, **logs):
        signal.signal(signal.SIGINT, handler)

    hook = keras.callbacks.LambdaCallback(
        on_train_begin=set_handler if takes == "callback" else None,
        on_train_batch_begin=lambda *_, **logs: signal.raise_signal(signal.SIGINT),
    )
    if takes == "handler":
        set_handler()
    trained.fit(np.repeat(GOOD, 2, axis=0), batch_size=8, callbacks=[hook], verbose=0)
    assert len(told) == 2
    assert signal.getsignal(signal.SIGINT) is handler


@drops
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
        thread = threading.Thread(target=interrupt, args=(float(seconds),))
        with pytest.raises(KeyboardInterrupt):
            thread.start()
            runs[verb]()
        thread.join()
        assert is_whole(vae)


def interrupt(seconds):
    time.sleep(seconds)
    os.kill(os.getpid(), signal.SIGINT)
