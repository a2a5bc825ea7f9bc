"""Models with an exact likelihood: of samples, and of what is hidden of them."""

import secrets
from typing import NamedTuple

import numpy as np
from keras import ops

from kerasgen import seeds
from kerasgen.arguments import check_positive_integer
from kerasgen.datasets.levels import grey_values
from kerasgen.models.levels import LevelSpec, to_grey
from kerasgen.models.map_batches import check_given_labels
from kerasgen.models.masks import check_mask
from kerasgen.models.row_batches import row_batches
from kerasgen.models.sampling_model import SamplingModel
from kerasgen.models.signatures import Signature, TensorInput, label_input
from kerasgen.pixel_distributions import bits_of

MAX_COMPLETED_VALUES = 2**31 - 1


class Completion(NamedTuple):
    """A batch of samples to complete.

    x: samples as `data_spec` returns them, (B, ...). mask: bool of that shape, True
    where a value is kept. labels: int32 (B,), -1 where a class is drawn, or None. rows,
    laps: int32 (B,), the number of each sample and of its draw. seed: int32 with the
    bits of the seed. temperature: float. use_ema: bool.
    """

    x: object
    mask: object
    labels: object
    rows: object
    laps: object
    seed: object
    temperature: float
    use_ema: bool


class LikelihoodModel(SamplingModel):
    """Base of models that know log p(x), and draw hidden values given others.

    A subclass has `num_levels`, the grey levels of its images, and defines

    - `log_likelihood_of(samples, labels, seed, use_ema)`: float64 (B,) in nats, of
      samples as `data_spec` returns them,
    - `log_likelihood_tensor(x, labels)`: the same in float32 of tensors, seed 0, for
      serving; uint8 images or float32 vectors,
    - `draw_hidden(completion)`: levels, int (B, H, W, C), or vectors, of a
      `Completion`, as an array or a tensor.
    """

    @property
    def num_values(self):
        """D, the values of a sample; of an image height x width x channels."""
        return int(np.prod(self.data_shape))

    def log_likelihood(self, x, labels=None, value_range=None, *, seed=0, use_ema=True):
        """Exact log-likelihood of each sample.

        Args:
            x: uint8 or float samples (B, ...), as in `fit`.
            labels: int (B,), for a conditional model: log p(x | label).
            value_range: As in `fit`.
            seed: Integer in [0, 2**32) of the dequantisation of images, for models of
                a density; others draw nothing. It is fixed by default, so that a
                sample has the same likelihood each time.
            use_ema: As in `generate`.

        Returns:
            float64 (B,) in nats.

        Raises:
            TypeError: The samples' dtype is not accepted.
            ValueError: Samples or labels do not fit the model, or lie in another range.
        """
        return self._score(self.data_spec(value_range), x, labels, seed, use_ema)

    def bits_per_dim(self, x, labels=None, value_range=None, *, seed=0, use_ema=True):
        """Code length of images: -log_likelihood / (height x width x channels x ln 2).

        Args:
            x: uint8 or float images (B, H, W, C) on the model's levels.
            labels: As in `log_likelihood`.
            value_range: As in `log_likelihood`.
            seed: As in `log_likelihood`.
            use_ema: As in `log_likelihood`.

        Returns:
            float64 (B,) in bits. Of a density one draw of the dequantisation, whose
            mean is an upper bound (Theis et al. 2016, "A Note on the Evaluation of
            Generative Models", equation 5).

        Raises:
            TypeError: As in `log_likelihood`.
            ValueError: As in `log_likelihood`, or the samples are no images on levels.
        """
        if len(self.data_shape) != 3:
            raise ValueError(
                "Bits per dimension are those of images. Received: samples of shape "
                f"{self.data_shape}"
            )
        spec = LevelSpec(
            self.num_levels, self.data_shape, self.num_classes, value_range
        )
        nats = -self._score(spec, x, labels, seed, use_ema)
        return bits_of(nats, self.num_values)

    def _score(self, spec, x, labels, seed, use_ema):
        seed = seeds.check_seed(seed)
        samples = spec.check(x)
        check_given_labels(self, labels, len(samples))
        labels = spec.check_labels(labels, len(samples))
        return self.log_likelihood_of(samples, labels, seed, bool(use_ema))

    def complete(
        self,
        images,
        mask,
        seed=None,
        labels=None,
        *,
        num_draws=None,
        temperature=1.0,
        use_ema=True,
        value_range=None,
        batch_size=256,
    ):
        """Draws what is hidden of samples, given what is kept.

        A mixture draws from the exact conditional distribution given all that is kept.
        A model of pixels draws in raster order, each value given all before it: what is
        kept further down does not speak for what is hidden above it. Neither does it
        for a class that is drawn, by Bayes' rule, p(class | kept) proportional to
        p(kept | class): of the values kept before the first hidden one, classes equally
        likely beforehand. Where the first value is hidden, all classes stay so.

        Args:
            images: uint8 or float images, or vectors (B, ...), as in `fit`; hidden
                values may be any.
            mask: bool, True where a value is kept: (B, ...) or the shape of one sample;
                the channels of images may be left out.
            seed: Integer in [0, 2**32), or None for fresh noise.
            labels: int (B,), or one class for all, for a conditional model; None draws
                a class for each completion.
            num_draws: Completions of each sample, less than 2**31 values in all; None
                for one, without an axis.
            temperature: As in `generate`, of the hidden values; not of classes.
            use_ema: As in `generate`.
            value_range: As in `fit`.
            batch_size: Samples computed at once.

        Returns:
            uint8 (B, H, W, C), or vectors (B, D) of their own dtype; (B, num_draws,
            ...) where that is given. Kept values are those of `images`. A sample's
            draws do not depend on how many there are.

        Raises:
            TypeError: The mask is not of bools, or the dtype is not accepted.
            ValueError: A shape, a kept value or an argument is out of its range.
        """
        check_positive_integer("batch_size", batch_size)
        draws = 1 if num_draws is None else num_draws
        draws = check_positive_integer("num_draws", draws)
        self.check_temperature(temperature)
        seed = secrets.randbits(32) if seed is None else seeds.check_seed(seed)
        spec = self.data_spec(value_range)
        images = np.asarray(images)
        if images.shape[1:] != self.data_shape:
            spec.check(images)
        mask = check_mask(mask, len(images), self.data_shape)
        x = spec.check_kept(images, mask)
        labels = self.check_labels(labels, len(x))
        num_rows = len(x) * draws
        if draws > 1 and num_rows * self.num_values > MAX_COMPLETED_VALUES:
            raise ValueError(
                "Draws of all samples are held at once: expected less than 2**31 "
                "values; more can be drawn in parts, of other seeds. Received: "
                f"num_draws={draws} of {len(x)} samples of {self.num_values} values"
            )
        parts = []
        for part in row_batches(num_rows, batch_size):
            rows, laps = np.divmod(part, np.int32(draws))
            batch = Completion(
                x[rows],
                mask[rows],
                None if labels is None else labels[rows],
                rows,
                laps,
                seeds.seed_word(seed),
                float(temperature),
                bool(use_ema),
            )
            parts.append(self._fill(batch))
        found = np.concatenate(parts)[:num_rows]
        return found if num_draws is None else found.reshape(-1, draws, *x.shape[1:])

    def _fill(self, batch):
        """The samples with what was drawn in the place of hidden values."""
        found = ops.convert_to_numpy(self.draw_hidden(batch))
        if len(self.data_shape) != 3:
            return np.where(batch.mask, batch.x, found.astype(batch.x.dtype))
        kept = to_grey(batch.x, self.num_levels)
        return np.where(batch.mask, kept, grey_values(self.num_levels)[found])

    def export_signatures(self):
        """Adds "log_likelihood", of uint8 images (and labels) or vectors, in nats.

        Values between two of fewer than 256 levels are rounded to the nearest.
        """
        dtype = "uint8" if len(self.data_shape) == 3 else "float32"
        data = {self.data_name: TensorInput((None, *self.data_shape), dtype)}
        data.update(label_input(self.num_classes))
        likelihood = Signature(self._serve_log_likelihood, data)
        return {**super().export_signatures(), "log_likelihood": likelihood}

    def _serve_log_likelihood(self, labels=None, **data):
        x = data[self.data_name]
        return {"log_likelihood": self.log_likelihood_tensor(x, labels)}
