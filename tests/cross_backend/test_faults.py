"""Processes that train together, killed, hung or told to end: cases R1, R9 and P3."""

import inspect
import json
import os
import random
import shutil
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
from processes import BACKEND, group, hosts, start

from kerasgen import distribution
from kerasgen.checkpoint import CheckpointFolder

WORKER = Path(__file__).with_name("fault_worker.py")
# That users have who set none: the promise of 60 s is for it.
TIMEOUT = inspect.signature(distribution.data_parallel).parameters["timeout"].default
MOST_SECONDS = 60
# To start, compile and train, on a machine that has much else to do.
START_SECONDS = 900
TRIALS = int(os.environ.get("KERASGEN_FAULT_TRIALS", 10))
# Programs that start, compile and wait: a minute or two each.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]


class Group:
    """Two workers in a folder; on PyTorch, and what has started them."""

    def __init__(self, folder, event="none", process=1, launch=group):
        shutil.rmtree(folder / "pids", ignore_errors=True)
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.log = folder / "output.txt"
        arguments = (WORKER, folder, event, process)
        with open(self.log, "w") as output:
            self.processes = [
                start(command, arguments, output, **more) for command, more in launch()
            ]

    def __enter__(self):
        return self

    def __exit__(self, *error):
        for process in self.processes:
            # A launcher that is killed leaves behind what it has started.
            process.terminate()
        for process in self.processes:
            try:
                process.wait(40)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for pid in self.pids():
            if is_alive(pid):
                os.kill(pid, signal.SIGKILL)

    def pids(self):
        return [int(path.read_text()) for path in sorted(self.folder.glob("pids/*"))]

    def wait(self, seconds):
        """Exit codes, once all have ended."""
        end = time.monotonic() + seconds
        codes = [p.wait(max(0.1, end - time.monotonic())) for p in self.processes]
        while any(map(is_alive, self.pids())):
            assert time.monotonic() < end, self.output()
            time.sleep(0.05)
        return codes

    def wait_for(self, happened):
        end = time.monotonic() + START_SECONDS
        while not happened():
            ended = any(p.poll() is not None for p in self.processes)
            assert not ended and time.monotonic() < end, self.output()
            time.sleep(0.01)

    def output(self):
        return self.log.read_text()[-6000:]


