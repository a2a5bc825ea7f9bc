"""Pictures of completions, of models that draw what is hidden of an image."""

from dataclasses import dataclass

import numpy as np

from kerasgen import plot

from .runs import GenerativeRun
from .scoring import SEED

NUM_COMPLETED, NUM_DRAWS = 5, 4


@dataclass
class CompletionRun(GenerativeRun):
    """A `GenerativeRun` whose pictures show completions too.

    test_images: uint8 images, the first of which are completed. test_labels: int labels
    of them, for a conditional model.
    """

    test_images: object = None
    test_labels: object = None

    @property
    def captions(self):
        return {
            **super().captions,
            "completions.png": "Test images, the same with their lower half hidden, "
            f"and {NUM_DRAWS} completions of each, seed {SEED}, not selected",
        }

    def save_pictures(self, folder):
        """Writes a grid of samples, and one of images completed from their top."""
        super().save_pictures(folder)
        images, labels = (
            None if part is None else part[:NUM_COMPLETED]
            for part in (self.test_images, self.test_labels)
        )
        mask = np.zeros(images.shape[1:3], bool)
        mask[: images.shape[1] // 2] = True
        draws = self.model.complete(
            images, mask, seed=SEED, labels=labels, num_draws=NUM_DRAWS
        )
        occluded = np.where(mask[..., None], images, 128).astype("uint8")
        columns = np.concatenate([images[:, None], occluded[:, None], draws], axis=1)
        plot.save_image_grid(
            folder / "completions.png",
            columns.reshape(-1, *images.shape[1:]),
            columns=2 + NUM_DRAWS,
        )
