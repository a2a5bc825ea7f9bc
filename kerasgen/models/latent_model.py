"""Models that sample by decoding latents from a standard normal prior."""

import secrets

import numpy as np
from keras import ops

from kerasgen import random, seeds
from kerasgen.arguments import check_positive_integer
from kerasgen.models.base import GenerativeModel
from kerasgen.models.inputs import DataSpec
from kerasgen.models.signatures import Signature, TensorInput

GENERATION_STEP = -2
MAX_SERVED_SAMPLES = 1024
DRAWN = -1  # the label of a sample whose class is drawn


class LatentModel(GenerativeModel):
    """Base of models with a `latent_dim` and `decode(z, use_ema)`.

    `decode` maps latents, float32 (B, latent_dim), to samples in the model domain. That
    of a conditional model takes int32 labels (B,) as a third argument.
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
            labels: Classes of a conditional model: int (num_samples,) in
                [0, num_classes), or one class for all; None draws them uniformly.
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
        labels = self.check_labels(labels, num_samples)
        seed = secrets.randbits(32) if seed is None else seeds.check_seed(seed)
        rows = np.arange(num_samples, dtype=np.int32)
        return self.sample_rows(rows, seed, labels, temperature, use_ema, batch_size)

    def sample_rows(self, rows, seed, labels, temperature, use_ema, batch_size):
        """Samples of chosen rows of a draw, in the data domain.

        Args:
            rows: int32 array (N,), numbers of the samples in the draw.
            seed: Integer in [0, 2**32).
            labels: int32 array (N,), -1 where a class is drawn, or None.
            temperature: As in `generate`.
            use_ema: As in `generate`.
            batch_size: As in `generate`.

        Returns:
            uint8 (N, H, W, C), or float32 (N, D).
        """
        size = min(len(rows), batch_size)
        sample = self.compiled_function("sample", self._sample, bool(use_ema))
        parts = []
        for start in range(0, len(rows), size):
            # One shape for every call, so that one compilation serves them all.
            part = sample(
                np.resize(rows[start:], size),
                seeds.seed_word(seed),
                np.asarray(temperature, np.float32),
                None if labels is None else np.resize(labels[start:], size),
            )
            parts.append(ops.convert_to_numpy(part))
        return np.concatenate(parts)[: len(rows)]

    def check_labels(self, labels, num_samples):
        """Labels as `decode` takes them.

        Args:
            labels: As in `generate`.
            num_samples: Number of samples.

        Returns:
            int32 array (num_samples,), -1 where a class is to be drawn; None for an
            unconditional model.

        Raises:
            TypeError: The labels are not integers.
            ValueError: The model is unconditional, or labels do not fit.
        """
        if self.num_classes is None:
            if labels is not None:
                raise ValueError(
                    "This model is unconditional: expected labels=None. "
                    f"Received: labels of type {type(labels).__name__}"
                )
            return None
        if labels is None:
            return np.full(num_samples, DRAWN, np.int32)
        if np.ndim(labels) == 0:
            labels = np.full(num_samples, labels)
        spec = DataSpec(self.data_shape, self.num_classes)
        return spec.check_labels(labels, num_samples)

    def _sample(self, rows, seed, temperature, labels, use_ema):
        noise = random.Noise(seed, GENERATION_STEP, rows)
        z = self.sample_latents(noise) * temperature
        if labels is not None:
            labels = ops.where(labels < 0, self.draw_labels(noise), labels)
        return self.decode_tensor(z, labels, use_ema)

    def draw_labels(self, noise):
        """Classes of samples that none was asked for: int32 (B,), uniform."""
        return ops.cast(noise.uniform("labels", ()) * self.num_classes, "int32")

    def decode_path(self, path, use_ema=True, labels=None, batch_size=256):
        """Samples of latents, in the data domain.

        Args:
            path: float32 array (..., latent_dim).
            use_ema: As in `generate`.
            labels: int32 array of the path's leading shape, for conditional models.
            batch_size: Samples computed at once.

        Returns:
            uint8 array (..., H, W, C), or float32 for vectors.
        """
        decode = self.compiled_function("decode", self.decode_tensor, bool(use_ema))
        flat = path.reshape(-1, self.latent_dim)
        classes = None if labels is None else labels.reshape(-1)
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

    def sample_latents(self, noise):
        """Latents from the prior: float32 (B, latent_dim), standard normal."""
        return noise.normal("latent", (self.latent_dim,))

    def export_signatures(self):
        """What `export` writes; a subclass with more verbs to serve adds them.

        Returns:
            Dict of name to `Signature`, the one that is served by default first:
            "serve", from latents, and "generate", from a number of samples and a
            seed. A conditional model takes `labels` (B,) for the former and one
            `label` for the latter, -1 for classes drawn uniformly.
        """
        latents = {"z": TensorInput((None, self.latent_dim), "float32")}
        request = {
            "num": TensorInput((), "int32", low=1, high=MAX_SERVED_SAMPLES),
            "seed": TensorInput((), "int64", low=0, high=2**32 - 1),
        }
        if self.num_classes is not None:
            last = self.num_classes - 1
            latents["labels"] = TensorInput((None,), "int32", low=0, high=last)
            request["label"] = TensorInput((), "int32", low=DRAWN, high=last)
        return {
            "serve": Signature(self._serve, latents),
            "generate": Signature(self._serve_samples, request, self._generate),
        }

    def _serve(self, z, labels=None):
        return {self.data_name: self.decode_tensor(z, labels)}

    def _serve_samples(self, num, seed, label=None):
        rows = ops.arange(num, dtype="int32")
        labels = None if label is None else ops.zeros_like(rows) + label
        # The cast keeps the low 32 bits, as `seeds.seed_word` does.
        samples = self._sample(rows, ops.cast(seed, "int32"), 1.0, labels, True)
        return {self.data_name: samples}

    def _generate(self, num, seed, label=DRAWN):
        labels = None if label == DRAWN else int(label)
        return {self.data_name: self.generate(int(num), int(seed), labels)}
