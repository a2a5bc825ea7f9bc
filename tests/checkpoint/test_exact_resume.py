"""A run resumed from any step equals the uninterrupted one: case R2."""

import keras
import numpy as np
import pytest

from kerasgen.callbacks import Checkpoint, PlayerLearningRate
from kerasgen.checkpoint import CheckpointFolder
from tests.checkpoint import script
from tests.checkpoint.helpers import (
    IMAGES,
    assert_equal_arrays,
    copy_checkpoint,
    expected_steps,
    state_of,
)


def halve(epoch, rate):
    """From the second epoch on, of the rate that it finds."""
    return rate / 2 if epoch else rate


# Callbacks act at the start of an epoch, once, however often it is resumed.
SCHEDULES = {
    "gan": lambda: PlayerLearningRate("generator", halve),
    "vae": lambda: keras.callbacks.LearningRateScheduler(halve),
}


@pytest.fixture(scope="module", params=["gan", "vae"])
def run(request, tmp_path_factory):
    """A plain run and one that saved at each step; both models start alike."""
    path = tmp_path_factory.mktemp(request.param)
    make = {"gan": script.make_gan, "vae": script.make_vae}[request.param]
    plain, saved = make(), make()
    options = {"batch_size": 8, "epochs": script.EPOCHS, "verbose": 0}
    if request.param == "vae":
        options |= {"batch_size": 16, "validation_data": IMAGES[:16]}
    schedule = SCHEDULES[request.param]
    history = plain.fit(IMAGES, callbacks=[schedule()], **options).history
    saves = Checkpoint(path, every=1, keep=1000)
    saved_history = saved.fit(IMAGES, callbacks=[schedule(), saves], **options).history
    # Keras counts optimizers in the name of a learning rate.
    assert [*saved_history.values()] == [*history.values()]
    assert_equal_arrays(state_of(saved), state_of(plain))
    # What is resumed below is the used model: nothing but the checkpoint helps it.
    return plain, state_of(plain), history, path, schedule, options


def test_a_run_resumed_from_any_step_equals_the_uninterrupted_one(run, tmp_path):
    model, expected, history, path, schedule, options = run
    steps = CheckpointFolder(path / "checkpoints").steps()
    assert len(steps) == steps[-1] == int(expected_steps(model))
    for step in steps:
        target = copy_checkpoint(path, step, tmp_path / "resumed")
        callbacks = [schedule(), Checkpoint(target)]
        resumed = model.fit(IMAGES, callbacks=callbacks, **options)
        assert_equal_arrays(state_of(model), expected)
        for name, values in resumed.history.items():
            assert values == history[name][-len(values) :], (step, name)
        steps_per_epoch = len(steps) // script.EPOCHS
        assert resumed.epoch == list(range(step // steps_per_epoch, script.EPOCHS))


class AddOne(keras.callbacks.Callback):
    """Changes a variable after the resumption."""

    def __init__(self, variable):
        super().__init__()
        self.variable = variable
        self.is_done = False

    def on_epoch_begin(self, epoch, logs=None):
        if not self.is_done:
            value = keras.ops.convert_to_numpy(self.variable)
            self.variable.assign(value + np.ones_like(value))
        self.is_done = True


@pytest.mark.parametrize("run", ["gan"], indirect=True)
def test_a_run_without_the_state_of_dropout_would_differ(run, tmp_path):
    model, expected, _, path, schedule, options = run
    seeds = [
        variable
        for variable in model.variables
        if "seed_generator_state" in variable.path
        or (variable.path.startswith("dropout") and variable.path.endswith("step"))
    ]
    assert len(seeds) == 2

    for seed in seeds:
        target = copy_checkpoint(path, 5, tmp_path / "resumed")
        callbacks = [schedule(), Checkpoint(target), AddOne(seed)]
        model.fit(IMAGES, callbacks=callbacks, **options)
        state = state_of(model)
        assert any((a != b).any() for a, b in zip(state, expected, strict=True))
