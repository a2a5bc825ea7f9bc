"""When checkpoints are saved, and how `fit` goes on from them: case R10."""

import json
import warnings

import keras
import pytest

from kerasgen import backend
from kerasgen.callbacks import Checkpoint
from kerasgen.checkpoint import CheckpointFolder
from tests.checkpoint.helpers import (
    IMAGES,
    StopAt,
    Unsized,
    assert_equal_arrays,
    checkpoint_steps,
    copy_checkpoint,
    fit,
    interrupt,
    make_vae,
    state_of,
)


def test_saves_lie_where_asked(vae, tmp_path):
    fit(vae, tmp_path, every=2, keep=100)
    # Steps 2 and 4 of each epoch, and its end.
    assert checkpoint_steps(tmp_path) == [2, 4, 5, 7, 9, 10]
    positions = [
        json.loads(path.read_text())["position"]
        for path in sorted((tmp_path / "checkpoints").glob("*/manifest.json"))
    ]
    assert [(p["epoch"], p["epoch_step"]) for p in positions] == [
        *((0, 2), (0, 4), (1, 0), (1, 2), (1, 4), (2, 0))
    ]


class LeaveAt(keras.callbacks.Callback):
    """Lets `fit` end after a training step, as a limit of time would."""

    def __init__(self, step):
        super().__init__()
        self.step = step

    def on_train_batch_end(self, batch, logs=None):
        if int(backend.peek(self.model, self.model.training_steps)) == self.step:
            self.model.stop_training = True


@pytest.mark.parametrize("is_before", [True, False])
@pytest.mark.parametrize("every", [None, 1])
def test_a_run_that_was_stopped_within_an_epoch_goes_on_there(
    tmp_path, is_before, every
):
    model = make_vae()
    fit(model, tmp_path / "whole")
    expected = state_of(model)
    stopped, run = make_vae(), tmp_path / "run"
    callbacks = [Checkpoint(run, every=every, keep=100), LeaveAt(7)]
    data = {"batch_size": 8, "epochs": 2, "verbose": 0}
    stopped.fit(IMAGES[:40], callbacks=callbacks[:: -1 if is_before else 1], **data)
    steps = [5, 7] if every is None else [*range(1, 8)]
    assert checkpoint_steps(run) == steps
    position = CheckpointFolder(run / "checkpoints").position()
    assert position == {"step": 7, "epoch": 1, "epoch_step": 2}
    resumed = make_vae()
    assert fit(resumed, run).epoch == [1]
    assert_equal_arrays(state_of(resumed), expected)


def test_the_newest_are_kept(vae, tmp_path):
    fit(vae, tmp_path, every=1, keep=3)
    assert checkpoint_steps(tmp_path) == [8, 9, 10]


def test_a_step_of_several_executions_is_saved_once_it_is_done(tmp_path):
    if keras.backend.backend() == "torch":
        pytest.skip("Keras has no steps_per_execution on PyTorch")

    def make():
        vae = make_vae()
        vae.compile(keras.optimizers.Adam(1e-2), steps_per_execution=4)
        return vae

    data = {"x": IMAGES[:48], "batch_size": 8, "epochs": 2}
    model = make()
    model.fit(verbose=0, **data)
    expected = state_of(model)
    saved = make()
    fit(saved, tmp_path, every=3, keep=100, **data)
    assert_equal_arrays(state_of(saved), expected)
    assert checkpoint_steps(tmp_path) == [4, 6, 10, 12]
    for step in (4, 6, 10):
        target = copy_checkpoint(tmp_path, step, tmp_path / "resumed")
        fit(model, target, every=3, keep=100, **data)
        assert_equal_arrays(state_of(model), expected)
        assert checkpoint_steps(target) == [s for s in (4, 6, 10, 12) if s >= step]


def test_a_source_of_unknown_length_keeps_its_length_when_resumed(vae, tmp_path):
    fit(vae, tmp_path / "whole", x=Unsized(), epochs=3, every=1, keep=100)
    expected = state_of(vae)
    assert checkpoint_steps(tmp_path / "whole") == list(range(1, 16))
    for step in (3, 4, 5):
        target = copy_checkpoint(tmp_path / "whole", step, tmp_path / "resumed")
        fit(vae, target, x=Unsized(), epochs=3)
        assert_equal_arrays(state_of(vae), expected)


