"""Distributions of one pixel's values, as networks over pixels emit them.

Values are levels, int32 in [0, num_levels). A distribution is over one channel given
`num_parameters` numbers; several channels of a pixel are drawn in order.
"""

import math

import keras
from keras import ops

from kerasgen.arguments import check_levels


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
        logits = ops.cast(parameters, "float32") / temperature
        return inverse_cdf(uniform, ops.softmax(logits, axis=-1))

    def get_config(self):
        return {"num_levels": self.num_levels}

    @classmethod
    def from_config(cls, config):
        return cls(**config)


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
