"""Distributions of one pixel's values, as networks over pixels emit them.

Values are levels, int32 in [0, num_levels). A distribution is over one channel given
`num_parameters` numbers; several channels of a pixel are drawn in order, and the
network sees to it that a channel's numbers depend on the channels before it.
"""

import math

import keras
from keras import ops

from kerasgen.arguments import check_levels, check_positive_integer
from kerasgen.likelihoods import LOG_SCALE_RANGE, logistic_log_mass


@keras.saving.register_keras_serializable(package="kerasgen")
class Categorical:
    """Any distribution over the levels: softmax of one logit a level.

    Args:
        num_levels: Integer in [2, 256].

    Raises:
        ValueError: `num_levels` is out of range.
    """

    def __init__(self, num_levels=256):
        check_levels(num_levels)
        self.num_levels = int(num_levels)

    @property
    def num_parameters(self):
        return self.num_levels

    def log_prob(self, levels, parameters):
        """Log-probabilities.

        Args:
            levels: int32 (...,).
            parameters: float (..., num_levels), logits.

        Returns:
            float32 (...,) in nats.
        """
        log_p = ops.log_softmax(ops.cast(parameters, "float32"), axis=-1)
        return ops.take_along_axis(log_p, levels[..., None], axis=-1)[..., 0]

    def draw(self, uniform, parameters, temperature):
        """Levels by the inverse of the distribution function.

        Args:
            uniform: float32 (B,) in [0, 1).
            parameters: float (B, num_levels), logits.
            temperature: float32 scalar > 0 that divides the logits.

        Returns:
            int32 (B,).
        """
        logits = ops.cast(parameters, "float32")
        return inverse_cdf(uniform, tempered_softmax(logits, temperature))

    def get_config(self):
        return {"num_levels": self.num_levels}

    @classmethod
    def from_config(cls, config):
        return cls(**config)


