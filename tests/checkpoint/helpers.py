"""What the tests of checkpoints share."""

import multiprocessing
import os
import shutil
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

import kerasgen
from kerasgen import backend
from kerasgen.callbacks import Checkpoint
from kerasgen.checkpoint import CheckpointFolder
from tests.checkpoint import script

ROOT = Path(__file__).resolve().parent.parent.parent
IMAGES = script.IMAGES
# Children start from a process that has imported everything and computed nothing.
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["tensorflow", "tests.checkpoint.script"])


def start(function, *arguments):
    process = PROCESSES.Process(target=function, args=arguments)
    process.start()
    return process


def run_script(*arguments, **environment):
    return subprocess.run(
        [sys.executable, "-m", "tests.checkpoint.script", *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=300,
    )


def read_arrays(path):
    with np.load(path) as archive:
        return [archive[name] for name in archive]


def assert_equal_arrays(left, right):
    for a, b in zip(left, right, strict=True):
        np.testing.assert_array_equal(a, b)


def state_of(model):
    return [
        np.array(keras.ops.convert_to_numpy(variable))
        for variable in [*model.variables, *model.optimizer.variables]
    ]


def copy_checkpoint(path, step, target):
    """A run folder whose newest checkpoint is that of `step`."""
    shutil.rmtree(target, ignore_errors=True)
    name = f"checkpoints/step-{step:010d}"
    shutil.copytree(path / name, target / name)
    return target


def expected_steps(model):
    return keras.ops.convert_to_numpy(model.training_steps)


def make_vae(**changes):
    keras.utils.set_random_seed(0)
    arguments = {"latent_dim": 2, "hidden": (8,), "seed": 1, **changes}
    vae = kerasgen.models.dense_vae(script.SHAPE, **arguments)
    vae.compile(keras.optimizers.Adam(1e-2))
    return vae


def fit(model, path, *callbacks, x=IMAGES[:40], epochs=2, verbose=0, **options):
    """Two epochs of five steps by default."""
    arguments = {} if not isinstance(x, np.ndarray) else {"batch_size": 8}
    arguments |= {
        name: options.pop(name)
        for name in ("batch_size", "steps_per_epoch", "initial_epoch", "shuffle")
        if name in options
    }
    return model.fit(
        x,
        epochs=epochs,
        verbose=verbose,
        callbacks=[*callbacks, Checkpoint(path, **options)],
        **arguments,
    )


class StopAt(keras.callbacks.Callback):
    """Raises after a training step, as a kill or an error would."""

    def __init__(self, step, error=KeyboardInterrupt):
        super().__init__()
        self.step = step
        self.error = error

    def on_train_batch_end(self, batch, logs=None):
        if int(backend.peek(self.model, self.model.training_steps)) >= self.step:
            raise self.error("planned")


def interrupt(model, path, step, **options):
    with pytest.raises(KeyboardInterrupt):
        fit(model, path, StopAt(step), **options)


def checkpoint_steps(path):
    return CheckpointFolder(path / "checkpoints").steps()


class Unsized:
    """An iterable that does not know its length, and what it was asked for."""

    def __init__(self, sizes=(8, 8, 8, 8, 8)):
        self.sizes = sizes

    def __iter__(self):
        start = 0
        for size in self.sizes:
            yield IMAGES[start : start + size]
            start += size


def refused(model, path, error, match, **options):
    """Checks that `fit` refuses at its start; returns the message."""
    before = state_of(model)
    with pytest.raises(error, match=match) as raised:
        fit(model, path, **options)
    assert_equal_arrays(state_of(model), before)
    return str(raised.value)


def settings_of(model):
    class Spy(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            self.settings = kerasgen.models.run_settings.run_settings(self.model)
            raise KeyboardInterrupt

    spy = Spy()
    with pytest.raises(KeyboardInterrupt):
        model.fit(IMAGES[:40], batch_size=8, callbacks=[spy], verbose=0)
    return spy.settings
