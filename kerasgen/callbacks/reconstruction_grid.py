"""Writes a grid of samples and their reconstructions after each epoch."""

import keras
import numpy as np

from kerasgen import distribution, plot
from kerasgen.arguments import check_positive_integer
from kerasgen.files import check_folder_path, make_folder, remove_orphans

COLUMNS = 16


class ReconstructionGrid(keras.callbacks.Callback):
    """Writes images above their reconstructions to `path/samples` as the model learns.

    `fit` creates the folder, and refuses one that cannot be written, before it trains.

    Args:
        path: Run folder; pictures lie in `path/samples/epoch-0001.png` and so on.
        images: uint8 (N, H, W, C), N at most 16 or a multiple of it.
        every: Epochs between two pictures.
        labels: int (N,), for a conditional model.

    Raises:
        ValueError: An argument is out of its range.

    Example:

    >>> import numpy as np
    >>> import kerasgen
    >>> x = np.zeros((16, 8, 8, 1), "uint8")
    >>> callbacks = [kerasgen.callbacks.ReconstructionGrid("runs/a", x)]
    """

    def __init__(self, path, images, every=1, labels=None):
        super().__init__()
        check_positive_integer("every", every)
        images = np.asarray(images)
        fills_rows = len(images) % COLUMNS == 0 or len(images) < COLUMNS
        if images.ndim != 4 or not len(images) or not fills_rows:
            raise ValueError(
                f"Expected images (N, H, W, C), N at most {COLUMNS} or a multiple of "
                f"it. Received: shape={images.shape}"
            )
        self.folder = check_folder_path(path) / "samples"
        self.images = images
        self.labels = labels
        self.every = every

    def on_train_begin(self, logs=None):
        if not hasattr(self.model, "reconstruct"):
            raise ValueError(
                "Expected a model with `reconstruct`, such as Autoencoder. "
                f"Received: {type(self.model).__name__}"
            )
        distribution.on_first_process(self._prepare_folder)

    def on_epoch_end(self, epoch, logs=None):
        if (epoch + 1) % self.every == 0:
            given = () if self.labels is None else (self.labels,)
            brought = self.model.reconstruct(self.images, *given)
            path = self.folder / f"epoch-{epoch + 1:04d}.png"
            distribution.on_first_process(lambda: self._draw(path, brought))

    def _prepare_folder(self):
        make_folder(self.folder, "reconstruction grids")
        remove_orphans(self.folder)

    def _draw(self, path, brought):
        plot.save_image_grid(
            path,
            plot.pair_rows(self.images, brought, COLUMNS),
            columns=min(COLUMNS, len(self.images)),
        )
