"""Weights that rise over training steps, such as that of a VAE's KL term."""

import keras
from keras import ops

from kerasgen.arguments import check_positive_integer, is_finite_number


class Annealing:
    """Base: a function of the training step, an integer -> float32 scalar tensor."""

    def __call__(self, step):
        raise NotImplementedError(f"{type(self).__name__} has no call")

    @classmethod
    def from_config(cls, config):
        return cls(**config)


@keras.saving.register_keras_serializable(package="kerasgen")
class LinearAnnealing(Annealing):
    """From 0 to 1 on a straight line, then 1.

    Args:
        num_steps: Training steps until 1, at least 1.

    Raises:
        ValueError: An argument is out of its range.

    Example:

    >>> from kerasgen.annealing import LinearAnnealing
    >>> weight = LinearAnnealing(100)
    >>> [round(float(weight(step)), 2) for step in (0, 50, 200)]
    [0.0, 0.5, 1.0]

    Reference: Bowman et al. 2016, "Generating Sentences from a Continuous Space",
    section 3.1; Sonderby et al. 2016, "Ladder Variational Autoencoders" (warm-up).
    """

    def __init__(self, num_steps):
        check_positive_integer("num_steps", num_steps)
        self.num_steps = int(num_steps)

    def __call__(self, step):
        """The weight at a training step.

        Args:
            step: Integer or int32 scalar tensor, training steps done before.

        Returns:
            float32 scalar tensor in [0, 1].
        """
        return ops.minimum(ops.cast(step, "float32") / self.num_steps, 1.0)

    def get_config(self):
        return {"num_steps": self.num_steps}


@keras.saving.register_keras_serializable(package="kerasgen")
class CyclicalAnnealing(Annealing):
    """From 0 to 1 again and again: a line in the first part of each cycle, then 1.

    Args:
        period: Training steps of a cycle, at least 1.
        rising: Share of a cycle in which the weight rises, in (0, 1].

    Raises:
        ValueError: An argument is out of its range.

    Example:

    >>> from kerasgen.annealing import CyclicalAnnealing
    >>> weight = CyclicalAnnealing(period=100, rising=0.5)
    >>> [round(float(weight(step)), 2) for step in (0, 25, 80, 125)]
    [0.0, 0.5, 1.0, 0.5]

    Reference: Fu et al. 2019, "Cyclical Annealing Schedule: A Simple Approach to
    Mitigating KL Vanishing", equation 5 (R = `rising`).
    """

    def __init__(self, period, rising=0.5):
        check_positive_integer("period", period)
        if not is_finite_number(rising) or not 0 < rising <= 1:
            raise ValueError(f"`rising` is in (0, 1]. Received: rising={rising!r}")
        self.period = int(period)
        self.rising = rising

    def __call__(self, step):
        """The weight at a training step; see `LinearAnnealing`.

        Args:
            step: Integer or int32 scalar tensor, training steps done before.

        Returns:
            float32 scalar tensor in [0, 1].
        """
        position = ops.cast(ops.mod(step, self.period), "float32") / self.period
        return ops.minimum(position / self.rising, 1.0)

    def get_config(self):
        return {"period": self.period, "rising": self.rising}
