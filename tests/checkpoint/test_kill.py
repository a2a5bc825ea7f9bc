"""Runs killed at random instants go on as if nothing was: case R1."""

import json
import os
import random
import shutil
import signal
import time

import pytest

from kerasgen.checkpoint import CheckpointFolder
from tests.checkpoint import script
from tests.checkpoint.helpers import (
    assert_equal_arrays,
    read_arrays,
    start,
)

# Long trials of the suite; `training.benchmarks.faults` asks for more.
TRIALS = int(os.environ.get("KERASGEN_FAULT_TRIALS", 10))


@pytest.fixture(scope="session")
def reference(tmp_path_factory):
    """Folder of an uninterrupted run, and its seconds before and after a first save."""
    folder = tmp_path_factory.mktemp("reference") / "run"
    begin = time.monotonic()
    process = start(script.train, folder)
    wait_for_checkpoint(process, folder / "gan")
    saved = time.monotonic()
    process.join(300)
    assert process.exitcode == 0
    return folder, saved - begin, time.monotonic() - saved


def wait_for_checkpoint(process, folder):
    while not any((folder / "checkpoints").glob("step-*")) and process.is_alive():
        time.sleep(0.005)


def run_trial(trial, folder, reference, num_kills):
    """Kills the script at random instants, lets it finish, compares the runs."""
    expected, before, longest = reference
    instants = random.Random(trial)
    while not was_killed(folder, instants, before, longest, num_kills):
        # It was faster than the reference, and done before its end.
        shutil.rmtree(folder)
        longest *= 0.7
    process = start(script.train, folder)
    process.join(300)
    assert process.exitcode == 0
    for kind in ("gan", "vae"):
        assert_same_run(folder / kind, expected / kind)


def was_killed(folder, instants, before, longest, num_kills):
    """Whether a run met its end so many times before it was done.

    The first of several times is from its start on, when nothing may be saved yet.
    """
    for number in range(num_kills):
        process = start(script.train, folder)
        is_early = number < num_kills - 1
        if not is_early:
            wait_for_checkpoint(process, folder / "gan")
        time.sleep(instants.uniform(0, before if is_early else longest))
        process.kill()
        process.join()
        if process.exitcode == 0:
            return False
        assert process.exitcode == -signal.SIGKILL
        checkpoints = CheckpointFolder(folder / "gan" / "checkpoints")
        assert is_early or checkpoints.position() is not None
    return True


def assert_same_run(folder, expected):
    """Checks final weights, state and logs of every epoch."""
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
def test_runs_killed_once_or_twice_go_on_as_if_nothing_was(
    reference, tmp_path, record_property
):
    for trial in range(TRIALS):
        run_trial(trial, tmp_path / str(trial), reference, 1 + trial % 2)
        shutil.rmtree(tmp_path / str(trial))
    record_property("trials", TRIALS)
