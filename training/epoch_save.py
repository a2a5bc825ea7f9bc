"""Atomic saves of a plain Keras model after each epoch, for an exact resume."""

import io
import zipfile

import keras
import numpy as np

from kerasgen import backend
from kerasgen.files import remove_orphans, write_atomically

EPOCH = "epoch"
# What NumPy raises for a file that is not one of its archives.
DAMAGED = (OSError, EOFError, KeyError, TypeError, ValueError, zipfile.BadZipFile)


class EpochSave(keras.callbacks.Callback):
    """Writes weights, optimizer and epoch to one file, and reads them back.

    `kerasgen.callbacks.Checkpoint` is for a `GenerativeModel`; this is for a compiled
    classifier, whose data follow from the epoch. Put it last among the callbacks.

    Args:
        path: File, in an existing folder.
        network: Built and compiled `keras.Model`.
    """

    def __init__(self, path, network):
        super().__init__()
        self.path = path
        self.network = network
        # Else a restored state would be lost when Keras builds it.
        network.optimizer.build(network.trainable_variables)

    @property
    def _variables(self):
        return [*self.network.variables, *self.network.optimizer.variables]

    def restore(self):
        """Reads the file, where there is one, into the network, whole or not at all.

        Returns:
            Number of epochs done; 0 without a file.

        Raises:
            ValueError: The file is damaged or of another network.
        """
        remove_orphans(self.path.parent)
        if not self.path.is_file():
            return 0
        variables = self._variables
        try:
            content = io.BytesIO(self.path.read_bytes())
            with np.load(content, allow_pickle=False) as archive:
                epoch = int(archive[EPOCH])
                arrays = [archive[str(index)] for index in range(len(archive) - 1)]
        except DAMAGED as error:
            raise ValueError(
                "Expected a file of weights and optimizer; remove it to start anew. "
                f"Received: {self.path} ({error})"
            ) from error
        expected = [tuple(variable.shape) for variable in variables]
        found = [array.shape for array in arrays]
        if found != expected:
            raise ValueError(
                f"Expected {len(expected)} variables of the shapes of this network. "
                f"Received: {len(found)} variables of other shapes in {self.path}"
            )
        for variable, array in zip(variables, arrays, strict=True):
            variable.assign(array)
        return epoch

    def on_epoch_end(self, epoch, logs=None):
        backend.sync(self.network)
        arrays = [keras.ops.convert_to_numpy(v) for v in self._variables]
        buffer = io.BytesIO()
        named = {str(index): array for index, array in enumerate(arrays)}
        np.savez(buffer, **{EPOCH: epoch + 1}, **named)
        write_atomically(self.path, buffer.getvalue())
