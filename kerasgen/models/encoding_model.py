"""Models that encode samples to latents, and decode them again."""

import numpy as np

from kerasgen.models.latent_model import LatentModel
from kerasgen.models.latents import interpolate_latents
from kerasgen.models.map_batches import map_batches
from kerasgen.models.signatures import Signature, TensorInput


class EncodingModel(LatentModel):
    """Base of models with `posterior(x, training)` and `call(x)`, a reconstruction.

    `posterior` maps samples in the model domain to the mean and log-variance of z.
    """

    def encode(self, x, value_range=None):
        """Posterior means.

        Args:
            x: uint8 or float samples (B, ...), as in `fit`.
            value_range: As in `fit`.

        Returns:
            float32 (B, latent_dim).
        """
        return self.encode_distribution(x, value_range)[0]

    def encode_distribution(self, x, value_range=None):
        """Mean and log-variance of the posterior.

        Args:
            x: uint8 or float samples (B, ...), as in `fit`.
            value_range: As in `fit`.

        Returns:
            Pair of float32 arrays (B, latent_dim).
        """
        encode = self.compiled_function("encode", self.encode_tensor)
        return self.map_batches(lambda part, rows: encode(part), x, value_range)

    def encode_tensor(self, x):
        """As `encode_distribution`, tensors to tensors, for graphs."""
        return self.posterior(self.to_model_domain(x), False)

    def reconstruct(self, x, value_range=None):
        """Samples decoded from their posterior means.

        Args:
            x: uint8 or float samples (B, ...), as in `fit`.
            value_range: As in `fit`.

        Returns:
            uint8 images shaped like `x`, or float32 vectors.
        """
        reconstruct = self.compiled_function("reconstruct", self.reconstruct_tensor)
        return self.map_batches(
            lambda part, rows: (reconstruct(part),), x, value_range
        )[0]

    def reconstruct_tensor(self, x):
        """As `reconstruct`, tensors to tensors, for graphs."""
        return self.to_data_domain(self.call(self.to_model_domain(x)))

    def interpolate(self, a, b, num_steps, mode="linear", value_range=None):
        """Samples on the way between two samples, through the latent space.

        Args:
            a: Samples (B, ...) or one sample, as in `fit`.
            b: Like `a`.
            num_steps: Samples a pair, at least 2; the first and the last are the
                reconstructions of `a` and `b`.
            mode: "linear" or "spherical".
            value_range: As in `fit`.

        Returns:
            uint8 (B, num_steps, H, W, C), or float32 for vectors; without B where
            `a` is one sample.
        """
        a, b = np.asarray(a), np.asarray(b)
        is_single = a.ndim == len(self.data_shape)
        if is_single:
            a, b = a[None], b[None]
        path = interpolate_latents(
            self.encode(a, value_range),
            self.encode(b, value_range),
            num_steps,
            mode,
            self.latent_dim,
        )
        samples = self.decode_path(path)
        return samples[0] if is_single else samples

    def export_signatures(self):
        """Adds "encode" (mean and log_var) and "reconstruct" to the base's."""
        dtype = "uint8" if self.data_name == "images" else "float32"
        data = {self.data_name: TensorInput((None, *self.data_shape), dtype)}
        return {
            **super().export_signatures(),
            "encode": Signature(self._serve_encoding, data),
            "reconstruct": Signature(self._serve_reconstruction, data),
        }

    def _serve_encoding(self, **data):
        mean, log_var = self.encode_tensor(data[self.data_name])
        return {"mean": mean, "log_var": log_var}

    def _serve_reconstruction(self, **data):
        return {self.data_name: self.reconstruct_tensor(data[self.data_name])}

    def map_batches(self, fn, x, value_range):
        """Applies `fn(x, rows)` to checked batches; see `map_batches`."""
        return map_batches(
            self, lambda part, rows, labels: fn(part, rows), x, value_range=value_range
        )
