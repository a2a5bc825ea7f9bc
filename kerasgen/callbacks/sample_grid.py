"""Writes a grid of samples after each epoch."""

from kerasgen import distribution, plot, seeds
from kerasgen.arguments import check_positive_integer
from kerasgen.callbacks.picture_folder import PictureFolder


class SampleGrid(PictureFolder):
    """Writes samples of the same latents to `path/samples` as the model learns.

    `fit` creates the folder, and refuses one that cannot be written, before it trains;
    so it does a model that has nothing to draw samples from.

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
        super().__init__(path, "samples")
        check_positive_integer("num_samples", num_samples)
        check_positive_integer("every", every)
        self.num_samples = num_samples
        self.every = every
        self.seed = seeds.check_seed(seed)

    def on_train_begin(self, logs=None):
        if len(self.model.data_shape) != 3:
            raise ValueError(
                "Expected a model of images (height, width, channels) to draw. "
                f"Received: samples of shape {self.model.data_shape}"
            )
        self.model.check_generates()
        self.prepare("sample grids")

    def on_epoch_end(self, epoch, logs=None):
        if (epoch + 1) % self.every == 0:
            images = self.model.generate(self.num_samples, seed=self.seed)
            path = self.folder / f"epoch-{epoch + 1:04d}.png"
            distribution.on_first_process(lambda: plot.save_image_grid(path, images))
