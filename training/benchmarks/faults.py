"""What happens when training meets a fault: a table of real ones.

    python -m training.benchmarks.faults --trials 50
    python -m training.benchmarks.faults --backend jax --cases R1 P3

Each case is that of tests, run in a process of its own on each backend: programs that
train are killed with SIGKILL at random instants, told to end with SIGTERM, frozen with
SIGSTOP, given a disk of 1 MB that is full, or a read-only one. A case that holds has
been checked to its last promise. Where a run was ended (R1, R2, R9, P3), that is: it
goes on when it is started again, and its weights, optimizer slots, averages and logs
equal, bit for bit, those of a run that nothing befell; of a recipe, its epochs follow
each other. Two processes that train together are started by torchrun on
PyTorch, and as two hosts of one cluster on JAX and TensorFlow; where one of them is
lost, the others wait as long as `data_parallel` lets them by default. Rows are kept in
results/faults.json, so that a table that was stopped goes on where it was; the table
lands in results/faults.md.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import xml.etree.ElementTree
from pathlib import Path
from typing import NamedTuple

from tests.__main__ import BACKENDS, ENVIRONMENT, ROOT

from .kept_runs import RESULTS, load_runs, save_runs

PATH = RESULTS / "faults.json"
HELD = "held"
CHECKPOINT, DEVICES = "tests/checkpoint/test_", "tests/cross_backend/test_"
LOST = f"{DEVICES}faults.py::test_one_that_is_lost_ends_all_and_a_restart_resumes"
ENDED = f"{DEVICES}faults.py::test_all_end_at_one_step_where_one_is_told_to"
ALL_EXIT = "all exit with a code that is not 0 within 60 s; started again, they go on"


class Case(NamedTuple):
    """A row of the table, for each backend.

    number: That of the case in the list of faults. done: What befalls a run. expected:
    What must follow. tests: Node ids of pytest.
    """

    number: str
    done: str
    expected: str
    tests: tuple


CASES = {
    "kill": Case(
        "R1",
        "kill -9 of one process at random instants, once or twice a run, the first of "
        "two from its start on",
        "the newest checkpoint loads; the run ends as if nothing was",
        (
            f"{CHECKPOINT}kill.py::test_runs_killed_once_or_twice_go_on_as_if_nothing_was",
        ),
    ),
    "kill of two": Case(
        "R1",
        "two processes; kill -9 of one or of all at random instants",
        "as above; the process that is left exits within 60 s",
        (
            f"{DEVICES}faults.py::"
            "test_groups_killed_at_random_instants_go_on_as_if_nothing_was",
        ),
    ),
    "kill of a recipe": Case(
        "R1",
        "kill -9 of `kerasgen train --devices 2`, on PyTorch also of its launcher",
        "its processes end within 60 s; the same command goes on to its end",
        ("tests/test_cli.py::test_killing_the_command_or_the_launcher_ends_all",),
    ),
    "every step": Case(
        "R2",
        "a run goes on from the checkpoint of each of its steps",
        "state and logs equal those of the uninterrupted run",
        (f"{CHECKPOINT}exact_resume.py",),
    ),
    "one unit": Case(
        "R3",
        "state and manifest of different steps, a flipped bit, cut and missing files",
        "refused with both digests; the model is as it was",
        (
            f"{CHECKPOINT}on_disk.py::test_state_and_manifest_are_of_one_step",
            f"{CHECKPOINT}damage.py::"
            "test_a_flipped_bit_is_found_before_the_model_is_touched",
            f"{CHECKPOINT}damage.py::test_a_cut_or_missing_file_is_found",
        ),
    ),
    "full disk": Case(
        "R4",
        "a disk of 1 MB that is full at any write, or a limit on the size of files",
        "OSError with path and bytes; the old checkpoint is intact; a normal exit",
        (f"{CHECKPOINT}full_disk.py",),
    ),
    "orphans": Case(
        "R5",
        "temporary files of a killed run, among others",
        "removed at the next start, and nothing else",
        (
            f"{CHECKPOINT}on_disk.py::test_own_orphans_are_removed_and_nothing_else",
            f"{CHECKPOINT}on_disk.py::"
            "test_orphans_of_files_are_removed_in_one_folder_only",
        ),
    ),
    "two runs": Case(
        "R6",
        "a second run in the folder of one that trains",
        "refused, naming the process that holds it",
        (f"{CHECKPOINT}refusals.py::test_a_second_run_is_told_who_holds_the_folder",),
    ),
    "another run": Case(
        "R7",
        "another architecture, optimizer, batch size, data, order or `drop_rest`",
        "refused, naming the first field that differs",
        tuple(
            f"{CHECKPOINT}refusals.py::test_{name}"
            for name in (
                "another_model_is_refused",
                "another_optimizer_is_refused",
                "other_data_is_refused",
                "another_choice_for_the_rest_of_an_epoch_is_refused",
            )
        ),
    ),
    "another backend": Case(
        "R8",
        "checkpoints of each backend under each other",
        "weights and optimizer slots load equal",
        (f"{CHECKPOINT}on_disk.py::test_a_checkpoint_loads_equal_under_every_backend",),
    ),
    "SIGTERM": Case(
        "R9",
        "SIGTERM at random instants, in steps and in validation",
        "the step is finished and saved, exit 143; the run ends as if nothing was",
        (f"{CHECKPOINT}termination.py",),
    ),
    "SIGTERM of two": Case(
        "R9",
        "two processes; SIGTERM to one of them, or to all",
        "all save the same step and exit 143; the run ends as if nothing was",
        (ENDED,),
    ),
    "SIGTERM of a recipe": Case(
        "R9",
        "`kerasgen train --devices 2` gets SIGTERM, and the same command again",
        "exit 143; the run goes on to its end",
        ("tests/test_cli.py::test_a_recipe_that_is_told_to_end_goes_on",),
    ),
    "finished": Case(
        "R10",
        "a run that is finished is started again",
        "nothing is trained, with a message; the checkpoint is kept",
        (
            f"{CHECKPOINT}saving.py::"
            "test_resuming_a_finished_run_does_nothing_and_says_so",
        ),
    ),
    "read-only": Case(
        "R11",
        "a read-only disk, or a file, in place of the folder",
        "an error at the start of `fit`",
        (
            f"{CHECKPOINT}refusals.py::"
            "test_a_read_only_folder_is_refused_at_the_start_of_fit",
            f"{CHECKPOINT}refusals.py::"
            "test_a_path_that_is_a_file_is_refused_at_the_start_of_fit",
        ),
    ),
    "no folder of two": Case(
        "R11",
        "two processes; a file in place of the folder",
        "an error at the start of `fit`, and all exit with a code that is not 0",
        (f"{DEVICES}faults.py::test_all_end_where_the_first_cannot_write",),
    ),
    "NaN": Case(
        "N1",
        "NaN in a batch, in the loss and in the gradient of each player",
        "training stops, naming term and step, the best checkpoint untouched; or the "
        "step is skipped and counted",
        ("tests/models/test_not_finite.py",),
    ),
    "NaN of one device": Case(
        "N1",
        "two devices; NaN in the gradient of one; to skip, in its data, too",
        "all stop at that step, or all skip it",
        (
            f"{DEVICES}distribution.py::"
            "test_a_gradient_that_is_nan_on_one_replica_stops_all",
            f"{DEVICES}distribution.py::test_two_devices_train_as_one[skip]",
        ),
    ),
    "batch": Case(
        "P1",
        "a batch that two devices cannot share",
        "ValueError naming both numbers before anything is compiled",
        (f"{DEVICES}distribution.py::test_a_batch_that_cannot_be_split_is_refused",),
    ),
    "death": Case("P3", "one of two dies by SIGKILL", ALL_EXIT, (f"{LOST}[die]",)),
    "hang": Case("P3", "one of two hangs", ALL_EXIT, (f"{LOST}[hang]",)),
    "hang of a host": Case(
        "P3",
        "two hosts; the process of the first hangs, or that of the second",
        ALL_EXIT,
        (f"{DEVICES}faults.py::test_a_process_on_another_host_that_hangs_ends_too",),
    ),
    "freeze": Case(
        "P3",
        "one of two is frozen by SIGSTOP",
        ALL_EXIT + ". Where no launcher kills the frozen one, it exits once it thaws",
        (f"{LOST}[freeze]",),
    ),
    "error": Case("P3", "one of two raises an error", ALL_EXIT, (f"{LOST}[fail]",)),
    "early error": Case(
        "P3",
        "one of two raises an error before it trains",
        ALL_EXIT,
        (f"{DEVICES}faults.py::test_an_error_before_training_ends_all",),
    ),
}


def run_case(case, backend, trials):
    """Row of a case: outcome, trials, seconds."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        environment = {
            **ENVIRONMENT,
            **os.environ,
            "KERAS_BACKEND": backend,
            "KERASGEN_FAULT_TRIALS": str(trials),
        }
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
        result = subprocess.run(
            [*command, f"--junitxml={report}", *case.tests],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
        )
        # 1: a test failed, which is a row.
        if result.returncode not in (0, 1):
            raise RuntimeError(result.stdout[-4000:] + result.stderr[-4000:])
        return read_report(xml.etree.ElementTree.parse(report))


