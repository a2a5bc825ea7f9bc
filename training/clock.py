"""How long a training takes."""

import json
import time

import keras

from kerasgen import distribution
from kerasgen.files import read_json, write_atomically

SCHEMA = {"type": "number", "minimum": 0}


class Clock(keras.callbacks.Callback):
    """Seconds of the epochs of a training, summed over interrupted runs.

    Args:
        file: `pathlib.Path` of a JSON file that keeps the number, `seconds`.
    """

    def __init__(self, file):
        super().__init__()
        self.file = file
        self.seconds = 0.0
        if file.is_file():
            self.seconds = read_json(file, SCHEMA)

    def on_epoch_begin(self, epoch, logs=None):
        self._start = time.monotonic()

    def on_epoch_end(self, epoch, logs=None):
        self.seconds += time.monotonic() - self._start
        seconds = json.dumps(self.seconds).encode()
        distribution.on_first_process(lambda: write_atomically(self.file, seconds))
