"""Models that decode latents to samples."""

import numpy as np
from keras import ops

from kerasgen.arguments import as_numbers, check_positive_integer
from kerasgen.models.base import GenerativeModel
from kerasgen.models.map_batches import check_given_labels
from kerasgen.models.signatures import Signature, TensorInput, label_input


class DecodingModel(GenerativeModel):
    """Base of models with a `latent_dim` and `decode(z, use_ema)`.

    `decode` maps latents, float32 (B, latent_dim), to samples in the model domain. That
    of a conditional model takes int32 labels (B,) as a third argument.
    """

    def decode_path(self, path, use_ema=True, labels=None, batch_size=256):
        """Samples of latents, in the data domain.

        Args:
            path: Finite float array (..., latent_dim).
            use_ema: As in `generate`.
            labels: int array of the path's leading shape, for conditional models.
            batch_size: Samples computed at once.

        Returns:
            uint8 array (..., H, W, C), or float32 for vectors.

        Raises:
            TypeError: The labels are not integers.
            ValueError: The latents are of another size or not finite, or labels are
                missing or do not fit.
        """
        check_positive_integer("batch_size", batch_size)
        path = as_numbers("latents", path)
        is_path = path.ndim > 1 and path.size and path.shape[-1] == self.latent_dim
        if not is_path or not np.isfinite(path).all():
            raise ValueError(
                f"Expected finite latents of shape (..., {self.latent_dim}). "
                f"Received: shape={path.shape}"
            )
        flat = path.reshape(-1, self.latent_dim)
        classes = None if labels is None else np.reshape(labels, -1)
        check_given_labels(self, classes, len(flat))
        classes = self.data_spec().check_labels(classes, len(flat))
        decode = self.compiled_function("decode", self.decode_tensor, bool(use_ema))
        parts = []
        for start in range(0, len(flat), batch_size):
            part = slice(start, start + batch_size)
            samples = decode(flat[part], None if classes is None else classes[part])
            parts.append(ops.convert_to_numpy(samples))
        return np.concatenate(parts).reshape(*path.shape[:-1], *self.data_shape)

    def decode_tensor(self, z, labels=None, use_ema=True):
        """Latents to the data domain, tensors to tensors, for graphs."""
        # A model without labels may leave them out of its `decode`.
        given = () if labels is None else (labels,)
        return self.to_data_domain(self.decode(z, use_ema, *given))

    def export_signatures(self):
        """Adds "serve", from latents (and labels), which is served by default."""
        latents = {"z": TensorInput((None, self.latent_dim), "float32")}
        latents.update(label_input(self.num_classes))
        serve = Signature(self._serve, latents)
        return {"serve": serve, **super().export_signatures()}

    def _serve(self, z, labels=None):
        return {self.data_name: self.decode_tensor(z, labels)}
