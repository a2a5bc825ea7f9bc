"""Exact resume, atomic saves and refusals: cases R1-R8, R10, R11, N1, N13 and W1."""

import errno
import json
import multiprocessing
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path

import keras
import numpy as np
import pytest

import kerasgen
from kerasgen import backend
from kerasgen.callbacks import Checkpoint
from kerasgen.checkpoint import CheckpointError, CheckpointFolder
from kerasgen.files import remove_orphans, write_atomically
from tests import checkpoint_script as script

ROOT = Path(__file__).resolve().parent.parent
IMAGES = script.IMAGES
# Children start from a process that has imported everything and computed nothing.
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["tensorflow", "tests.checkpoint_script"])


def start(function, *arguments):
    process = PROCESSES.Process(target=function, args=arguments)
    process.start()
    return process


def run_script(*arguments, **environment):
    return subprocess.run(
        [sys.executable, "-m", "tests.checkpoint_script", *map(str, arguments)],
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


# Exact resume.


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


def expected_steps(model):
    return keras.ops.convert_to_numpy(model.training_steps)


class AddOne(keras.callbacks.Callback):
    """Changes a variable after the resumption."""

    def __init__(self, variable):
        super().__init__()
        self.variable = variable

    def on_train_begin(self, logs=None):
        value = keras.ops.convert_to_numpy(self.variable)
        self.variable.assign(value + np.ones_like(value))


def test_a_run_without_the_state_of_dropout_would_differ(run, tmp_path):
    model, expected, _, path, options = run
    seeds = [
        variable
        for variable in model.variables
        if "seed_generator_state" in variable.path
        or (variable.path.startswith("dropout") and variable.path.endswith("step"))
    ]
    if not seeds:
        pytest.skip("this model has no dropout")
    assert len(seeds) == 2

    for seed in seeds:
        target = copy_checkpoint(path, 5, tmp_path / "resumed")
        model.fit(IMAGES, callbacks=[Checkpoint(target), AddOne(seed)], **options)
        state = state_of(model)
        assert any((a != b).any() for a, b in zip(state, expected, strict=True))


@pytest.fixture(scope="session")
def reference(tmp_path_factory):
    """Folder of an uninterrupted run of the script, and its seconds after saving."""
    folder = tmp_path_factory.mktemp("reference") / "run"
    process = start(script.train, folder)
    wait_for_checkpoint(process, folder / "gan")
    begin = time.monotonic()
    process.join(300)
    assert process.exitcode == 0
    return folder, time.monotonic() - begin


def wait_for_checkpoint(process, folder):
    while not any((folder / "checkpoints").glob("step-*")) and process.is_alive():
        time.sleep(0.005)


def run_trial(trial, folder, reference, num_kills):
    """Kills the script at random instants, lets it finish, compares the runs."""
    expected, longest = reference
    instants = random.Random(trial)
    while not was_killed(folder, instants, longest, num_kills):
        # It was faster than the reference, and done before its end.
        shutil.rmtree(folder)
        longest *= 0.7
    process = start(script.train, folder)
    process.join(300)
    assert process.exitcode == 0
    for kind in ("gan", "vae"):
        assert_same_run(folder / kind, expected / kind)


def was_killed(folder, instants, longest, num_kills):
    """Whether a run met its end so many times before it was done."""
    for _ in range(num_kills):
        process = start(script.train, folder)
        wait_for_checkpoint(process, folder / "gan")
        time.sleep(instants.uniform(0, longest))
        process.kill()
        process.join()
        if process.exitcode == 0:
            return False
        assert process.exitcode == -signal.SIGKILL
        assert CheckpointFolder(folder / "gan" / "checkpoints").position() is not None
    return True


def assert_same_run(folder, expected):
    state = sorted((expected / "checkpoints").glob("step-*"))[-1] / "state.npz"
    names = [state.relative_to(expected), "weights.npz"]
    for name in names:
        assert_equal_arrays(read_arrays(folder / name), read_arrays(expected / name))
    logs = sorted((expected / "logs").glob("*.json"))
    assert len(logs) == script.EPOCHS
    for path in logs:
        assert json.loads((folder / "logs" / path.name).read_text()) == json.loads(
            path.read_text()
        )
    assert not list(folder.rglob(".tmp-kerasgen-*"))


def test_a_run_killed_at_a_random_instant_goes_on_as_if_nothing_was(
    reference, tmp_path
):
    for trial in range(3):
        run_trial(trial, tmp_path / str(trial), reference, 1)


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_fifty_runs_killed_once_or_twice_go_on_as_if_nothing_was(reference, tmp_path):
    for trial in range(50):
        run_trial(trial, tmp_path / str(trial), reference, 1 + trial % 2)
        shutil.rmtree(tmp_path / str(trial))


# A small model, compiled once, for the rest.


def make_vae(**changes):
    keras.utils.set_random_seed(0)
    arguments = {"latent_dim": 2, "hidden": (8,), "seed": 1, **changes}
    vae = kerasgen.models.dense_vae(script.SHAPE, **arguments)
    vae.compile(keras.optimizers.Adam(1e-2))
    return vae


@pytest.fixture(scope="module")
def used_vae(tmp_path_factory):
    vae = make_vae()
    folder = CheckpointFolder(tmp_path_factory.mktemp("initial"))
    folder.save(vae, {"step": 0})
    return vae, folder


@pytest.fixture
def vae(used_vae):
    used_vae[1].load(used_vae[0])
    return used_vae[0]


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


class Unsized:
    """An iterable that does not know its length, and what it was asked for."""

    def __init__(self, sizes=(8, 8, 8, 8, 8)):
        self.sizes = sizes

    def __iter__(self):
        start = 0
        for size in self.sizes:
            yield IMAGES[start : start + size]
            start += size


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


# One unit on disk.


def test_a_checkpoint_is_state_and_manifest_of_one_step(vae, tmp_path):
    folder = CheckpointFolder(tmp_path)
    path = folder.save(vae, {"step": 7, "epoch": 1})
    assert path == tmp_path / "step-0000000007"
    assert sorted(p.name for p in path.iterdir()) == ["manifest.json", "state.npz"]
    manifest = json.loads((path / "manifest.json").read_text())
    assert manifest["position"] == {"step": 7, "epoch": 1}
    assert manifest["keras"] == keras.__version__
    assert manifest["backend"] == keras.backend.backend()
    assert len(manifest["sha256"]) == 64
    assert manifest["bytes"] == (path / "state.npz").stat().st_size


def test_an_empty_or_missing_folder_has_no_checkpoint(vae, tmp_path):
    for path in (tmp_path, tmp_path / "missing"):
        folder = CheckpointFolder(path)
        assert folder.steps() == []
        assert folder.position() is None
        assert folder.load(vae) is None


def test_an_older_checkpoint_can_be_loaded(vae, tmp_path):
    folder = CheckpointFolder(tmp_path, keep=3)
    for step in (1, 2, 3):
        vae.set_weights([w * 0 + step for w in vae.get_weights()])
        folder.save(vae, {"step": step})
    assert folder.load(vae, step=2) == {"step": 2}
    assert all((w == 2).all() for w in vae.get_weights())


def test_the_same_step_is_replaced(vae, tmp_path):
    folder = CheckpointFolder(tmp_path, keep=1)
    folder.save(vae, {"step": 1, "epoch": 0})
    folder.save(vae, {"step": 1, "epoch": 1})
    assert folder.position()["epoch"] == 1
    assert [p.name for p in tmp_path.iterdir()] == ["step-0000000001"]


@pytest.mark.parametrize("policy", ["bfloat16", "mixed_float16"])
def test_other_dtypes_and_loss_scales_are_saved(policy, tmp_path):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        vae, other = make_vae(), make_vae()
    finally:
        keras.config.set_dtype_policy(before)
    for i, variable in enumerate([*vae.variables, *vae.optimizer.variables]):
        variable.assign(keras.ops.full(variable.shape, i + 1, variable.dtype))
    folder = CheckpointFolder(tmp_path)
    folder.save(vae, {"step": 1})
    folder.load(other)
    names = [v.path for v in other.optimizer.variables]
    assert any("scale" in n for n in names) == (policy == "mixed_float16")
    for ours, theirs in zip(
        [*vae.variables, *vae.optimizer.variables],
        [*other.variables, *other.optimizer.variables],
        strict=True,
    ):
        assert ours.dtype == theirs.dtype
        assert bool(keras.ops.all(ours.value == theirs.value)), ours.path


# Full disks.


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 1 MB."""
    path = tmp_path / "disk"
    path.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "kerasgen-test", path]
    try:
        subprocess.run(mount, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("mounting a tmpfs is not permitted here")
    try:
        yield path
    finally:
        subprocess.run(["umount", path], check=True)


def test_a_full_disk_ends_training_with_an_error_and_keeps_the_old(
    small_disk, tmp_path
):
    report = tmp_path / "report"
    result = run_script("fill-disk", small_disk, "tmpfs", report)
    assert result.returncode == 3, result.stderr[-2000:]
    check_full_disk(small_disk, report, errno.ENOSPC)


def test_a_limit_on_file_sizes_ends_training_with_an_error_and_keeps_the_old(tmp_path):
    report = tmp_path / "report"
    process = start(script.fill_disk, tmp_path, "rlimit", report)
    process.join(300)
    assert process.exitcode == 3
    check_full_disk(tmp_path, report, errno.EFBIG)


def check_full_disk(path, report, expected_errno):
    number, name, message = json.loads(report.read_text())
    assert number == expected_errno
    assert name == str(path / "checkpoints" / "step-0000000016")
    assert re.search(r"checkpoint of \d+ bytes .*older checkpoints are intact", message)
    folder = CheckpointFolder(path / "checkpoints")
    assert folder.steps() == [8]
    assert not list(folder.path.glob(".tmp-*"))
    assert folder.load(script.make_vae())["epoch"] == 1


def test_a_disk_that_fills_at_any_write_leaves_whole_checkpoints(vae, small_disk):
    folder = CheckpointFolder(small_disk / "a" / "checkpoints")
    folder.open()
    folder.save(vae, {"step": 1})
    filler = small_disk / "filler"
    outcomes = []
    for free_pages in range(12):
        step = 2 + free_pages
        fill(filler, free_pages)
        try:
            folder.save(vae, {"step": step})
        except OSError as error:
            outcomes.append(False)
            assert error.errno == errno.ENOSPC
            assert not list(folder.path.glob(".tmp-*"))
        else:
            outcomes.append(True)
        os.remove(filler)
        assert step in folder.steps() or not outcomes[-1]
        assert folder.load(vae)["step"] == folder.steps()[-1]
    folder.close()
    assert outcomes[0] is False and outcomes[-1] is True
    assert outcomes == sorted(outcomes)


def fill(path, free_pages):
    with pytest.raises(OSError), open(path, "wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))
    os.truncate(path, os.path.getsize(path) // 4096 * 4096 - 4096 * free_pages)


def test_a_file_that_cannot_be_written_keeps_the_old_one(small_disk):
    path = small_disk / "note"
    write_atomically(path, b"old")
    with pytest.raises(OSError, match="Could not write 2000000 bytes") as raised:
        write_atomically(path, bytes(2_000_000))
    assert raised.value.filename == str(path)
    assert path.read_bytes() == b"old"
    assert [p.name for p in small_disk.iterdir()] == ["note"]


# What a kill leaves behind.


def test_own_orphans_are_removed_and_nothing_else(vae, tmp_path):
    folder = tmp_path / "checkpoints"
    orphan = folder / ".tmp-kerasgen-0123"
    orphan.mkdir(parents=True)
    (orphan / "state.npz").write_bytes(b"half")
    (tmp_path / ".tmp-kerasgen-4567").write_bytes(b"half")
    others = [
        folder / ".tmp-other",
        folder / "step-0000000001.bak",
        tmp_path / ".tmp-other",
        tmp_path / ".tmp-kerasgen-export-89" / "saved_model.pb",
    ]
    for path in others:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"kept")
    fit(vae, tmp_path, epochs=1)
    assert not orphan.exists()
    assert not (tmp_path / ".tmp-kerasgen-4567").exists()
    assert all(path.read_bytes() == b"kept" for path in others)
    assert checkpoint_steps(tmp_path) == [5]


def test_orphans_of_files_are_removed_in_one_folder_only(tmp_path):
    inner = tmp_path / "inner"
    inner.mkdir()
    for folder in (tmp_path, inner):
        (folder / ".tmp-kerasgen-1").touch()
    remove_orphans(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["inner"]
    assert (inner / ".tmp-kerasgen-1").exists()


# Refusals, before anything is changed.


def refused(model, path, error, match, **options):
    """Checks that `fit` refuses at its start; returns the message."""
    before = state_of(model)
    with pytest.raises(error, match=match) as raised:
        fit(model, path, **options)
    assert_equal_arrays(state_of(model), before)
    return str(raised.value)


def test_a_second_run_is_told_who_holds_the_folder(vae, tmp_path):
    ready = tmp_path / "ready"
    process = start(script.hold, tmp_path / "checkpoints", ready)
    try:
        while not ready.exists():
            assert process.is_alive()
            time.sleep(0.01)
        refused(vae, tmp_path, CheckpointError, f"held by process {process.pid} on")
    finally:
        process.kill()
        process.join()
    fit(vae, tmp_path)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"hidden": (9,)}, r"model\.encoder.*units = 9.*Received: 8"),
        ({"latent_dim": 3}, r"model\.encoder.*units = 6.*Received: 4"),
        ({"beta": 2.0}, r"model\.beta = 2\.0.*Received: 1\.0"),
        ({"seed": 3}, r"model\.seed = 3.*Received: 1"),
        ({"likelihood": "gaussian"}, r"model.*= 'Gaussian.*Received: 'Bernoulli"),
    ],
)
def test_another_model_is_refused(vae, tmp_path, change, field):
    fit(vae, tmp_path, epochs=1)
    refused(make_vae(**change), tmp_path, CheckpointError, f"(?s)Expected {field}")


@pytest.mark.parametrize(
    ("optimizer", "field"),
    [
        ("SGD", r"class_name = 'SGD'.*Received: 'Adam'"),
        ("Adam", r"learning_rate = 0\.001.*Received: 0\.0099"),
    ],
)
def test_another_optimizer_is_refused(vae, tmp_path, optimizer, field):
    fit(vae, tmp_path, epochs=1)
    other = make_vae()
    other.compile(getattr(keras.optimizers, optimizer)(1e-3))
    field = rf"(?s)Expected optimizers\.vae\..*{field}"
    refused(other, tmp_path, CheckpointError, field)


def test_other_data_is_refused(vae, tmp_path):
    fit(vae, tmp_path, epochs=1)
    for options, field in (
        ({"batch_size": 4}, r"data\.batch_size = 4.*Received: 8"),
        ({"x": IMAGES[:48]}, r"data\.num_samples = 48.*Received: 40"),
        ({"shuffle": False}, r"data\.shuffle = False.*Received: True"),
        ({"steps_per_epoch": 2}, r"data\.steps_per_epoch = 2.*Received: None"),
    ):
        refused(vae, tmp_path, CheckpointError, f"Expected {field}", **options)


def test_names_that_keras_counts_do_not_matter(tmp_path):
    def make():
        z = keras.Input((2,))
        x = keras.layers.Dense(64, activation="tanh")(z)
        decoder = keras.Model(z, keras.layers.Reshape(script.SHAPE)(x))
        image = keras.Input(script.SHAPE)
        x = keras.layers.Dense(4)(keras.layers.Flatten()(image))
        vae = kerasgen.models.VAE(keras.Model(image, x), decoder, seed=1)
        vae.compile(keras.optimizers.Adam(1e-2))
        return vae

    vae, other = make(), make()
    assert vae.encoder.name != other.encoder.name
    CheckpointFolder(tmp_path / "checkpoints").save(
        vae, {"step": 10, "epoch": 2, "epoch_step": 0}, settings_of(vae)
    )
    assert fit(other, tmp_path).epoch == []


def settings_of(model):
    class Spy(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            self.settings = kerasgen.models.run_settings.run_settings(self.model)
            raise KeyboardInterrupt

    spy = Spy()
    with pytest.raises(KeyboardInterrupt):
        model.fit(IMAGES[:40], batch_size=8, callbacks=[spy], verbose=0)
    return spy.settings


def test_networks_without_a_config_are_saved_too(tmp_path):
    class Scale(keras.layers.Layer):
        def __init__(self, function):
            super().__init__()
            self.function = function

        def call(self, x):
            return self.function(x)

    z = keras.Input((2,))
    x = Scale(lambda x: 2 * x)(keras.layers.Dense(64)(z))
    decoder = keras.Model(z, keras.layers.Reshape(script.SHAPE)(x))
    image = keras.Input(script.SHAPE)
    x = keras.layers.Dense(4)(keras.layers.Flatten()(image))
    vae = kerasgen.models.VAE(keras.Model(image, x), decoder, seed=1)
    vae.compile()
    settings = settings_of(vae)
    assert settings["model"] is None
    assert settings["optimizers.vae.class_name"] == "Adam"


def test_a_rate_that_a_callback_set_is_no_other_optimizer(vae, tmp_path):
    schedule = keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate / 2)
    fit(vae, tmp_path, schedule, epochs=2)
    fit(vae, tmp_path, schedule, epochs=3)
    rate = keras.ops.convert_to_numpy(vae.optimizer["vae"].learning_rate)
    np.testing.assert_allclose(rate, 1e-2 / 8)


def test_a_path_that_is_a_file_is_refused_at_the_start_of_fit(vae, tmp_path):
    file = tmp_path / "file"
    file.write_bytes(b"kept")
    refused(vae, file, OSError, "file")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "checkpoints").touch()
    refused(vae, tmp_path / "run", NotADirectoryError, "Expected a folder.*Received")
    assert file.read_bytes() == b"kept"


def test_a_read_only_folder_is_refused_at_the_start_of_fit(vae, tmp_path, request):
    is_root = os.geteuid() == 0
    path = request.getfixturevalue("small_disk") if is_root else tmp_path
    (path / "checkpoints").mkdir()
    if is_root:
        # Root writes into folders without permission, but not to such a disk.
        subprocess.run(["mount", "-o", "remount,ro", path], check=True)
    else:
        (path / "checkpoints").chmod(0o500)
        path.chmod(0o500)
    refused(vae, path / "run", OSError, "run")
    refused(vae, path, PermissionError, "Expected a writable folder.*Received")


@pytest.mark.parametrize("every", [0, -1, 2.5, True, "5"])
def test_a_bad_interval_is_refused(every):
    with pytest.raises(ValueError, match="every.*Received"):
        Checkpoint("unused", every=every)


@pytest.mark.parametrize("keep", [0, -1, 1.5, True, None])
def test_a_bad_number_to_keep_is_refused(keep):
    with pytest.raises(ValueError, match="keep.*Received"):
        Checkpoint("unused", keep=keep)
    assert not Path("unused").exists()


# Damage.


def test_a_flipped_bit_is_found_before_the_model_is_touched(vae, tmp_path):
    fit(vae, tmp_path, epochs=1)
    path = tmp_path / "checkpoints" / "step-0000000005"
    digests = r"sha256 (\w{64})\. Received: .*sha256 (\w{64})"
    flips = random.Random(0)
    for name in ("state.npz", "manifest.json"):
        whole = (path / name).read_bytes()
        for _ in range(20):
            damaged = bytearray(whole)
            damaged[flips.randrange(len(whole))] ^= 1 << flips.randrange(8)
            (path / name).write_bytes(damaged)
            message = refused(vae, tmp_path, CheckpointError, "step-0000000005")
            if name == "state.npz":
                expected, received = re.search(digests, message).groups()
                assert expected != received
        (path / name).write_bytes(whole)
    assert fit(vae, tmp_path, epochs=1).epoch == []


@pytest.mark.parametrize("name", ["state.npz", "manifest.json"])
def test_a_cut_or_missing_file_is_found(vae, tmp_path, name):
    folder = CheckpointFolder(tmp_path)
    path = folder.save(vae, {"step": 1}) / name
    whole = path.read_bytes()
    before = state_of(vae)
    for content in (whole[: len(whole) // 2], b"", b"<html>", b"[]", b"{}"):
        path.write_bytes(content)
        with pytest.raises(CheckpointError, match="(?s)Expected.*Received"):
            folder.load(vae)
    path.unlink()
    with pytest.raises(CheckpointError, match="(?s)Expected.*Received"):
        folder.load(vae)
    assert_equal_arrays(state_of(vae), before)


def test_a_newer_format_is_refused_by_number(vae, tmp_path):
    folder = CheckpointFolder(tmp_path)
    path = folder.save(vae, {"step": 1}) / "manifest.json"
    manifest = json.loads(path.read_text())
    path.write_text(json.dumps({**manifest, "format": 2}))
    with pytest.raises(CheckpointError, match="update kerasgen.*format 2"):
        folder.load(vae)


# Numbers that are not finite.


class Plant(keras.callbacks.Callback):
    """Makes a weight NaN after a training step."""

    def __init__(self, step):
        super().__init__()
        self.step = step

    def on_train_batch_end(self, batch, logs=None):
        if int(backend.peek(self.model, self.model.training_steps)) == self.step:
            backend.sync(self.model)
            # The last: on TensorFlow a relu may turn NaN into 0.
            kernel = self.model.decoder.trainable_variables[-1]
            kernel.assign(keras.ops.full(kernel.shape, float("nan")))


@pytest.mark.parametrize("every", [1, None])
def test_nan_stops_training_and_spares_the_last_finite_checkpoint(vae, tmp_path, every):
    fit(vae, tmp_path / "whole")
    expected = state_of(vae)
    path = tmp_path / "run"
    copy_checkpoint(tmp_path / "whole", 5, path)
    saves = Checkpoint(path, every=every)
    with pytest.raises(FloatingPointError, match="in loss at training step 8"):
        vae.fit(
            IMAGES[:40],
            batch_size=8,
            epochs=2,
            verbose=0,
            callbacks=[saves, Plant(7)],
        )
    assert checkpoint_steps(path)[-1] == (7 if every else 5)
    for folder in (path / "checkpoints").glob("step-*"):
        for array in read_arrays(folder / "state.npz"):
            assert np.isfinite(array).all()
    fit(vae, path, every=every)
    assert_equal_arrays(state_of(vae), expected)


def test_a_fault_of_an_earlier_fit_is_forgotten(vae, tmp_path):
    vae.faults.code.assign(1)
    with pytest.raises(FloatingPointError):
        vae.raise_if_not_finite()
    fit(vae, tmp_path, epochs=1)
    assert checkpoint_steps(tmp_path) == [5]


# Across backends.


@pytest.mark.cross_backend
def test_a_checkpoint_loads_equal_under_every_backend(tmp_path):
    for name in ("torch", "jax", "tensorflow", "torch"):
        result = run_script("exchange", tmp_path, KERAS_BACKEND=name)
        assert result.returncode == 0, result.stderr[-2000:]
    pairs = sorted(path.name for path in tmp_path.glob("*-under-*.npz"))
    assert len(pairs) == 8  # All but TensorFlow's under JAX.
    for name in pairs:
        saved = read_arrays(tmp_path / f"{name.split('-')[0]}.npz")
        assert_equal_arrays(read_arrays(tmp_path / name), saved)
