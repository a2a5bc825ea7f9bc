"""Ctrl-C at any instant: it is heeded, and the model is whole after it."""

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
    assert int(keras.ops.convert_to_numpy(vae.training_steps)) == is_done


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


@pytest.mark.slow
@pytest.mark.parametrize("verb", ["fit", "validate", "predict"])
def test_an_interrupt_at_any_instant(verb):
    vae = make_vae()
    runs = {
        "fit": lambda: vae.fit(GOOD, epochs=1_000_000, verbose=0),
        "validate": lambda: vae.fit(
            GOOD, validation_data=GOOD, epochs=1_000_000, verbose=2
        ),
        "predict": lambda: [vae.predict(GOOD, verbose=0) for _ in range(1_000_000)],
    }
    vae.fit(GOOD, validation_data=GOOD, verbose=0)
    vae.predict(GOOD, verbose=0)
    for seconds in np.random.default_rng(0).uniform(0, 0.1, 50):
        is_over = threading.Event()
        thread = threading.Thread(target=interrupt, args=(float(seconds), is_over))
        with pytest.raises(KeyboardInterrupt):
            thread.start()
            runs[verb]()
        is_over.set()
        thread.join()
        assert is_whole(vae)


def interrupt(seconds, is_over):
    """Again after a while: Python drops an interrupt that falls into a destructor."""
    time.sleep(seconds)
    os.kill(os.getpid(), signal.SIGINT)
    while not is_over.wait(10):
        os.kill(os.getpid(), signal.SIGINT)
