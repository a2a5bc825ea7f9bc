"""LSGAN: squares of distances to targets instead of log-probabilities."""

from keras import ops

from kerasgen.arguments import is_finite_number
from kerasgen.losses.adversarial_loss import AdversarialLoss, register


@register
class LeastSquares(AdversarialLoss):
    """`(E (D(x) - b)^2 + E (D(G(z)) - a)^2) / 2`, and `E (D(G(z)) - c)^2 / 2`.

    The best discriminator is `(b p + a q) / (p + q)`. With it and `b - c = 1`,
    `b - a = 2`, such as a = -1, b = 1, c = 0, `E_p (D - c)^2 + E_q (D - c)^2` is
    Pearson's chi-squared, the integral of `(p + q - 2 q)^2 / (p + q)`; its first term
    is none of the generator's loss, since it does not depend on the generator.

    The output must not be bounded, though the best discriminator lies in [a, b]: a
    sigmoid's slope vanishes at its ends, and with it the generator's gradient for a
    fake that is surely told, which the squares are there to keep.

    Args:
        a: The discriminator's target for fakes, below `b`.
        b: Its target for real samples.
        c: The generator's target for its fakes, above `a`.

    Raises:
        ValueError: A target is not finite or out of order.

    Example:

    >>> import numpy as np
    >>> from kerasgen import losses
    >>> loss = losses.LeastSquares(a=-1.0, b=1.0, c=0.0)
    >>> zeros = np.zeros((4, 1), "float32")
    >>> float(loss.discriminator(zeros, zeros)), float(loss.generator(None, zeros))
    (1.0, 0.0)

    Reference: Mao et al. 2017, "Least Squares Generative Adversarial Networks",
    equation 2, and equations 8 and 9 for the two choices of targets.
    """

    needs_real_logits = False
    head_reason = (
        "Least squares need an output that is not bounded: where a bounded one is sure "
        "of a fake, its slope vanishes, and with it the generator's gradient."
    )

    def __init__(self, a=0.0, b=1.0, c=1.0):
        if not all(map(is_finite_number, (a, b, c))) or not a < min(b, c):
            raise ValueError(
                "Targets are finite numbers with a < b and a < c. "
                f"Received: a={a!r}, b={b!r}, c={c!r}"
            )
        self.a = a
        self.b = b
        self.c = c

    @property
    def threshold(self):
        """The best discriminator's output where p equals q."""
        return 0.5 * (self.a + self.b)

    def discriminator(self, real_logits, fake_logits):
        """Half of the mean squared distances to b for real and to a for fake."""
        real = ops.mean(ops.square(real_logits - self.b))
        return 0.5 * (real + ops.mean(ops.square(fake_logits - self.a)))

    def generator(self, real_logits, fake_logits):
        """Half of the mean squared distance to c."""
        return 0.5 * ops.mean(ops.square(fake_logits - self.c))

    def get_config(self):
        return {"a": self.a, "b": self.b, "c": self.c}
