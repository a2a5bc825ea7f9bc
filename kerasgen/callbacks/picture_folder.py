"""`PictureFolder`: where callbacks draw to in a run folder."""

import keras

from kerasgen import distribution
from kerasgen.files import check_folder_path, make_folder, remove_orphans


class PictureFolder(keras.callbacks.Callback):
    """Base of callbacks that draw into a folder of the run folder.

    Args:
        path: Run folder.
        name: Of the folder in it; one for each kind of picture.
    """

    def __init__(self, path, name):
        super().__init__()
        self.folder = check_folder_path(path) / name

    def prepare(self, what):
        """Creates the folder, at the start of `fit`.

        Args:
            what: What it is for, for errors.
        """
        distribution.on_first_process(lambda: make_folder(self.folder, what))
        self._is_swept = False

    def on_epoch_begin(self, epoch, logs=None):
        # Not before: by now `Checkpoint` has refused what another run is writing to.
        if not self._is_swept:
            distribution.on_first_process(lambda: remove_orphans(self.folder))
        self._is_swept = True
