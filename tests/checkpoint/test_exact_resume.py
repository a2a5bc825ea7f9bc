"""A run resumed from any step equals the uninterrupted one: case R2."""

import keras
import numpy as np
import pytest

from kerasgen.callbacks import Checkpoint
from kerasgen.checkpoint import CheckpointFolder
from tests.checkpoint import script
from tests.checkpoint.helpers import (
    IMAGES,
    assert_equal_arrays,
    copy_checkpoint,
    expected_steps,
    state_of,
)


@pytest.fixture(scope="module", params=["gan", "vae"])
def run(request, tmp_path_factory):
    """A plain run and one that saved at each step; both models start alike."""
    path = tmp_path_factory.mktemp(request.param)
    make = {"gan": script.make_gan, "vae": script.make_vae}[request.param]
    plain, saved = make(), make()
    options = {"batch_size": 8, "epochs": script.EPOCHS, "verbose": 0}
    if request.param == "vae":
        options |= {"batch_size": 16, "validation_data": IMAGES[:16]}
    history = plain.fit(IMAGES, **options).history
    saves = Checkpoint(path, every=1, keep=1000)
    saved_history = saved.fit(IMAGES, callbacks=[saves], **options).history
    assert saved_history == history
    assert_equal_arrays(state_of(saved), state_of(plain))
    # What is resumed below is the used model: nothing but the checkpoint helps it.
    return plain, state_of(plain), history, path, options


def test_a_run_resumed_from_any_step_equals_the_uninterrupted_one(run, tmp_path):
    model, expected, history, path, options = run
    steps = CheckpointFolder(path / "checkpoints").steps()
    assert len(steps) == steps[-1] == int(expected_steps(model))
    for step in steps:
        target = copy_checkpoint(path, step, tmp_path / "resumed")
        resumed = model.fit(IMAGES, callbacks=[Checkpoint(target)], **options)
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

    def on_train_begin(self, logs=None):
        value = keras.ops.convert_to_numpy(self.variable)
        self.variable.assign(value + np.ones_like(value))


@pytest.mark.parametrize("run", ["gan"], indirect=True)
def test_a_run_without_the_state_of_dropout_would_differ(run, tmp_path):
    model, expected, _, path, options = run
    seeds = [
        variable
        for variable in model.variables
        if "seed_generator_state" in variable.path
        or (variable.path.startswith("dropout") and variable.path.endswith("step"))
    ]
    assert len(seeds) == 2

    for seed in seeds:
        target = copy_checkpoint(path, 5, tmp_path / "resumed")
        model.fit(IMAGES, callbacks=[Checkpoint(target), AddOne(seed)], **options)
        state = state_of(model)
        assert any((a != b).any() for a, b in zip(state, expected, strict=True))
