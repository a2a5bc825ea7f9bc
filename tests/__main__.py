"""Runs the tests once on each backend, in a process of its own.

    python -m tests                          all backends, without the mark slow
    python -m tests --slow -x                slow ones too; -x goes to pytest
    python -m tests --backend jax tests/layers

Other arguments go to pytest as they are; `-n 0` runs the tests in one process, not in
one a core (four at most). Tests marked `once` start every backend themselves, or look
at files and programs that are the same on each; those marked `eager` look at what our
own code does whatever the backend. Both run on PyTorch, which compiles nothing; --slow
runs the latter on all. The exit code is not 0 if a test failed on any backend, or if
none ran.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree
from pathlib import Path

BACKENDS = ("tensorflow", "jax", "torch")
ROOT = Path(__file__).resolve().parent.parent
# A process of pytest has a core to itself, and programs that run for milliseconds
# should not be optimised for seconds.
ENVIRONMENT = {
    "TF_CPP_MIN_LOG_LEVEL": "2",
    "OMP_NUM_THREADS": "1",
    "TF_NUM_INTRAOP_THREADS": "1",
    "XLA_FLAGS": "--xla_backend_optimization_level=0 "
    "--xla_llvm_disable_expensive_passes=true",
    # Writing what compiles faster takes longer than compiling it again.
    "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0.05",
    "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
}


def run_backend(backend, marks, arguments):
    """Runs pytest under one backend; returns (passed, line of the summary)."""
    print(f"\n=== {backend} ===", flush=True)
    workers = min(4, os.cpu_count() or 1)
    command = [sys.executable, "-m", "pytest", f"-n={workers}", "--dist=worksteal"]
    command += ["-m", marks] if marks else []
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        environment = {
            **ENVIRONMENT,
            # Workers and processes of the tests share what one of them compiled.
            "JAX_COMPILATION_CACHE_DIR": str(Path(folder) / "jax"),
            **os.environ,
            "KERAS_BACKEND": backend,
        }
        code = subprocess.run(
            [*command, f"--junitxml={report}", *arguments], cwd=ROOT, env=environment
        ).returncode
        counts = count_outcomes(report)
    seconds = time.monotonic() - start
    success = code == 0 and counts["passed"] > 0
    listed = ", ".join(f"{number} {name}" for name, number in counts.items() if number)
    return success, (
        f"{backend:10}  {'ok' if success else 'FAILED':6}  {listed or 'no tests ran'}"
        f"  (exit code {code}, {seconds:.0f} s)"
    )


def count_outcomes(report):
    """Number of tests of each outcome in a JUnit report, 0 where there is none."""
    counts = {"passed": 0, "failures": 0, "errors": 0, "skipped": 0}
    if not report.is_file():
        return counts
    for suite in xml.etree.ElementTree.parse(report).iter("testsuite"):
        other = {name: int(suite.get(name)) for name in counts if name != "passed"}
        counts["passed"] += int(suite.get("tests")) - sum(other.values())
        for name, number in other.items():
            counts[name] += number
    return counts


def main(arguments=None):
    """Runs the backends in turn and prints a line for each; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m tests",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "--backend",
        action="append",
        choices=BACKENDS,
        help="run this backend only; may be repeated",
    )
    parser.add_argument("--slow", action="store_true", help="include the mark slow")
    options, rest = parser.parse_known_args(arguments)
    results = []
    backends = options.backend or BACKENDS
    for backend in backends:
        # PyTorch is the last of all.
        is_elsewhere = backend != backends[-1]
        excluded = [] if options.slow else ["not slow"]
        excluded += ["not once"] if is_elsewhere else []
        excluded += ["not eager"] if is_elsewhere and not options.slow else []
        results.append(run_backend(backend, " and ".join(excluded), rest))
    print("\n=== summary ===")
    for _, line in results:
        print(line)
    return 0 if all(success for success, _ in results) else 1


if __name__ == "__main__":
    sys.exit(main())
