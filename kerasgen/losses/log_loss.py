"""The loss of the first GAN, its generators, and label smoothing."""

import math

from keras import ops

from kerasgen.arguments import is_finite_number
from kerasgen.losses.adversarial_loss import AdversarialLoss, register


@register
def log_loss_discriminator(real_logits, fake_logits):
    """`-E log D(x) - E log(1 - D(G(z)))` with D the sigmoid of the logits.

    Reference: Goodfellow et al. 2014, "Generative Adversarial Nets", equation 1.
    """
    return ops.mean(ops.softplus(-real_logits)) + ops.mean(ops.softplus(fake_logits))


@register
def minimax_generator(real_logits, fake_logits):
    """`E log(1 - D(G(z)))`, which saturates where the discriminator is sure.

    Reference: Goodfellow et al. 2014, equation 1.
    """
    return -ops.mean(ops.softplus(fake_logits))


@register
def non_saturating_generator(real_logits, fake_logits):
    """`-E log D(G(z))`.

    Reference: Goodfellow et al. 2014, section 3.
    """
    return ops.mean(ops.softplus(-fake_logits))


@register
class LabelSmoothing(AdversarialLoss):
    """The log loss with soft labels, so that the discriminator is never quite sure.

    The best discriminator is `D = (real p + fake q) / (p + q)`. One-sided smoothing
    keeps `fake` at 0: with more, the numerator holds the model's density, and fakes far
    from the data reinforce themselves. The generator is the non-saturating one.

    Args:
        real: Label of real samples, in (`fake`, 1].
        fake: Label of fakes, in [0, `real`).

    Raises:
        ValueError: A label is out of its range.

    Example:

    >>> import numpy as np
    >>> from kerasgen import losses
    >>> loss = losses.LabelSmoothing(real=0.9)
    >>> logits = np.full((4, 1), np.log(0.9 / 0.1), "float32")  # D = 0.9
    >>> surer = logits + 1.0
    >>> bool(loss.discriminator(logits, -logits) < loss.discriminator(surer, -logits))
    True

    Reference: Salimans et al. 2016, "Improved Techniques for Training GANs", section
    3.4.
    """

    needs_real_logits = False
    head_reason = "The log loss contains the sigmoid, and takes logits."

    def __init__(self, real=0.9, fake=0.0):
        are_numbers = is_finite_number(real) and is_finite_number(fake)
        if not are_numbers or not 0 <= fake < real <= 1:
            raise ValueError(
                "Labels are probabilities with `real` above `fake`: expected "
                f"0 <= fake < real <= 1. Received: real={real!r}, fake={fake!r}"
            )
        self.real = real
        self.fake = fake

    @property
    def threshold(self):
        """The logit of the best discriminator where p equals q."""
        middle = 0.5 * (self.real + self.fake)
        return math.log(middle) - math.log1p(-middle)

    def discriminator(self, real_logits, fake_logits):
        """Cross-entropies with the labels, real and fake."""
        return _cross_entropy(self.real, real_logits) + _cross_entropy(
            self.fake, fake_logits
        )

    def generator(self, real_logits, fake_logits):
        """`-E log D(G(z))`."""
        return non_saturating_generator(real_logits, fake_logits)

    def get_config(self):
        return {"real": self.real, "fake": self.fake}


def _cross_entropy(label, logits):
    positive = label * ops.softplus(-logits)
    return ops.mean(positive + (1.0 - label) * ops.softplus(logits))
