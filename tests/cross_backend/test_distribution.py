"""Two devices give what one gives, on every engine; cases R8 and P1.

A process of its own, or under torchrun two, trains the models of `engine_cases.py` and
does the actions of `distributed_worker.py`; one device does the same in this process.
"""

import csv
import shutil
import sys
from pathlib import Path

import distributed_worker
import numpy as np
import pytest
from processes import BACKEND, TORCHRUN, finish, hosts, start

import kerasgen
from kerasgen.checkpoint import CheckpointFolder

WORKER = Path(__file__).with_name("distributed_worker.py")
ACTIONS = ("rest", "drop_rest", "refuse", "spoil", "skip", "scale", "one_batch")
ALONE = ("predict", "bad_stream")
CASES = {
    # PyTorch compiles nothing: all cases take a few seconds.
    "torch": ("dense_vae", "comparing_gan", "dcgan", "wgan_gp", "gated_pixel_cnn"),
    "jax": ("dense_vae",),
    "tensorflow": ("dense_vae",),
}[BACKEND]
# Elsewhere the measures are compiled operation by operation.
SCORE = ("score",) if BACKEND == "torch" else ()
# With one process for each device, the others would have to be interrupted, too.
INTERRUPTS = () if BACKEND == "torch" else ("interrupts",)
EXECUTIONS = () if BACKEND == "torch" else ("executions",)
SLOW_CASES = ("comparing_gan", "dcgan", "wgan_gp", "sngan", "gated_pixel_cnn")
SLOW_CASES += ("options_gan", "mode_ensemble", "vq_vae")


def read(out):
    """What each process wrote."""
    paths = sorted(out.parent.glob(f"{out.name}-*.npz"))
    return [dict(np.load(path)) for path in paths]


def run_devices(num_devices, out, folder, names):
    """The actions on several devices of this host, processes under torchrun."""
    command = (sys.executable,)
    if BACKEND == "torch":
        command = (*TORCHRUN, "--nproc-per-node", str(num_devices))
    finish([start(command, (WORKER, out, num_devices, folder, *names))])
    return read(out)


def run_hosts(out, folder, names):
    """The actions in two processes with a device each, as on two hosts."""
    arguments = (WORKER, out, 0, folder, *names)
    finish([start(command, arguments, **more) for command, more in hosts()])
    return read(out)


def compare(one, many):
    """Gradients to 1e-5 of the tensor's largest, all else to 1e-5 absolutely."""
    assert len(one) > 1
    for kind in {_kind(key): None for key in one}:
        pairs = (
            [(k, v) for k, v in r.items() if _kind(k) == kind] for r in (one, many)
        )
        # In order, since names differ by Keras's counters.
        for (key, expected), (_, found) in zip(*pairs, strict=True):
            assert found.shape == expected.shape, key
            is_relative = "/gradient/" in key or "logs/" in key
            scale = np.abs(expected).max(initial=0.0) if is_relative else 1.0
            error = np.abs(found.astype("float64") - expected).max(initial=0.0)
            tolerance = 1 if "/images/" in key else 1e-5 * scale
            assert error <= tolerance, (key, error, scale)