def test_the_last_step_of_an_epoch_is_saved_with_its_end(vae, used_vae, tmp_path):
    # A resumed epoch has at least one step; its validation comes after that.
    sources = {"sized": (IMAGES[:40], {"batch_size": 8}), "unsized": (Unsized(), {})}
    for name, (x, options) in sources.items():
        used_vae[1].load(vae)
        callbacks = [Checkpoint(tmp_path / name, every=1), StopAt(5)]
        with pytest.raises(KeyboardInterrupt):
            vae.fit(x, verbose=0, callbacks=callbacks, **options)
        assert checkpoint_steps(tmp_path / name) == [3, 4]


def test_a_stream_goes_on_where_the_epochs_before_ended(vae, tmp_path):
    def stream():
        return (IMAGES[i : i + 4] for i in range(0, 60, 4))

    options = {"steps_per_epoch": 5, "epochs": 3}
    fit(vae, tmp_path / "whole", x=stream(), every=1, keep=100, **options)
    expected = state_of(vae)
    for step in (3, 5, 12):
        target = copy_checkpoint(tmp_path / "whole", step, tmp_path / "resumed")
        fit(vae, target, x=stream(), **options)
        assert_equal_arrays(state_of(vae), expected)


def test_a_generator_that_ends_early_is_still_saved(vae, tmp_path):
    batches = (IMAGES[:8] for _ in range(8))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        fit(vae, tmp_path, x=batches, steps_per_epoch=5, epochs=4)
    messages = [str(warning.message) for warning in caught]
    assert any("after 3 of 5 steps in epoch 2" in message for message in messages)
    assert checkpoint_steps(tmp_path) == [5, 8]
    before = state_of(vae)
    assert CheckpointFolder(tmp_path / "checkpoints").load(vae)["epoch"] == 2
    assert_equal_arrays(state_of(vae), before)


def test_a_stream_that_ends_before_the_checkpoint_is_refused(vae, tmp_path):
    batches = (IMAGES[:8] for _ in range(5))
    fit(vae, tmp_path, x=batches, steps_per_epoch=5, epochs=1)
    before = state_of(vae)
    with pytest.raises(ValueError, match="beyond step 0 of epoch 2"):
        fit(vae, tmp_path, x=(IMAGES[:8] for _ in range(5)), steps_per_epoch=5)
    assert_equal_arrays(state_of(vae), before)


def test_a_fit_that_raised_leaves_nothing_behind(vae, tmp_path):
    interrupt(vae, tmp_path, step=7, epochs=3, every=1)
    interrupt(vae, tmp_path, step=9, epochs=3, every=1)
    assert vae._initial_epoch is None
    folder = CheckpointFolder(tmp_path / "checkpoints")
    folder.open()
    folder.close()


def test_a_second_fit_in_the_same_process_resumes(vae, used_vae, tmp_path):
    fit(vae, tmp_path / "whole", epochs=3)
    expected = state_of(vae)
    used_vae[1].load(vae)
    interrupt(vae, tmp_path / "run", step=7, epochs=3, every=1)
    assert fit(vae, tmp_path / "run", epochs=3, every=1).epoch == [1, 2]
    assert_equal_arrays(state_of(vae), expected)
    history = vae.fit(IMAGES[:8], batch_size=8, verbose=0)
    assert history.epoch == [0]


def test_resuming_a_finished_run_does_nothing_and_says_so(vae, tmp_path, capsys):
    fit(vae, tmp_path)
    expected = state_of(vae)
    files = sorted((tmp_path / "checkpoints").rglob("*.*"))
    contents = [
        path.read_bytes() for path in files if path.parent.name != "checkpoints"
    ]
    vae.set_weights([w * 0 for w in vae.get_weights()])
    history = fit(vae, tmp_path, verbose=2)
    assert history.epoch == []
    assert "Nothing to train" in capsys.readouterr().out
    assert_equal_arrays(state_of(vae), expected)
    assert contents == [
        path.read_bytes() for path in files if path.parent.name != "checkpoints"
    ]
    assert fit(vae, tmp_path, epochs=3, verbose=2).epoch == [2]
    assert "2 epoch(s) and 0 step(s) are done" in capsys.readouterr().out


def test_a_run_that_starts_anew_replaces_the_old_one(vae, used_vae, tmp_path):
    fit(vae, tmp_path, every=1, keep=3)
    used_vae[1].load(vae)
    interrupt(vae, tmp_path, step=2, every=1, keep=3, resume=False)
    # Saved at step 1; the steps of the old run are gone.
    assert checkpoint_steps(tmp_path) == [1]
