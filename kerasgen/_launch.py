"""Lets the `kerasgen` command choose a backend before Keras is imported.

Keras reads KERAS_BACKEND once, at import, and importing any part of this package
imports Keras. So the command's `--backend` is read here, ahead of everything else.
"""

import importlib.util
import os
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

BACKENDS = ("tensorflow", "jax", "torch")
# Names a file that a process leaves which was told to end and has saved its step.
ENDED = "KERASGEN_ENDED"
# Says that the standard input of a process ends with the command that started it.
TIED = "KERASGEN_TIED"


def apply_backend_option():
    """Sets KERAS_BACKEND where this process is the kerasgen command.

    Exits with code 2 and one line where the backend is not installed.
    """
    if not _is_command():
        return
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    argv = sys.argv
    for position, word in enumerate(argv):
        option, equals, value = word.partition("=")
        if option != "--backend":
            continue
        if not equals:
            value = argv[position + 1] if position + 1 < len(argv) else ""
        if value in BACKENDS:
            os.environ["KERAS_BACKEND"] = value
    backend = os.environ.get("KERAS_BACKEND", "tensorflow")
    if backend not in BACKENDS or importlib.util.find_spec(backend) is None:
        sys.stderr.write(
            f"kerasgen: expected an installed backend of {', '.join(BACKENDS)}. "
            f"Received: {backend}\n"
        )
        sys.exit(2)


def _is_command():
    if sys.argv[:1] == ["-m"]:
        # While `python -m` imports the package, the module is named here only.
        name = sys.orig_argv[-len(sys.argv)].removeprefix("-m")
    else:
        name = Path(sys.argv[0]).name if sys.argv else ""
    return name.removesuffix(".exe") == "kerasgen"


def launch_processes(num_devices):
    """Starts this command once for each device, where PyTorch needs it, and exits.

    SIGTERM goes on to them; the exit code is 143 where they have saved and ended for
    it, else that of PyTorch's launcher. Where the command or the launcher is killed,
    they end as if told to. The processes that it has started come back from here, as do
    commands on other backends, whose one process has several devices.

    Args:
        num_devices: Integer >= 1.
    """
    import keras

    if keras.backend.backend() != "torch" or num_devices == 1:
        return
    if "LOCAL_WORLD_SIZE" in os.environ:
        if TIED in os.environ:
            threading.Thread(target=_end_with_the_command, daemon=True).start()
        return
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command = ["--nproc-per-node", str(num_devices), "-m", "kerasgen", *sys.argv[1:]]
    processes, told, passed_on = [], [], []

    def pass_on(number, frame):
        told.append(number)
        for process in processes:
            process.send_signal(number)
            passed_on.append(number)

    signal.signal(signal.SIGTERM, pass_on)
    with tempfile.TemporaryDirectory() as folder:
        ended = Path(folder) / "ended"
        environment = {
            # Unless told, the launcher gives each process one thread, and says so.
            "OMP_NUM_THREADS": "1",
            **os.environ,
            "KERAS_BACKEND": "torch",
            ENDED: str(ended),
            TIED: "1",
        }
        if not told:
            # Nothing is written there; however this process ends, the pipe does, too.
            processes.append(
                subprocess.Popen(
                    [*launcher, *command], env=environment, stdin=subprocess.PIPE
                )
            )
            if told and not passed_on:
                # While it was started, when nobody could pass it on.
                processes[0].send_signal(signal.SIGTERM)
        code = processes[0].wait() if processes else 128 + signal.SIGTERM
        has_ended = ended.exists()
    sys.exit(128 + signal.SIGTERM if has_ended else code)


def _end_with_the_command():
    """Tells this process to end once the command that started it is gone."""
    # Not `sys.stdin`, whose lock a thread must not hold when the process ends.
    os.read(0, 1)
    os.kill(os.getpid(), signal.SIGTERM)