def read_report(report):
    """Row of what pytest wrote."""
    cases = [*report.iter("testcase")]
    properties = [(p.get("name"), p.get("value")) for p in report.iter("property")]
    bad = [*report.iter("failure"), *report.iter("error")]
    left_out = [element.get("message") for element in report.iter("skipped")]
    outcome = [f"failed: {element.get('message', '')[:200]}" for element in bad]
    if not cases:
        outcome = ["failed: no test ran"]
    details = [value for name, value in properties if name == "detail"]
    counted = [int(value) for name, value in properties if name == "trials"]
    if not outcome and len(left_out) < len(cases):
        outcome = [HELD, *details]
    outcome += [f"left out: {message}" for message in dict.fromkeys(left_out)]
    return {
        "outcome": "; ".join(outcome).replace("\n", " "),
        "trials": max(counted, default=None),
        "checks": len(cases) - len(left_out),
        "seconds": round(sum(float(element.get("time")) for element in cases)),
    }


def render(done):
    """The page in Markdown."""
    trials = max(row["trials"] or 1 for row in done.values())
    lines = [
        "# Faults",
        "",
        f"`python -m training.benchmarks.faults --trials {trials}`",
        "",
        __doc__.split("\n\n")[2].replace("\n", " "),
        "",
        "| case | what is done | what is expected | backend | trials | checks | "
        "outcome | seconds |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for name, case in CASES.items():
        for backend in BACKENDS:
            row = done.get(f"{backend}/{name}")
            if row is None:
                continue
            lines.append(
                f"| {case.number} | {case.done} | {case.expected} | {backend} | "
                f"{row['trials'] or ''} | {row['checks']} | "
                f"{row['outcome'].replace('|', '/')} | {row['seconds']} |"
            )
    return "\n".join(lines) + "\n"


def holds(row, trials):
    """Whether a row says that its case held, in as many trials where it counts them."""
    if row is None or not row["outcome"].startswith(HELD):
        return False
    return row["trials"] is None or row["trials"] >= trials


def main():
    """Runs the cases that have no row that holds, and writes the table of all."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--trials", type=int, default=10, help="of random instants")
    parser.add_argument("--backend", nargs="+", choices=BACKENDS, default=BACKENDS)
    numbers = sorted({case.number for case in CASES.values()})
    parser.add_argument("--cases", nargs="+", choices=numbers, default=numbers)
    parser.add_argument("--again", action="store_true", help="run what holds, too")
    options = parser.parse_args()
    done = load_runs(PATH)
    for backend in options.backend:
        for name, case in CASES.items():
            key = f"{backend}/{name}"
            if case.number not in options.cases:
                continue
            if not options.again and holds(done.get(key), options.trials):
                continue
            done[key] = run_case(case, backend, options.trials)
            print(key, done[key], flush=True)
            save_runs(PATH, done)
    PATH.with_suffix(".md").write_text(render(json.loads(PATH.read_text())))


if __name__ == "__main__":
    main()