def _kind(key):
    return tuple(key.split("/")[:2])


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Folder, results of one device, results of each process of two devices."""
    folder = tmp_path_factory.mktemp("devices")
    one = distributed_worker.act(
        (*CASES, "rest", "without_rest", "skip", "scale", "one_batch", "interrupt"),
        folder,
    )
    more = (*SCORE, *EXECUTIONS, "options")
    one |= distributed_worker.act(more, folder / "one")
    shutil.move(folder / "interrupted", folder / "start")
    one |= distributed_worker.act(("load",), folder)
    names = (*CASES, *ACTIONS, *ALONE, *SCORE, "load", "interrupt", "resume", "write")
    names += ("apart", *EXECUTIONS, "options", *INTERRUPTS)
    return folder, one, run_devices(2, folder / "two", folder, names)


@pytest.fixture(scope="module")
def whole_run(tmp_path_factory):
    """The state after the run that others interrupt and resume, on one device."""
    results, folder = {}, tmp_path_factory.mktemp("whole")
    distributed_worker.resume(results, folder)
    return results


def part(results, prefix):
    return {k: v for k, v in results.items() if k.startswith(f"{prefix}/")}


@pytest.mark.parametrize(
    "name",
    (*CASES, *SCORE, *EXECUTIONS, "rest", "drop_rest", "skip", "scale", "one_batch"),
)
def test_two_devices_train_as_one(runs, name):
    _, one, processes = runs
    for process in processes:
        assert process["devices"] == 2
        compare(part(one, name), part(process, name))


def test_options_of_optimizers_work_or_are_refused(runs):
    _, one, processes = runs
    for process in processes:
        messages = part(process, "refuse_options")
        if BACKEND == "tensorflow":
            message = str(messages.pop("refuse_options/jit_compile"))
            assert message.startswith('Expected jit_compile="auto" or False on 2 dev')
            assert len(messages) == 2
        else:
            compare(part(one, "options"), part(process, "options"))
        for key, message in messages.items():
            name = key.split("/")[1]
            assert f"without {name} on several devices" in str(message)
            assert f"{name}=2 on 2 devices" in str(message)


@pytest.mark.skipif(not INTERRUPTS, reason="one process interrupted ends the others")
def test_training_goes_on_after_interrupts(runs):
    for process in runs[2]:
        assert process["interrupts"] == 40


def test_processes_hold_equal_weights(runs):
    first, *others = runs[2]
    assert len(others) == (BACKEND == "torch")
    for other in others:
        for key, value in part(first, "rest").items():
            np.testing.assert_array_equal(value, other[key])


def test_the_loss_scale_fell_and_the_training_went_on(runs):
    _, one, _ = runs
    scales = [float(v) for v in part(one, "scale").values() if v.shape == ()]
    assert max(scales) == 2.0**124
    assert 3 in scales  # of five steps


def test_a_batch_that_cannot_be_split_is_refused(runs):
    for process in runs[2]:
        messages = part(process, "refuse")
        assert not messages.pop("refuse/compiled")
        assert "num_devices" in str(messages.pop("refuse/more devices"))
        assert len(messages) == 4
        for message in messages.values():
            assert str(message) == (
                "Expected a batch size that 2 devices can share evenly. "
                "Received: batches of 7 samples"
            )


def test_a_gradient_that_is_nan_on_one_replica_stops_all(runs):
    _, _, processes = runs
    results = distributed_worker.act(("spoil",), None)
    for process in processes:
        assert str(process["spoil/error"]) == str(results["spoil/error"])
        assert "the gradient of the linear at training step 2" in str(
            process["spoil/error"]
        )
        weights = process["spoil/weights"]
        np.testing.assert_allclose(weights, results["spoil/weights"], rtol=1e-6)


def assert_alone(processes):
    """Each process predicts by itself, and all hear of what a stream brings."""
    expected = distributed_worker.act(ALONE, None)
    error = str(expected.pop("bad_stream"))
    assert error.startswith("NotFiniteError: ")
    for number, process in enumerate(processes):
        assert str(process["bad_stream"]) == error
        assert ("predict/alone" in process) == (number == 0)
        for key, value in part(process, "predict").items():
            np.testing.assert_allclose(value, expected[key], atol=1e-5)


def test_processes_predict_by_themselves_and_all_hear_of_bad_data(runs):
    assert_alone(runs[2])


def test_only_the_first_process_writes(runs):
    folder, _, processes = runs
    numbers = [int(process["write/number"]) for process in processes]
    assert numbers[0] >= 9 and not any(numbers[1:])
    assert kerasgen.from_preset(folder / "written" / "preset").name == "dense_vae"
    with open(folder / "written" / "log.csv", newline="") as file:
        assert [row["epoch"] for row in csv.DictReader(file)] == ["0", "1"]
    assert len([*(folder / "written" / "samples").iterdir()]) == 2


def assert_apart(processes):
    """Folders that differ are refused by all, each naming what it sees."""
    for number, process in enumerate(processes):
        newest = "step 0" if number else "step 3"
        assert f"with {newest} as the newest" in str(process["apart"])


@pytest.mark.skipif(BACKEND != "torch", reason="one process; a slow test has two")
def test_processes_with_folders_of_their_own_are_refused(runs):
    assert_apart(runs[2])


def assert_one_reports(processes):
    first, *others = processes
    # health.json and health.png, and a state and a manifest each time of the best.
    assert first["scored/warnings"] == 1 and first["scored/files"] >= 4
    for other in others:
        assert other["scored/warnings"] == other["scored/files"] == 0


@pytest.mark.skipif(not SCORE, reason="a slow test does it")
def test_only_the_first_process_reports_measures_and_scores(runs):
    assert len(runs[2]) == 2
    assert_one_reports(runs[2])


@pytest.mark.slow
@pytest.mark.skipif(bool(SCORE), reason="a quick test does it")
@pytest.mark.parametrize("kind", ["devices", "hosts"])
def test_callbacks_measure_and_score_as_on_one_device(kind, tmp_path):
    one = distributed_worker.act(("score",), tmp_path / "one")
    if kind == "devices":
        found = run_devices(2, tmp_path / "two", tmp_path, ("score",))
    else:
        found = run_hosts(tmp_path / "two", tmp_path, ("score",))
        assert len(found) == 2
    for process in found:
        assert process["devices"] == 2
        compare(part(one, "score"), part(process, "score"))
    assert_one_reports(found)


def test_a_run_of_one_device_goes_on_with_two(runs, whole_run):
    for process in runs[2]:
        compare(part(whole_run, "resume"), part(process, "resume"))


def test_a_run_of_two_devices_goes_on_with_one(runs, whole_run, tmp_path):
    shutil.copytree(runs[0] / "interrupted", tmp_path / "start")
    assert CheckpointFolder(tmp_path / "start" / "checkpoints").steps()[-1] == 3
    results = {}
    distributed_worker.resume(results, tmp_path)
    compare(part(whole_run, "resume"), part(results, "resume"))


def test_what_two_devices_read_is_what_one_wrote(runs):
    _, one, processes = runs
    for process in processes:
        for key, value in part(one, "load").items():
            np.testing.assert_array_equal(value, process[key])


@pytest.mark.slow
@pytest.mark.parametrize("name", SLOW_CASES)
def test_two_devices_train_as_one_slowly(name, tmp_path):
    one = distributed_worker.act((name,), tmp_path)
    for process in run_devices(2, tmp_path / "two", tmp_path, (name,)):
        compare(one, process)


@pytest.mark.slow
def test_four_devices_train_as_one(tmp_path):
    names = ("dense_vae", "comparing_gan")
    one = distributed_worker.act(names, tmp_path)
    for process in run_devices(4, tmp_path / "four", tmp_path, names):
        assert process.pop("devices") == 4
        compare(one, process)


@pytest.mark.slow
@pytest.mark.skipif(BACKEND != "jax", reason="other engines share the first weights")
def test_hosts_with_unequal_weights_are_refused(tmp_path):
    processes = run_hosts(tmp_path / "two", tmp_path, ("unequal",))
    for process in processes:
        assert "weights that differ between 2 processes" in str(process["unequal"])


@pytest.mark.slow
def test_two_hosts_train_as_one_device(tmp_path):
    names = ("dense_vae", "dcgan", "wgan_gp", "gated_pixel_cnn", "interrupt")
    names += EXECUTIONS
    one = distributed_worker.act(names, tmp_path / "one")
    more = ("rest", *ALONE, "refuse", "spoil", "write", "export", "apart")
    one |= distributed_worker.act(more[:1], tmp_path)
    processes = run_hosts(tmp_path / "two", tmp_path, (*names, *more))
    assert len(processes) == 2
    for process in processes:
        assert process["devices"] == 2
        compare(one, process)
        assert str(process["refuse/fit"]).endswith("batches of 7 samples")
        assert "the gradient of the linear" in str(process["spoil/error"])
    assert_alone(processes)
    assert_apart(processes)
    numbers = [int(process["write/number"]) for process in processes]
    assert numbers[0] >= 9 and numbers[1] == 0
    assert "export/number" in processes[0] and processes[1]["export/number"] == 0
    assert (tmp_path / "serving" / "1" / "saved_model.pb").is_file()
    steps = CheckpointFolder(tmp_path / "interrupted" / "checkpoints").steps()
    assert steps == [2, 3]


@pytest.mark.slow
def test_a_run_of_four_devices_goes_on_with_two_and_one(whole_run, tmp_path):
    run_devices(4, tmp_path / "four", tmp_path, ("interrupt",))
    for folder in ("two", "one"):
        shutil.copytree(tmp_path / "interrupted", tmp_path / folder / "start")
    results = {}
    distributed_worker.resume(results, tmp_path / "one")
    found = run_devices(2, tmp_path / "results", tmp_path / "two", ("resume",))
    for result in (results, *found):
        compare(part(whole_run, "resume"), part(result, "resume"))


@pytest.mark.slow
def test_a_run_of_four_devices_goes_on_under_other_backends(whole_run, tmp_path):
    run_devices(4, tmp_path / "four", tmp_path, ("interrupt",))
    step = max((tmp_path / "interrupted" / "checkpoints").glob("step-*"))
    with np.load(step / "state.npz") as archive:
        written = [archive[str(i)] for i in range(len(archive))]
    for other in {"tensorflow", "jax", "torch"} - {BACKEND}:
        folder = tmp_path / other
        shutil.copytree(tmp_path / "interrupted", folder / "start")
        arguments = (WORKER, folder / "found", 1, folder, "load", "resume")
        finish([start((sys.executable,), arguments, KERAS_BACKEND=other)])
        (found,) = read(folder / "found")
        state = [*part(found, "load").values()]
        assert len(state) > 20
        # After the state come the trackers of the logs.
        for a, b in zip(state, written, strict=False):
            np.testing.assert_array_equal(a, b)
        compare(part(whole_run, "resume"), part(found, "resume"))
