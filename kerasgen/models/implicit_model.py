"""Models that make samples from latents and have no density: GANs and their kin."""

import numpy as np

from kerasgen.models.inputs import DataSpec
from kerasgen.models.latent_model import LatentModel
from kerasgen.models.latents import interpolate_latents


class ImplicitModel(LatentModel):
    """Base of models whose latents are noise that a user may choose."""

    def call_spec(self, value_range=None):
        """What `call` takes: latents, a `DataSpec`."""
        return DataSpec((self.latent_dim,), self.num_classes, value_range)

    def call(self, inputs, training=False):
        """Samples in the model domain, from the moving average where there is one.

        Args:
            inputs: z, or [z, labels] of a conditional model.
            training: Not used: samples are those of inference.
        """
        z, labels = (inputs, None) if self.num_classes is None else inputs
        return self.decode(z, use_ema=True, labels=labels)

    def interpolate(self, a, b, num_steps, mode="spherical", use_ema=True, labels=None):
        """Samples on the way between two latents, both ends included.

        Args:
            a: float (B, latent_dim) or (latent_dim,).
            b: Like `a`.
            num_steps: Samples a pair, at least 2.
            mode: "linear" or "spherical".
            use_ema: Use the moving average of the weights where there is one.
            labels: Class of each path, or one for all, for conditional models.

        Returns:
            uint8 (B, num_steps, H, W, C), or float32 for vectors; without B where
            `a` has none.
        """
        path = interpolate_latents(a, b, num_steps, mode, self.latent_dim)
        labels = self.check_labels(labels, len(path))
        if labels is not None:
            if labels.min() < 0:
                raise ValueError(
                    "Expected the class of each path of a conditional model. "
                    "Received: labels=None"
                )
            labels = np.repeat(labels[:, None], num_steps, axis=1)
        samples = self.decode_path(path, use_ema, labels)
        return samples[0] if np.ndim(a) == 1 else samples
