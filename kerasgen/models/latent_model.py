"""Models that sample by decoding latents from a standard normal prior."""

import secrets

import numpy as np
from keras import ops

from kerasgen import random, seeds
from kerasgen.arguments import check_positive_integer
from kerasgen.models.base import GenerativeModel
from kerasgen.models.signatures import Signature, TensorInput

GENERATION_STEP = -2
MAX_SERVED_SAMPLES = 1024


class LatentModel(GenerativeModel):
    """Base of models with a `latent_dim` and `decode(z, use_ema)`.

    `decode` maps latents, float32 (B, latent_dim), to samples in the model domain.
    """

    def generate(
        self,
        num_samples,
        seed=None,
        labels=None,
        *,
        temperature=1.0,
        use_ema=True,
        batch_size=256,
    ):
        """Draws samples; the same seed gives the same images on every backend.

        Args:
            num_samples: Integer >= 1.
            seed: Integer in [0, 2**32), or None for fresh noise.
            labels: int (num_samples,), for conditional models.
            temperature: Float > 0 that multiplies the latents' standard deviation.
            use_ema: Sample the moving average of the weights where there is one.
            batch_size: Samples computed at once.

        Returns:
            uint8 images (num_samples, H, W, C), or float32 vectors.

        Raises:
            ValueError: An argument is out of its range.
        """
        check_positive_integer("num_samples", num_samples)
        check_positive_integer("batch_size", batch_size)
        is_number = isinstance(temperature, int | float | np.number)
        if not (is_number and np.isfinite(temperature) and temperature > 0):
            raise ValueError(
                f"`temperature` is a finite number > 0. Received: {temperature!r}"
            )
        if labels is not None and self.num_classes is None:
            raise ValueError(
                "This model is unconditional: expected labels=None. "
                f"Received: labels of type {type(labels).__name__}"
            )
        seed = secrets.randbits(32) if seed is None else seeds.check_seed(seed)
        size = min(num_samples, batch_size)
        sample = self.compiled_function("sample", self._sample, bool(use_ema))
        parts = []
        for start in range(0, num_samples, size):
            rows = np.arange(start, start + size, dtype=np.int32)
            part = sample(
                rows, seeds.seed_word(seed), np.asarray(temperature, np.float32)
            )
            parts.append(ops.convert_to_numpy(part))
        return np.concatenate(parts)[:num_samples]

    def _sample(self, rows, seed, temperature, use_ema):
        noise = random.Noise(seed, GENERATION_STEP, rows)
        z = self.sample_latents(noise) * temperature
        return self.decode_tensor(z, use_ema)

    def decode_path(self, path, use_ema=True, batch_size=256):
        """Samples of latents, in the data domain.

        Args:
            path: float32 array (..., latent_dim).
            use_ema: As in `generate`.
            batch_size: Samples computed at once.

        Returns:
            uint8 array (..., H, W, C), or float32 for vectors.
        """
        decode = self.compiled_function("decode", self.decode_tensor, bool(use_ema))
        flat = path.reshape(-1, self.latent_dim)
        parts = [
            ops.convert_to_numpy(decode(flat[start : start + batch_size]))
            for start in range(0, len(flat), batch_size)
        ]
        return np.concatenate(parts).reshape(*path.shape[:-1], *self.data_shape)

    def decode_tensor(self, z, use_ema=True):
        """Latents to the data domain, tensors to tensors, for graphs."""
        return self.to_data_domain(self.decode(z, use_ema))

    def sample_latents(self, noise):
        """Latents from the prior: float32 (B, latent_dim), standard normal."""
        return noise.normal("latent", (self.latent_dim,))

    def export_signatures(self):
        """What `export` writes; a subclass with more verbs to serve adds them.

        Returns:
            Dict of name to `Signature`, the one that is served by default first:
            "serve", from latents, and "generate", from a number of samples and a
            seed.
        """
        z = TensorInput((None, self.latent_dim), "float32")
        request = {
            "num": TensorInput((), "int32", low=1, high=MAX_SERVED_SAMPLES),
            "seed": TensorInput((), "int64", low=0, high=2**32 - 1),
        }
        return {
            "serve": Signature(self._serve, {"z": z}),
            "generate": Signature(self._serve_samples, request, self._generate),
        }

    def _serve(self, z):
        return {self.data_name: self.decode_tensor(z)}

    def _serve_samples(self, num, seed):
        rows = ops.arange(num, dtype="int32")
        # The cast keeps the low 32 bits, as `seeds.seed_word` does.
        samples = self._sample(rows, ops.cast(seed, "int32"), 1.0, True)
        return {self.data_name: samples}

    def _generate(self, num, seed):
        return {self.data_name: self.generate(int(num), int(seed))}
