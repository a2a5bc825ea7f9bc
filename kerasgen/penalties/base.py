"""What all penalties have in common."""

from kerasgen.arguments import check_non_negative


class Penalty:
    """A term of the discriminator's loss, beside the adversarial one.

    A subclass has a class attribute `name`, under which its value is logged and its
    noise is drawn, and `__call__`. `is_per_sample` says whether it is meaningless for
    a discriminator that mixes the samples of a batch.

    Args:
        weight: Float >= 0 that multiplies the penalty.

    Raises:
        ValueError: The weight is negative or not finite.
    """

    is_per_sample = False

    def __init__(self, weight):
        check_non_negative("weight", weight)
        self.weight = float(weight)

    def __call__(self, discriminator, real, fake, noise, substep=0):
        """The penalty's value.

        Args:
            discriminator: Function of a batch of samples.
            real: float32 (B, ...), real samples.
            fake: float32 (B, ...), generated samples.
            noise: `kerasgen.random.Noise` of the batch's rows.
            substep: Integer that tells several calls within one step apart.

        Returns:
            float32 scalar tensor.
        """
        raise NotImplementedError

    def get_config(self):
        """Constructor arguments."""
        return {"weight": self.weight}

    @classmethod
    def from_config(cls, config):
        """The inverse of `get_config`."""
        return cls(**config)
