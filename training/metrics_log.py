"""metrics.csv: one row an epoch, also where a run was cut off and resumed."""

import csv
import io
from pathlib import Path

import keras

from kerasgen.files import write_atomically


class MetricsLog(keras.callbacks.CSVLogger):
    """Keras's CSVLogger, which takes back rows of epochs that are trained again.

    A kill between the row of an epoch and its checkpoint makes the resumed run train
    that epoch once more. The checkpoint decides where the run goes on; rows from there
    on, and one that was cut off, are removed when its first epoch begins.

    Args:
        filename: Path of the file, created where missing.
    """

    def __init__(self, filename):
        super().__init__(filename, append=True)

    def on_train_begin(self, logs=None):
        super().on_train_begin(logs)
        self._is_first_epoch = True

    def on_epoch_begin(self, epoch, logs=None):
        if self._is_first_epoch:
            self._is_first_epoch = False
            self._drop_rows_from(epoch)

    def _drop_rows_from(self, epoch):
        path = Path(self.filename)
        self.csv_file.close()
        content = path.read_bytes()
        kept = _rows_before(content.decode(), epoch)
        if kept.encode() != content:
            write_atomically(path, kept.encode())
        self.append_header = not kept
        self.csv_file = open(path, "a", newline="")


def _rows_before(text, epoch):
    """The header and the whole rows of earlier epochs."""
    header, *rows = list(csv.reader(io.StringIO(text))) or [[]]
    whole = [r for r in rows if len(r) == len(header) and r[0].isdecimal()]
    kept = [row for row in whole if int(row[0]) < epoch]
    if not kept:
        return ""
    buffer = io.StringIO()
    csv.writer(buffer).writerows([header, *kept])
    return buffer.getvalue()