def is_alive(pid):
    """Whether a process runs; one that has ended and was not waited for does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False
    return state != "Z"


def finish(folder):
    with Group(folder) as group:
        codes = group.wait(START_SECONDS)
        assert not any(codes), group.output()


@pytest.fixture(scope="session")
def reference(tmp_path_factory):
    """Folder of a run of both that nothing befell, and its seconds after saving."""
    folder = tmp_path_factory.mktemp("groups") / "run"
    with Group(folder) as group:
        group.wait_for(lambda: has_checkpoint(folder))
        begin = time.monotonic()
        assert not any(group.wait(START_SECONDS)), group.output()
    return folder, time.monotonic() - begin


def has_checkpoint(folder):
    return any((folder / "checkpoints").glob("step-*"))


def assert_same_run(folder, expected):
    state = sorted((expected / "checkpoints").glob("step-*"))[-1] / "state.npz"
    for name in (state.relative_to(expected), "weights.npz"):
        with np.load(folder / name) as found, np.load(expected / name) as whole:
            for key in whole:
                np.testing.assert_array_equal(found[key], whole[key])
    for path in (expected / "logs").glob("*.json"):
        found = json.loads((folder / "logs" / path.name).read_text())
        assert found == json.loads(path.read_text())
    assert not list(folder.rglob(".tmp-kerasgen-*"))


def go_on(folder, reference):
    assert CheckpointFolder(folder / "checkpoints").position() is not None
    finish(folder)
    assert_same_run(folder, reference[0])


@pytest.mark.parametrize("event", ["die", "hang", "freeze", "fail"])
def test_one_that_is_lost_ends_all_and_a_restart_resumes(
    event, reference, tmp_path, record_property
):
    folder = tmp_path / "run"
    with Group(folder, event) as group:
        group.wait_for(lambda: (folder / "happened").exists())
        begin = time.monotonic()
        if event == "freeze" and BACKEND != "torch":
            # No program ends what the system has stopped; once it goes on, it ends.
            time.sleep(TIMEOUT + 20)
            assert sum(map(is_alive, group.pids())) == 1, group.output()
            os.kill(group.pids()[1], signal.SIGCONT)
        codes = group.wait(MOST_SECONDS)
        seconds = time.monotonic() - begin
        assert all(codes), (codes, group.output())
    record_property("detail", f"all ended after {seconds:.0f} s")
    go_on(folder, reference)


@pytest.mark.parametrize("process", [0, 1])
def test_an_error_before_training_ends_all(process, reference, tmp_path):
    folder = tmp_path / "run"
    with Group(folder, "fail_early", process) as group:
        group.wait_for(lambda: "RuntimeError: planned" in group.output())
        codes = group.wait(MOST_SECONDS)
        assert all(codes), (codes, group.output())
    finish(folder)
    assert_same_run(folder, reference[0])


@pytest.mark.parametrize("process", [0, 1])
def test_a_process_on_another_host_that_hangs_ends_too(process, reference, tmp_path):
    folder = tmp_path / "run"
    with Group(folder, "hang", process, hosts) as group:
        group.wait_for(lambda: (folder / "happened").exists())
        codes = group.wait(MOST_SECONDS)
        assert all(codes), (codes, group.output())
    go_on(folder, reference)


def test_all_end_where_the_first_cannot_write(tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "checkpoints").write_text("a file")
    with Group(folder) as group:
        group.wait_for(lambda: "Expected a folder for checkpoints" in group.output())
        codes = group.wait(MOST_SECONDS)
        assert all(codes), (codes, group.output())
        assert not (folder / "happened").exists() and not [*folder.glob("logs/*")]


@pytest.mark.parametrize("told", ["one", "all"])
def test_all_end_at_one_step_where_one_is_told_to(told, reference, tmp_path):
    folder = tmp_path / "run"
    with Group(folder, "be_told_to_end" if told == "one" else "none") as group:
        if told == "one":
            group.wait_for(lambda: (folder / "happened").exists())
        else:
            group.wait_for(lambda: has_checkpoint(folder))
            for process in group.processes:
                process.send_signal(signal.SIGTERM)
        codes = group.wait(MOST_SECONDS)
        assert all(codes), group.output()
    # torchrun has a code of its own.
    own = [path.read_text() for path in folder.glob("exit_code_*")]
    assert own == ["143", "143"], group.output()
    assert BACKEND == "torch" or codes == [143, 143]
    go_on(folder, reference)


@pytest.mark.timeout(7200)
def test_groups_killed_at_random_instants_go_on_as_if_nothing_was(
    reference, tmp_path, record_property
):
    expected, longest = reference
    for trial in range(TRIALS):
        folder = tmp_path / str(trial)
        instants = random.Random(trial)
        while not was_killed(folder, instants, longest, trial):
            shutil.rmtree(folder)
            longest *= 0.7
        go_on(folder, reference)
        shutil.rmtree(folder)
    record_property("trials", TRIALS)


def was_killed(folder, instants, longest, trial):
    """Whether a run met its end; every other time one process alone was killed."""
    with Group(folder) as group:
        group.wait_for(lambda: has_checkpoint(folder))
        time.sleep(instants.uniform(0, longest))
        if trial % 2:
            pids = [instants.choice(group.pids())]
        else:
            pids = [*(p.pid for p in group.processes), *group.pids()]
        for pid in pids:
            if is_alive(pid):
                os.kill(pid, signal.SIGKILL)
        return all(group.wait(MOST_SECONDS))
