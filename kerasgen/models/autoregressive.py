"""Models of pixels in order, each given those before: an exact likelihood."""

import numpy as np
from keras import ops
from scipy.special import softmax

from kerasgen import random
from kerasgen.mixtures.conditioning import draw_index
from kerasgen.models.gan_checks import check_fraction
from kerasgen.models.levels import LevelSpec, levels_to_grey
from kerasgen.models.likelihood_model import LikelihoodModel
from kerasgen.models.moving_average import MovingAverage
from kerasgen.models.pixel_sampling import Given, sample_pixels
from kerasgen.models.row_batches import row_batches
from kerasgen.models.sampling_model import COMPLETION_STEP, DRAWN
from kerasgen.models.single_player import SinglePlayer
from kerasgen.pixel_distributions import bits_of, levels_to_unit, unit_to_levels

LIKELIHOOD_ROWS = 64


class AutoregressiveModel(SinglePlayer, LikelihoodModel):
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

    @property
    def num_levels(self):
        """Grey levels of the images."""
        return self.distribution.num_levels

    def data_spec(self, value_range=None):
        return LevelSpec(
            self.num_levels, self.data_shape, self.num_classes, value_range
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
        levels = unit_to_levels(x, self.num_levels)
        # A float image a little off its levels must not tell what follows.
        x = levels_to_unit(levels, self.num_levels)
        parameters = network(x, labels, training=training)
        return self.distribution.log_prob(levels, parameters)

    def sampling_network(self, use_ema=True):
        """The network, or its moving average where there is one."""
        if use_ema and self.moving_average is not None:
            return self.moving_average.network
        return self.network

    def call(self, x, labels=None, training=False):
        """Parameters of the distribution of every value.

        `predict` gives the same batch by batch. Values between levels, which it and
        `log_likelihood` refuse, count as the nearest.

        Args:
            x: uint8 or float (B, H, W, C), or [x, labels].
            labels: int (B,), for a conditional model.
            training: Whether layers run in training mode.

        Returns:
            float (B, H, W, C, num_parameters).
        """
        if isinstance(x, list | tuple):
            x, labels = x
        if labels is None:
            # The spec of a conditional model says what was expected.
            self.data_spec().check_labels(None, 0)
        network = self.sampling_network(use_ema=not training)
        levels = unit_to_levels(self.to_model_domain(x), self.num_levels)
        x = levels_to_unit(levels, self.num_levels)
        return network(x, labels, training=training)

    def log_likelihood_of(self, samples, labels, seed, use_ema):
        return self._log_prob_of(samples, labels, use_ema).sum(axis=1)

    def _log_prob_of(self, samples, labels, use_ema):
        """Log-probability of each value on the host: float64 (B, num_values)."""
        log_prob = self.compiled_function("log_prob", self._log_prob_of_data, use_ema)
        parts = [
            ops.convert_to_numpy(
                log_prob(samples[rows], None if labels is None else labels[rows])
            )
            for rows in row_batches(len(samples), LIKELIHOOD_ROWS)
        ]
        values = np.concatenate(parts)[: len(samples)]
        return values.reshape(len(samples), -1).astype(np.float64)

    def log_likelihood_tensor(self, x, labels):
        return ops.sum(self._log_prob_of_data(x, labels, True), axis=(1, 2, 3))

    def _log_prob_of_data(self, x, labels, use_ema):
        network = self.sampling_network(use_ema)
        return self._log_prob(network, self.to_model_domain(x), labels)

    def sample_tensor(self, noise, temperature, labels, use_ema):
        uniform = noise.uniform("pixels", self.data_shape)
        network = self.sampling_network(use_ema)
        levels = sample_pixels(network, self.distribution, uniform, temperature, labels)
        return levels_to_grey(levels, self.num_levels)

    def draw_hidden(self, completion):
        """Values in raster order; a class that is drawn, by Bayes' rule before."""
        x, mask, labels, rows, laps, seed, temperature, use_ema = completion
        if labels is not None and (labels == DRAWN).any():
            labels = np.where(labels == DRAWN, self._draw_classes(completion), labels)
        draw = self.compiled_function("complete", self._complete, use_ema)
        temperature = np.asarray(temperature, np.float32)
        return draw(x, mask, labels, rows, laps, seed, temperature)

    def _draw_classes(self, completion):
        """Classes given what is kept before the first hidden value: int32 (B,)."""
        draw_noise = self.compiled_function("class", self._class_noise)
        uniform = draw_noise(completion.rows, completion.laps, completion.seed)
        _, first, image = np.unique(
            completion.rows, return_index=True, return_inverse=True
        )
        p = self._class_probabilities(
            completion.x[first], completion.mask[first], completion.use_ema
        )
        index = draw_index(p[image], ops.convert_to_numpy(uniform))
        return index.astype(np.int32)

    def _class_probabilities(self, x, mask, use_ema):
        """p(class | values kept before the first hidden one): float64 (B, K).

        Classes are equally likely beforehand. One pass of the network a class.
        """
        is_before = np.logical_and.accumulate(mask.reshape(len(x), -1), axis=1)
        log_p = [
            self._log_prob_of(x, np.full(len(x), label, np.int32), use_ema)
            for label in range(self.num_classes)
        ]
        return softmax(np.where(is_before, log_p, 0.0).sum(axis=2).T, axis=1)

    def _class_noise(self, rows, laps, seed):
        return random.Noise(seed, COMPLETION_STEP, rows, laps).uniform("labels", ())

    def _complete(self, x, mask, labels, rows, laps, seed, temperature, use_ema):
        noise = random.Noise(seed, COMPLETION_STEP, rows, laps)
        levels = unit_to_levels(self.to_model_domain(x), self.num_levels)
        return sample_pixels(
            self.sampling_network(use_ema),
            self.distribution,
            noise.uniform("pixels", self.data_shape),
            temperature,
            labels,
            Given(levels, mask),
        )

    def export_signatures(self):
        """As in the base; samples may part where values are drawn one after another."""
        signatures = super().export_signatures()
        generate = signatures["generate"]._replace(may_part=True)
        return {**signatures, "generate": generate}

    def get_config(self):
        return {
            **self._arguments,
            "num_levels": self.num_levels,
            "ema_decay": self.ema_decay,
            "seed": self.given_seed,
            "name": self.name,
        }
