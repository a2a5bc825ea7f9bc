"""Models that draw samples row by row from counter-based noise."""

import secrets

import numpy as np
from keras import ops

from kerasgen import random, seeds
from kerasgen.arguments import check_positive_integer, is_finite_number
from kerasgen.models.base import GenerativeModel
from kerasgen.models.inputs import DataSpec
from kerasgen.models.row_batches import row_batches
from kerasgen.models.signatures import Signature, TensorInput

GENERATION_STEP = -2
COMPLETION_STEP = -4
MAX_SERVED_SAMPLES = 1024
TEMPERATURES = (1e-6, 1e6)
DRAWN = -1  # the label of a sample whose class is drawn


class SamplingModel(GenerativeModel):
    """Base of models with `sample_tensor(noise, temperature, labels, use_ema)`.

    It maps a `kerasgen.random.Noise`, a float32 scalar, int32 labels (B,) or None and a
    bool to samples in the data domain, tensors to tensors.
    """

    @property
    def sampled_classes(self):
        """Number of classes that `generate` takes labels of, or None."""
        return self.num_classes

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
            temperature: Float > 0 that multiplies the latents' standard deviation, or
                divides the log-probabilities of each value's levels in a model of
                pixels, before they are normalised again; under 1 for likelier samples.
            use_ema: Sample the moving average of the weights where there is one.
            batch_size: Samples computed at once.

        Returns:
            uint8 images (num_samples, H, W, C), or float32 vectors.

        Raises:
            ValueError: An argument is out of its range, or what is drawn from is
                missing: see `check_generates`.
        """
        self.check_generates()
        check_positive_integer("num_samples", num_samples)
        check_positive_integer("batch_size", batch_size)
        self.check_temperature(temperature)
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
        sample = self.compiled_function("sample", self._sample, bool(use_ema))
        parts = []
        for batch in row_batches(len(rows), batch_size):
            part = sample(
                rows[batch],
                seeds.seed_word(seed),
                np.asarray(temperature, np.float32),
                None if labels is None else labels[batch],
            )
            parts.append(ops.convert_to_numpy(part))
        return np.concatenate(parts)[: len(rows)]

    @staticmethod
    def check_temperature(temperature):
        """Raises ValueError unless it is a number that float32 divides by."""
        low, high = TEMPERATURES
        if not is_finite_number(temperature) or not low <= temperature <= high:
            raise ValueError(
                f"`temperature` is a number > 0, from {low:g} to {high:g}. "
                f"Received: {temperature!r}"
            )

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
        if self.sampled_classes is None:
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
        spec = DataSpec(self.data_shape, self.sampled_classes)
        return spec.check_labels(labels, num_samples)

    def _sample(self, rows, seed, temperature, labels, use_ema):
        noise = random.Noise(seed, GENERATION_STEP, rows)
        if labels is not None:
            labels = ops.where(labels < 0, self.draw_labels(noise), labels)
        return self.sample_tensor(noise, temperature, labels, use_ema)

    def draw_labels(self, noise):
        """Classes of samples that none was asked for: int32 (B,), uniform."""
        return ops.cast(noise.uniform("labels", ()) * self.sampled_classes, "int32")

    def export_signatures(self):
        """What `export` writes; a subclass with more verbs to serve adds them.

        Returns:
            Dict of name to `Signature`: "generate", from a number of samples and a
            seed; of a conditional model also from one `label`, -1 for classes drawn
            uniformly.
        """
        request = {
            "num": TensorInput((), "int32", low=1, high=MAX_SERVED_SAMPLES),
            "seed": TensorInput((), "int64", low=0, high=2**32 - 1),
        }
        if self.sampled_classes is not None:
            last = self.sampled_classes - 1
            request["label"] = TensorInput((), "int32", low=DRAWN, high=last)
        generate = Signature(self._serve_samples, request, self._generate)
        return {**super().export_signatures(), "generate": generate}

    def _serve_samples(self, num, seed, label=None):
        rows = ops.arange(num, dtype="int32")
        labels = None if label is None else ops.zeros_like(rows) + label
        # The cast keeps the low 32 bits, as `seeds.seed_word` does.
        samples = self._sample(rows, ops.cast(seed, "int32"), 1.0, labels, True)
        return {self.data_name: samples}

    def _generate(self, num, seed, label=DRAWN):
        labels = None if label == DRAWN else int(label)
        return {self.data_name: self.generate(int(num), int(seed), labels)}