@keras.saving.register_keras_serializable(package="kerasgen")
class DiscretizedLogisticMixture:
    """A mixture of logistic densities, each integrated over the bins of the levels.

    A channel's parameters are the logits of the mixture, the means in the model domain
    and the logs of the scales, `num_mixtures` numbers each. Logs of scales are clipped
    to [-7, 7].

    The three colours of a pixel share one indicator of the mixture. That is the same
    as three mixtures one after another, of which each later one weighs its components
    by how well they told the earlier colours: `of_colours` makes such parameters of
    what a network emits for a pixel.

    Args:
        num_levels: Integer in [2, 256].
        num_mixtures: Components, integer >= 1.

    Raises:
        ValueError: An argument is out of range.

    Example:

    >>> from keras import ops
    >>> mixture = DiscretizedLogisticMixture(num_levels=2, num_mixtures=1)
    >>> float(ops.exp(mixture.log_prob(ops.array(1), ops.zeros(3))))  # symmetric
    0.5

    Reference: Salimans et al. 2017, "PixelCNN++: Improving the PixelCNN with
    Discretized Logistic Mixture Likelihood and Other Modifications", equations 1-3.
    """

    def __init__(self, num_levels=256, num_mixtures=10):
        check_levels(num_levels)
        check_positive_integer("num_mixtures", num_mixtures)
        self.num_levels = int(num_levels)
        self.num_mixtures = int(num_mixtures)

    @property
    def num_parameters(self):
        return 3 * self.num_mixtures

    def num_outputs(self, channels):
        """Numbers of which `of_colours` makes the parameters of a pixel's channels.

        Args:
            channels: Channels of a pixel.

        Returns:
            Integer: for each component a logit, a mean and a scale a channel, and a
            coefficient a pair of channels; 10 for three colours.
        """
        return self.num_mixtures * (1 + 2 * channels + channels * (channels - 1) // 2)

    def of_colours(self, outputs, values):
        """Parameters of each channel of a pixel, given the channels before it.

        Means of a channel are linear in the values of the channels before it, with
        coefficients tanh(output); logits add up the log-probabilities of those values.

        Args:
            outputs: float (..., num_outputs(C)), slices of one number a component: the
                logits, C slices of means, C of logs of scales, then the coefficients
                of G on R, of B on R and of B on G.
            values: float32 (..., C), the pixel's values in the model domain; the last
                channel's does not count.

        Returns:
            float32 (..., C, num_parameters).
        """
        channels = values.shape[-1]
        outputs = ops.cast(outputs, "float32")
        values = ops.cast(values, "float32")
        levels = (values + 1.0) * ((self.num_levels - 1) / 2.0)
        logits, *numbers = self._in_turn(outputs)
        means, log_scales = numbers[:channels], numbers[channels : 2 * channels]
        slopes = iter(numbers[2 * channels :])
        parameters = []
        for channel, (mean, log_scale) in enumerate(
            zip(means, log_scales, strict=True)
        ):
            for earlier in range(channel):
                mean = mean + ops.tanh(next(slopes)) * values[..., earlier, None]
            parameters.append(ops.concatenate([logits, mean, log_scale], axis=-1))
            if channel + 1 < channels:
                level = levels[..., channel, None]
                logits = logits + self._log_mass(level, mean, log_scale)
        return ops.stack(parameters, axis=-2)

    def log_prob(self, levels, parameters):
        """Log-probabilities.

        Args:
            levels: int32 (...,).
            parameters: float (..., num_parameters).

        Returns:
            float32 (...,) in nats.
        """
        logits, mean, log_scale = self._split(parameters)
        levels = ops.cast(levels, "float32")[..., None]
        log_mass = self._log_mass(levels, mean, log_scale)
        return ops.logsumexp(ops.log_softmax(logits, axis=-1) + log_mass, axis=-1)

    def draw(self, uniform, parameters, temperature):
        """Levels by the inverse of the distribution function.

        Args:
            uniform: float32 (B,) in [0, 1).
            parameters: float (B, num_parameters).
            temperature: float32 scalar > 0 that divides the log-probabilities of the
                channel's levels before they are normalised again. Components do not
                stay logistic: 1 is the model, towards 0 comes the likeliest level.

        Returns:
            int32 (B,).
        """
        # Levels last, where XLA on a CPU is 7 times faster than with the components.
        logits, mean, log_scale = (part[..., None] for part in self._split(parameters))
        levels = ops.arange(self.num_levels, dtype="float32")
        log_mass = self._log_mass(levels, mean, log_scale)
        log_p = ops.logsumexp(ops.log_softmax(logits, axis=1) + log_mass, axis=1)
        return inverse_cdf(uniform, tempered_softmax(log_p, temperature))

    def get_config(self):
        return {"num_levels": self.num_levels, "num_mixtures": self.num_mixtures}

    @classmethod
    def from_config(cls, config):
        return cls(**config)

    def _in_turn(self, outputs):
        """Slices of `num_mixtures` numbers."""
        size = self.num_mixtures
        return [
            outputs[..., start : start + size]
            for start in range(0, outputs.shape[-1], size)
        ]

    def _split(self, parameters):
        return self._in_turn(ops.cast(parameters, "float32"))

    def _log_mass(self, levels, mean, log_scale):
        log_scale = ops.clip(log_scale, *LOG_SCALE_RANGE)
        return logistic_log_mass(levels, mean, log_scale, self.num_levels)


def tempered_softmax(logits, temperature):
    """softmax(logits / temperature), finite for every temperature > 0.

    Args:
        logits: float32 (B, num_levels).
        temperature: float32 scalar > 0.

    Returns:
        float32 (B, num_levels).
    """
    highest = ops.max(logits, axis=-1, keepdims=True)
    return ops.softmax((logits - highest) / temperature, axis=-1)


def inverse_cdf(uniform, probabilities):
    """The level at which the distribution function passes a uniform number.

    Args:
        uniform: float32 (B,) in [0, 1).
        probabilities: float32 (B, num_levels) or, for all, (1, num_levels); sums near
            1.

    Returns:
        int32 (B,) in [0, num_levels).
    """
    cumulative = ops.cumsum(probabilities, axis=-1)
    below = cumulative <= uniform[:, None] * cumulative[:, -1:]
    # The last is never below, but for rounding.
    return ops.sum(ops.cast(below[:, :-1], "int32"), axis=-1)


def levels_to_unit(levels, num_levels):
    """Levels to evenly spaced values in [-1, 1], float32."""
    return ops.cast(levels, "float32") * (2.0 / (num_levels - 1)) - 1.0


def unit_to_levels(x, num_levels):
    """Values in [-1, 1] to the nearest levels, int32."""
    scaled = (ops.cast(x, "float32") + 1.0) * ((num_levels - 1) / 2.0)
    levels = ops.cast(ops.floor(scaled + 0.5), "int32")
    return ops.clip(levels, 0, num_levels - 1)


def bits_of(nats, num_values):
    """Nats of a sample of so many values, in bits a value."""
    return nats / (num_values * math.log(2.0))
