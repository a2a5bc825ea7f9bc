"""Writes a grid of samples after each epoch."""

from pathlib import Path

import keras

from kerasgen import plot, random
from kerasgen.files import remove_orphans
from kerasgen.models.inputs import check_positive_integer


class SampleGrid(keras.callbacks.Callback):
    """Writes samples of the same latents to `path/samples` as the model learns.

    Args:
        path: Run folder; pictures lie in `path/samples/epoch-0001.png` and so on.
        num_samples: Samples in one picture.
        every: Epochs between two pictures.
        seed: Integer in [0, 2**32), seed of the latents.

    Raises:
        ValueError: An argument is out of its range.

    Example:

    >>> import keras, kerasgen
    >>> gan = kerasgen.models.dcgan((8, 8, 1), latent_dim=4, filters=4)
    >>> gan.compile()
    >>> callbacks = [kerasgen.callbacks.SampleGrid("runs/a", num_samples=16)]
    """

    def __init__(self, path, num_samples=64, every=1, seed=0):
        super().__init__()
        check_positive_integer("num_samples", num_samples)
        check_positive_integer("every", every)
        self.folder = Path(path) / "samples"
        self.num_samples = num_samples
        self.every = every
        self.seed = random.check_seed(seed)

    def on_epoch_end(self, epoch, logs=None):
        if (epoch + 1) % self.every == 0:
            self.folder.mkdir(parents=True, exist_ok=True)
            remove_orphans(self.folder)
            images = self.model.generate(self.num_samples, seed=self.seed)
            plot.save_image_grid(self.folder / f"epoch-{epoch + 1:04d}.png", images)
