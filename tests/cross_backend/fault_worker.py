"""One of two processes that train together, and what befalls one of them.

Usage: python fault_worker.py FOLDER EVENT PROCESS, where EVENT is "none" or one of the
methods of `Event`, and PROCESS is 0 or 1. It happens once in a folder, in the seventh
step, or before training.
"""

import os
import signal
import sys
import time
from pathlib import Path

import keras

from kerasgen import backend, distribution
from kerasgen.callbacks import Checkpoint
from tests.checkpoint import script

EPOCHS = 6
EVENT_STEP = 7


class Event(keras.callbacks.Callback):
    """Real signals, and what else may befall a process."""

    def __init__(self, name, process, folder):
        super().__init__()
        self.act = getattr(self, name)
        self.is_here = distribution.is_first_process() == (process == "0")
        self.mark = folder / "happened"

    def on_train_batch_end(self, batch, logs=None):
        step = int(backend.peek(self.model, self.model.training_steps))
        if step >= EVENT_STEP and self.is_here and not self.mark.exists():
            self.mark.touch()
            self.act()

    def none(self):
        """Nothing."""

    def die(self):
        os.kill(os.getpid(), signal.SIGKILL)

    def hang(self):
        time.sleep(3600)

    def freeze(self):
        os.kill(os.getpid(), signal.SIGSTOP)

    def fail(self):
        raise RuntimeError("planned")

    def fail_early(self):
        """Nothing: `main` does it before it trains."""

    def be_told_to_end(self):
        os.kill(os.getpid(), signal.SIGTERM)


def main(folder, event, befallen):
    folder = Path(folder)
    script.reuse_compiled_steps(folder.parent / "compiled")
    distribution.data_parallel()
    process = 0 if distribution.is_first_process() else 1
    pids = folder / "pids"
    pids.mkdir(parents=True, exist_ok=True)
    (pids / str(process)).write_text(str(os.getpid()))
    if event == "fail_early" and process == int(befallen):
        mark = folder / "happened"
        if not mark.exists():
            mark.touch()
            raise RuntimeError("planned")
    model = script.make_gan()
    # Unless they are told to end, saves of every step.
    every = None if event == "be_told_to_end" else 1
    try:
        model.fit(
            script.IMAGES,
            batch_size=8,
            epochs=EPOCHS,
            verbose=0,
            callbacks=[
                Event(event, befallen, folder),
                script.LogWriter(folder / "logs"),
                Checkpoint(folder, every=every),
            ],
        )
    except SystemExit as ended:
        (folder / f"exit_code_{process}").write_text(str(ended.code))
        raise
    weights = model.get_weights()
    distribution.on_first_process(
        lambda: script.write_weights(folder / "weights.npz", weights)
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
