"""Runs that are told to end finish the step, save, and exit with 143: case R9."""

import os
import random
import shutil
import signal
import threading
import time

import keras
import pytest

from kerasgen import backend
from kerasgen.callbacks import Checkpoint
from kerasgen.callbacks.termination import Termination
from kerasgen.checkpoint import CheckpointFolder
from tests.checkpoint import script
from tests.checkpoint.helpers import (
    IMAGES,
    assert_equal_arrays,
    checkpoint_steps,
    fit,
    start,
    state_of,
)
from tests.checkpoint.test_kill import TRIALS, assert_same_run, wait_for_checkpoint


class TellToEnd(keras.callbacks.Callback):
    """Sends this process SIGTERM in the middle of a training step, or of validation."""

    def __init__(self, step, in_validation=False):
        super().__init__()
        self.step = step
        self.in_validation = in_validation

    def on_train_batch_begin(self, batch, logs=None):
        if not self.in_validation and self._steps() == self.step - 1:
            os.kill(os.getpid(), signal.SIGTERM)

    def on_test_batch_begin(self, batch, logs=None):
        if self.in_validation and self._steps() == self.step:
            os.kill(os.getpid(), signal.SIGTERM)

    def _steps(self):
        return int(backend.peek(self.model, self.model.training_steps))


@pytest.fixture
def expected(vae, used_vae, tmp_path):
    """The state after a run that nothing befell; the model is as before it."""
    fit(vae, tmp_path / "whole")
    state = state_of(vae)
    used_vae[1].load(vae)
    return state


def end_and_go_on(vae, path, teller, saved_step, expected, **validation):
    def train(*callbacks):
        saves = [*callbacks, Checkpoint(path)]
        options = {"batch_size": 8, "epochs": 2, "verbose": 0, **validation}
        vae.fit(IMAGES[:40], callbacks=saves, **options)

    with pytest.raises(SystemExit) as ended:
        train(teller)
    assert ended.value.code == 143
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    assert checkpoint_steps(path) == [saved_step]
    train()
    assert_equal_arrays(state_of(vae), expected)


@pytest.mark.parametrize("step", [1, 3, 5])
def test_the_step_is_finished_and_saved(vae, expected, tmp_path, step):
    end_and_go_on(vae, tmp_path / "run", TellToEnd(step), step, expected)


def test_validation_is_finished_and_its_epoch_saved(vae, expected, tmp_path):
    teller = TellToEnd(5, in_validation=True)
    data = {"validation_data": IMAGES[40:56]}
    end_and_go_on(vae, tmp_path / "run", teller, 5, expected, **data)


def test_a_handler_of_the_user_stays(vae, tmp_path):
    told = []
    signal.signal(signal.SIGTERM, lambda *_: told.append(True))
    try:
        fit(vae, tmp_path, TellToEnd(2))
        assert told == [True]
        assert signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
    assert checkpoint_steps(tmp_path) == [5, 10]


def test_another_thread_leaves_the_signal_alone():
    seen = []

    def train():
        termination = Termination()
        termination.begin()
        seen.append(signal.getsignal(signal.SIGTERM))
        termination.end()

    thread = threading.Thread(target=train)
    thread.start()
    thread.join()
    assert seen == [signal.SIG_DFL]


def test_a_signal_that_came_too_late_ends_the_process(tmp_path):
    process = start(script.end_too_late, tmp_path)
    process.join(300)
    assert process.exitcode == -signal.SIGTERM
    assert checkpoint_steps(tmp_path) == [8]


@pytest.fixture(scope="session")
def seldom_saved(tmp_path_factory):
    """Folder of an uninterrupted run, and its seconds after saving."""
    folder = tmp_path_factory.mktemp("seldom") / "run"
    process = start(script.train_seldom, folder)
    wait_for_checkpoint(process, folder / "vae")
    begin = time.monotonic()
    process.join(300)
    assert process.exitcode == 0
    return folder, time.monotonic() - begin


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_runs_told_to_end_at_random_instants_go_on_as_if_nothing_was(
    seldom_saved, tmp_path, record_property
):
    whole, longest = seldom_saved
    for trial in range(TRIALS):
        folder = tmp_path / str(trial)
        instants = random.Random(trial)
        while not was_told_in_fit(folder, instants, longest):
            shutil.rmtree(folder)
            longest *= 0.7
        process = start(script.train_seldom, folder)
        process.join(300)
        assert process.exitcode == 0
        assert_same_run(folder / "vae", whole / "vae")
        shutil.rmtree(folder)
    record_property("trials", TRIALS)


def was_told_in_fit(folder, instants, longest):
    process = start(script.train_seldom, folder)
    wait_for_checkpoint(process, folder / "vae")
    time.sleep(instants.uniform(0, longest))
    process.terminate()
    process.join(60)
    steps = CheckpointFolder(folder / "vae" / "checkpoints").steps()
    if steps[-1] == script.EPOCHS * 16:
        return False
    assert process.exitcode == 143
    return True
