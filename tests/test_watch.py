"""A process that waits too long for others ends with a message; one alone does not."""

import subprocess
import sys

import pytest

from kerasgen import watch as module
from kerasgen.watch import EXIT_CODE, NoWatch

# Without the package, which takes seconds to import.
PROGRAM = """
import importlib.util, time
spec = importlib.util.spec_from_file_location("watch", {path!r})
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
watch = module.Watch(
    {seconds}, "process 0 of 2", lambda: {others_are_there}, lambda: print("leaves")
)
{code}
print("done", flush=True)
"""


def run(code, seconds=0.4, others_are_there=True):
    """Exit code, output and errors of a program of its own."""
    program = PROGRAM.format(
        path=module.__file__,
        code=code,
        seconds=seconds,
        others_are_there=others_are_there,
    )
    result = subprocess.run(
        [sys.executable, "-u", "-c", program],
        capture_output=True,
        text=True,
        timeout=60,
    )
    return result.returncode, result.stdout, result.stderr


@pytest.mark.eager
@pytest.mark.parametrize(
    ("code", "others_are_there", "expected"),
    [
        ("watch.begin('a step'); time.sleep(30)", True, "Expected a step within 0.4"),
        (
            "watch.begin('x'); watch.end()\n"
            "with watch.bounded('a sum'): time.sleep(30)",
            True,
            "Expected a sum within 0.4 seconds",
        ),
        (
            "watch.begin('x'); watch.end(); time.sleep(30)",
            False,
            "Expected the others to be there",
        ),
    ],
)
def test_what_takes_too_long_ends_the_process(code, others_are_there, expected):
    exit_code, out, err = run(code, others_are_there=others_are_there)
    assert exit_code == EXIT_CODE and out == "leaves\n"
    assert expected in err and "process 0 of 2 ends" in err
    assert err.endswith("`timeout` of `data_parallel`. Received: timeout=0.4\n")


@pytest.mark.eager
@pytest.mark.parametrize(
    ("code", "others_are_there"),
    [
        ("for _ in range(9):\n  watch.begin('a step'); time.sleep(0.1)", True),
        ("watch.begin('a step'); watch.end(); time.sleep(1)", True),
        ("with watch.bounded('before any step'): time.sleep(1)", False),
        (
            "watch.let_others_end(lambda: True)\n"
            "watch.begin('x'); watch.end(); time.sleep(1)",
            False,
        ),
        ("watch.begin('a step'); watch.stop(); time.sleep(1)", False),
    ],
)
def test_what_ends_in_time_goes_on(code, others_are_there):
    assert run(code, others_are_there=others_are_there) == (0, "done\n", "")


def test_a_process_alone_is_not_watched():
    watch = NoWatch()
    watch.begin("a step")
    with watch.bounded("a sum"):
        watch.end()
    watch.let_others_end(lambda: True)
    watch.stop()
