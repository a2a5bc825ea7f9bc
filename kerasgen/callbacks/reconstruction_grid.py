"""Writes a grid of samples and their reconstructions after each epoch."""

import numpy as np

from kerasgen import distribution, plot
from kerasgen.arguments import check_positive_integer
from kerasgen.callbacks.picture_folder import PictureFolder
from kerasgen.models.encoding_model import EncodingModel
from kerasgen.models.map_batches import check_given_labels

COLUMNS = 16


class ReconstructionGrid(PictureFolder):
    """Writes images above their reconstructions to a folder as the model learns.

    `fit` creates the folder, and refuses one that cannot be written, before it trains;
    so it does images or labels that do not fit the model.

    Args:
        path: Run folder; pictures lie in `path/reconstructions/epoch-0001.png` and so
            on.
        images: uint8 (N, H, W, C), N at most 16 or a multiple of it.
        every: Epochs between two pictures.
        labels: int (N,), for a conditional model.

    Raises:
        TypeError: The images are not uint8.
        ValueError: An argument is out of its range.

    Example:

    >>> import numpy as np
    >>> import kerasgen
    >>> x = np.zeros((16, 8, 8, 1), "uint8")
    >>> callbacks = [kerasgen.callbacks.ReconstructionGrid("runs/a", x)]
    """

    def __init__(self, path, images, every=1, labels=None):
        super().__init__(path, "reconstructions")
        check_positive_integer("every", every)
        images = np.asarray(images)
        fills_rows = len(images) % COLUMNS == 0 or len(images) < COLUMNS
        if images.ndim != 4 or not len(images) or not fills_rows:
            raise ValueError(
                f"Expected images (N, H, W, C), N at most {COLUMNS} or a multiple of "
                f"it. Received: shape={images.shape}"
            )
        if images.dtype != np.uint8:
            raise TypeError(f"Expected uint8 images. Received: dtype={images.dtype}")
        self.images = images
        self.labels = labels
        self.every = every

    def on_train_begin(self, logs=None):
        if not isinstance(self.model, EncodingModel):
            raise ValueError(
                "Expected a model with `reconstruct`, such as Autoencoder. "
                f"Received: {type(self.model).__name__}"
            )
        spec = self.model.data_spec()
        spec.scan(self.images)
        check_given_labels(self.model, self.labels, len(self.images))
        spec.check_labels(self.labels, len(self.images))
        self.prepare("reconstruction grids")

    def on_epoch_end(self, epoch, logs=None):
        if (epoch + 1) % self.every == 0:
            brought = self.model.reconstruct(self.images, self.labels)
            path = self.folder / f"epoch-{epoch + 1:04d}.png"
            distribution.on_first_process(lambda: self._draw(path, brought))

    def _draw(self, path, brought):
        plot.save_image_grid(
            path,
            plot.pair_rows(self.images, brought, COLUMNS),
            columns=min(COLUMNS, len(self.images)),
        )
