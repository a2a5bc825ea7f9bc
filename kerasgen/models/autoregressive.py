"""Models of pixels in order, each given those before: an exact likelihood."""

import secrets

import numpy as np
from keras import ops

from kerasgen import random, seeds
from kerasgen.arguments import check_positive_integer
from kerasgen.datasets.levels import grey_values
from kerasgen.models.gan_checks import check_fraction
from kerasgen.models.levels import LevelSpec
from kerasgen.models.map_batches import map_compiled
from kerasgen.models.masks import check_mask
from kerasgen.models.moving_average import MovingAverage
from kerasgen.models.pixel_sampling import Given, sample_pixels
from kerasgen.models.sampling_model import COMPLETION_STEP, SamplingModel
from kerasgen.models.signatures import Signature, TensorInput, label_input
from kerasgen.models.single_player import SinglePlayer
from kerasgen.pixel_distributions import bits_of, levels_to_unit, unit_to_levels


class AutoregressiveModel(SinglePlayer, SamplingModel):
    """Base: a network over pixels in raster order and a distribution of their values.

    `log p(x)` is the sum over pixels and channels of `log p(value | those before)`:
    exact. Training minimizes its negative mean; it logs `loss` in nats an image and
    `bits_per_dim`.

    Images are uint8 on `num_levels` evenly spaced grey levels
    (`kerasgen.datasets.quantize`), all 256 by default, or floats on the same levels in
    [-1, 1].

    A subclass keeps the arguments of its network in `_arguments`, for `get_config`.

    Args:
        network: `PixelNetwork`, not yet built.
        distribution: `kerasgen.pixel_distributions` object.
        num_classes: Number of classes of a conditional model.
        ema_decay: Decay of a moving average of the weights (Polyak averaging), in
            (0, 1), which everything but training uses; None for none.
        seed: See `GenerativeModel`.
        name: Name of the model.
    """

    def __init__(
        self, network, distribution, num_classes, ema_decay=None, seed=None, name=None
    ):
        check_fraction("ema_decay", ema_decay)
        network.build()
        super().__init__(seed=seed, name=name)
        self.network = network
        self.distribution = distribution
        self.num_classes = num_classes
        self.ema_decay = ema_decay
        self.moving_average = (
            None if ema_decay is None else MovingAverage(network, ema_decay)
        )
        self.finish_init()

    @property
    def players(self):
        return {"network": [self.network]}

    @property
    def networks(self):
        average = self.moving_average
        return {
            "network": self.network,
            **({} if average is None else {"moving_average": average.network}),
        }

    @property
    def data_shape(self):
        return self.network.image_shape

    @property
    def training_terms(self):
        return ("loss", "bits_per_dim")

    evaluation_terms = training_terms

    def data_spec(self, value_range=None):
        return LevelSpec(
            self.distribution.num_levels,
            self.data_shape,
            self.num_classes,
            value_range,
        )

    def training_step(self, batch, noise):
        self.update("network", lambda: self._terms(self.network, batch, True), batch)
        if self.moving_average is not None:
            self.moving_average.update(
                self.training_steps.value, self.faults.is_clear()
            )

    def evaluation_step(self, batch, noise):
        return self._terms(self.sampling_network(), batch, False)

    def _terms(self, network, batch, training):
        log_p = self._log_prob(network, batch.x, batch.labels, training)
        nats = -ops.mean(ops.sum(log_p, axis=(1, 2, 3)))
        return {"loss": nats, "bits_per_dim": bits_of(nats, self.num_values)}

    def _log_prob(self, network, x, labels, training=False):
        """Log-probability of each value: float32 (B, H, W, C), in nats."""
        levels = unit_to_levels(x, self.distribution.num_levels)
        # A float image a little off its levels must not tell what follows.
        x = levels_to_unit(levels, self.distribution.num_levels)
        parameters = network(x, labels, training=training)
        return self.distribution.log_prob(levels, parameters)

    @property
    def num_values(self):
        """Values of an image: height x width x channels."""
        return int(np.prod(self.data_shape))

    def sampling_network(self, use_ema=True):
        """The network, or its moving average where there is one."""
        if use_ema and self.moving_average is not None:
            return self.moving_average.network
        return self.network

    def call(self, x, labels=None, training=False):
        """Parameters of the distribution of every value.

        Args:
            x: uint8 or float (B, H, W, C).
            labels: int (B,), for a conditional model.
            training: Whether layers run in training mode.

        Returns:
            float (B, H, W, C, num_parameters).
        """
        if labels is None:
            # The spec of a conditional model says what was expected.
            self.data_spec().check_labels(None, 0)
        network = self.sampling_network(use_ema=not training)
        return network(self.to_model_domain(x), labels, training=training)

    def log_likelihood(self, x, labels=None, value_range=None):
        """Exact log-likelihood of each image.

        Args:
            x: uint8 or float images (B, H, W, C), as in `fit`.
            labels: int (B,), for a conditional model: log p(x | label).
            value_range: As in `fit`.

        Returns:
            float64 (B,) in nats.
        """
        values = map_compiled(
            self,
            "log_prob",
            self._log_prob_of_data,
            x,
            labels,
            value_range,
            batch_size=64,
        )[0]
        return values.astype("float64").sum(axis=(1, 2, 3))

    def _log_prob_of_data(self, x, labels):
        network = self.sampling_network()
        return (self._log_prob(network, self.to_model_domain(x), labels),)

    def bits_per_dim(self, x, labels=None, value_range=None):
        """Code length: -log_likelihood / (height x width x channels x ln 2).

        Args:
            x: As in `log_likelihood`.
            labels: As in `log_likelihood`.
            value_range: As in `log_likelihood`.

        Returns:
            float64 (B,) in bits.
        """
        return bits_of(-self.log_likelihood(x, labels, value_range), self.num_values)

    def sample_tensor(self, noise, temperature, labels, use_ema):
        uniform = noise.uniform("pixels", self.data_shape)
        network = self.sampling_network(use_ema)
        levels = sample_pixels(network, self.distribution, uniform, temperature, labels)
        return self._to_images(levels)

    def complete(
        self,
        images,
        mask,
        seed=None,
        labels=None,
        *,
        num_draws=None,
        temperature=1.0,
        batch_size=64,
    ):
        """Draws what is hidden, given the pixels before it that are kept.

        Pixels are drawn in raster order, each given all before it: what is kept
        further down does not speak for what is hidden above it.

        Args:
            images: uint8 or float images (B, H, W, C), as in `fit`; hidden values
                may be any.
            mask: bool (B, H, W, C), (B, H, W), (H, W, C) or (H, W); True where a value
                is kept.
            seed: Integer in [0, 2**32), or None for fresh noise.
            labels: int (B,), for a conditional model; None draws them.
            num_draws: Completions of each image; None for one, without an axis.
            temperature: As in `generate`.
            batch_size: Images computed at once.

        Returns:
            uint8 (B, H, W, C), or (B, num_draws, H, W, C).

        Raises:
            TypeError: The mask is not of bools.
            ValueError: The mask has another shape, or a kept value is on no level.
        """
        check_positive_integer("batch_size", batch_size)
        images = np.asarray(images)
        if images.shape[1:] != self.data_shape:
            self.data_spec().check(images)
        mask = check_mask(mask, len(images), self.data_shape)
        # Any value may stand for a hidden one; black is on every set of levels.
        black = 0 if images.dtype == np.uint8 else -1
        x = self.data_spec().check(np.where(mask, images, images.dtype.type(black)))
        draws = 1 if num_draws is None else num_draws
        check_positive_integer("num_draws", draws)
        self.check_temperature(temperature)
        seed = secrets.randbits(32) if seed is None else seeds.check_seed(seed)
        labels = self.check_labels(labels, len(x))
        x, mask = (np.repeat(array, draws, axis=0) for array in (x, mask))
        labels = None if labels is None else np.repeat(labels, draws)
        compiled = self.compiled_function("complete", self._complete)
        size = min(len(x), batch_size)
        parts = []
        for start in range(0, len(x), size):
            rows = np.resize(np.arange(start, len(x), dtype=np.int32), size)
            part = compiled(
                rows,
                seeds.seed_word(seed),
                np.asarray(temperature, np.float32),
                x[rows],
                mask[rows],
                None if labels is None else labels[rows],
            )
            parts.append(ops.convert_to_numpy(part))
        found = np.concatenate(parts)[: len(x)]
        return found if num_draws is None else found.reshape(-1, draws, *x.shape[1:])

    def _complete(self, rows, seed, temperature, x, mask, labels):
        noise = random.Noise(seed, COMPLETION_STEP, rows)
        if labels is not None:
            labels = ops.where(labels < 0, self.draw_labels(noise), labels)
        levels = unit_to_levels(self.to_model_domain(x), self.distribution.num_levels)
        levels = sample_pixels(
            self.sampling_network(),
            self.distribution,
            noise.uniform("pixels", self.data_shape),
            temperature,
            labels,
            Given(levels, mask),
        )
        return self._to_images(levels)

    def export_signatures(self):
        """Adds "log_likelihood", of uint8 images (and labels) in nats, to the base's.

        Values between two levels are rounded to the nearest.
        """
        data = {self.data_name: TensorInput((None, *self.data_shape), "uint8")}
        data.update(label_input(self.num_classes))
        generate = super().export_signatures()["generate"]
        return {
            "generate": generate._replace(may_part=True),
            "log_likelihood": Signature(self._serve_log_likelihood, data),
        }

    def _serve_log_likelihood(self, labels=None, **data):
        (log_p,) = self._log_prob_of_data(data[self.data_name], labels)
        return {"log_likelihood": ops.sum(log_p, axis=(1, 2, 3))}

    def get_config(self):
        return {
            **self._arguments,
            "num_levels": self.distribution.num_levels,
            "ema_decay": self.ema_decay,
            "seed": self.given_seed,
            "name": self.name,
        }

    def _to_images(self, levels):
        # The grey values of `datasets.quantize`, which float32 would miss by one.
        table = ops.convert_to_tensor(grey_values(self.distribution.num_levels))
        return ops.take(table, levels, axis=0)
