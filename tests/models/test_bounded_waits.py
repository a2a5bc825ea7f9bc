"""What `fit` bounds of its waits for other processes."""

import keras
import numpy as np
import pytest

from kerasgen import backend, distribution, models

STEP, LOGS, VALIDATION = (
    "a training step",
    "the logs of an epoch",
    "a step of validation",
)


class Record:
    """A watch that only notes what it is told."""

    def __init__(self):
        self.noted = []

    def begin(self, what):
        self.noted.append(what)

    def end(self):
        # The end of what was ended before says nothing new.
        if self.noted and self.noted[-1] != "end":
            self.noted.append("end")

    def let_others_end(self, when):
        self.others_may_end = when

    def stop(self):
        self.noted.append("stop")


@pytest.fixture
def record(monkeypatch):
    record = Record()
    monkeypatch.setattr(distribution, "watch", lambda: record)
    monkeypatch.setattr(backend, "compiles_steps", lambda model: True)
    return record


@pytest.fixture
def noted(record):
    return record.noted


def fit(**options):
    vae = models.dense_vae((4,), latent_dim=1, hidden=(3,), seed=0)
    vae.compile("sgd")
    vae.fit(np.ones((20, 4), "float32"), batch_size=4, epochs=2, verbose=0, **options)


def test_steps_are_bounded_that_cannot_be_compiled(noted):
    """Five steps an epoch: of the first not the first two and the last.

    Of three of validation not the first, nor any after the first epoch.
    """
    fit(validation_data=np.ones((12, 4), "float32"))
    first = [STEP, "end"] * 2
    second = [STEP, "end"] * 5 + [LOGS, "end", VALIDATION, VALIDATION, "end"]
    assert noted == [*first, *second, "stop"]


def test_all_steps_are_bounded_where_nothing_is_compiled(noted, monkeypatch):
    monkeypatch.setattr(backend, "compiles_steps", lambda model: False)
    fit(validation_data=np.ones((12, 4), "float32"))
    epoch = [STEP, "end"] * 5 + [LOGS, "end", VALIDATION, VALIDATION, "end"]
    assert noted == [*epoch, *epoch, "stop"]


def test_what_compiles():
    vae = models.dense_vae((4,), latent_dim=1, hidden=(3,), seed=0)
    vae.compile("sgd", run_eagerly=True)
    assert not backend.compiles_steps(vae)
    vae.compile("sgd")
    assert backend.compiles_steps(vae) == (keras.backend.backend() != "torch")


def test_a_step_ends_where_it_is_looked_at(noted):
    fit(check_every=2)
    first = [STEP, STEP, "end"]
    second = [STEP, STEP, "end"] * 2 + [STEP, LOGS, "end"]
    assert noted == [*first, *second, "stop"]


class Stop(keras.callbacks.Callback):
    """Notes after each epoch whether others may have ended, and ends with the second.

    It stops training as EarlyStopping would, and then takes its time.
    """

    def __init__(self, record):
        super().__init__()
        self.record = record
        self.answers = []

    def on_epoch_end(self, epoch, logs=None):
        self.model.stop_training = epoch == 1
        self.answers.append(self.record.others_may_end())

    def on_train_end(self, logs=None):
        self.answers.append(self.record.others_may_end())


def test_others_may_end_once_training_is_over_or_stopped(record):
    vae = models.dense_vae((4,), latent_dim=1, hidden=(3,), seed=0)
    vae.compile("sgd")
    x = np.ones((20, 4), "float32")
    # Again: what a run has said does not outlive it.
    for epochs in (5, 5):
        stop = Stop(record)
        vae.fit(x, batch_size=4, epochs=epochs, callbacks=[stop], verbose=0)
        assert stop.answers == [False, True, True]
    stop = Stop(record)
    vae.fit(x, batch_size=4, epochs=1, callbacks=[stop], verbose=0)
    assert stop.answers == [True, True]


def test_a_fault_ends_the_watch(noted):
    x = np.ones((20, 4), "float32")
    x[9] = np.nan
    vae = models.dense_vae((4,), latent_dim=1, hidden=(3,), seed=0)
    vae.compile("sgd")
    with pytest.raises(ValueError, match="Received: NaN"):
        vae.fit((x[i : i + 4] for i in range(0, 20, 4)), verbose=0)
    assert noted[-1] == "stop"
