"""Starts workers: programs that train in several processes, as on several hosts."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import keras

ROOT = Path(__file__).resolve().parent.parent.parent
BACKEND = keras.backend.backend()
TORCHRUN = (sys.executable, "-m", "torch.distributed.run", "--standalone")


def environment_of(**more):
    return {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "KERAS_BACKEND": BACKEND,
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "OMP_NUM_THREADS": "1",
        **more,
    }


def start(command, arguments, output=subprocess.PIPE, cwd=None, **more):
    """A process of `command` with `arguments`; `more` goes into its environment."""
    return subprocess.Popen(
        [*command, *map(str, arguments)],
        cwd=cwd,
        env=environment_of(**more),
        stdout=output,
        stderr=subprocess.STDOUT,
        text=True,
    )


def finish(processes):
    """Waits for processes, and stops them all where one fails; returns their output."""
    outputs = []
    for process in processes:
        try:
            output, _ = process.communicate(timeout=500)
            assert process.returncode == 0, output[-4000:]
            outputs.append(output)
        except BaseException:
            for other in processes:
                other.kill()
                other.wait()
                # Else the test after this one fails, too.
                if other.stdout is not None:
                    other.stdout.close()
            raise
    return outputs


def hosts():
    """For each of two processes, as on two hosts: its command, and its environment."""
    with socket.socket() as one, socket.socket() as two:
        one.bind(("127.0.0.1", 0)), two.bind(("127.0.0.1", 0))
        addresses = [f"127.0.0.1:{s.getsockname()[1]}" for s in (one, two)]
    described = []
    for index in range(2):
        cluster = {"worker": addresses}
        task = {"type": "worker", "index": index}
        environment = {
            "tensorflow": {"TF_CONFIG": json.dumps({"cluster": cluster, "task": task})},
            "jax": {
                "KERAS_DISTRIBUTION_JOB_ADDRESSES": addresses[0],
                "KERAS_DISTRIBUTION_NUM_PROCESSES": "2",
                "KERAS_DISTRIBUTION_PROCESS_ID": str(index),
            },
            "torch": {},
        }[BACKEND]
        command = (sys.executable,)
        if BACKEND == "torch":
            port = addresses[0].split(":")[1]
            command = (sys.executable, "-m", "torch.distributed.run", "--nnodes", "2")
            command += ("--node-rank", str(index), "--nproc-per-node", "1")
            command += ("--master-addr", "127.0.0.1", "--master-port", port)
        described.append((command, environment))
    return described


def group():
    """As `hosts`, but on PyTorch one process that starts both."""
    if BACKEND == "torch":
        return [((*TORCHRUN, "--nproc-per-node", "2"), {})]
    return hosts()
