"""Relativistic losses: a sample is judged against the average of the other kind."""

import keras
from keras import ops

from kerasgen.losses.adversarial_loss import (
    AdversarialLoss,
    accuracies_by_averages,
    register,
)
from kerasgen.losses.log_loss import log_loss_discriminator


@register
class RelativisticAverage(AdversarialLoss):
    """A loss of logits less the mean logit of the other kind of sample.

    Of a discriminator's loss L(real, fake), this makes
    `L(D(x) - E D(G(z)), D(G(z)) - E D(x))` for the discriminator, and the same with
    real and fake swapped for the generator. That is the paper's non-saturating form;
    the means run over all logits of the batch, patches too, and in data-parallel
    training over what the backend takes for the batch: all of it on JAX, that of one
    device on TensorFlow and PyTorch.

    Args:
        discriminator_loss: Function `(real_logits, fake_logits)` -> scalar tensor
            of a loss that is decided at 0: `log_loss_discriminator` or
            `hinge_discriminator`.

    Raises:
        ValueError: The loss is no function.

    Example:

    >>> import numpy as np
    >>> from kerasgen import losses
    >>> loss = losses.RelativisticAverage(losses.hinge_discriminator)
    >>> real, fake = np.full((4, 1), 7.0, "float32"), np.full((4, 1), 5.0, "float32")
    >>> float(loss.discriminator(real, fake)), float(loss.generator(real, fake))
    (0.0, 6.0)

    Reference: Jolicoeur-Martineau 2018, "The Relativistic Discriminator: a Key Element
    Missing from Standard GAN", the sections on relativistic average GANs.
    """

    needs_real_logits = True
    head_reason = "Relativistic losses compare logits, any real number."

    def __init__(self, discriminator_loss=log_loss_discriminator):
        if not callable(discriminator_loss):
            raise ValueError(
                "`discriminator_loss` is a function of real and fake logits, such as "
                "kerasgen.losses.hinge_discriminator. "
                f"Received: discriminator_loss={discriminator_loss!r}"
            )
        self.discriminator_loss = discriminator_loss

    def discriminator(self, real_logits, fake_logits):
        """Reals above the average fake, and fakes below the average real."""
        return self.discriminator_loss(
            _less_average(real_logits, fake_logits),
            _less_average(fake_logits, real_logits),
        )

    def generator(self, real_logits, fake_logits):
        """The discriminator's loss with real and fake swapped."""
        return self.discriminator(fake_logits, real_logits)

    def accuracies(self, real_scores, fake_scores):
        """Shares of reals above the average fake, and of fakes below the average real.

        Args:
            real_scores: float (B, ...), scores of real samples.
            fake_scores: float (B, ...), scores of fakes.

        Returns:
            `(real_accuracy, fake_accuracy)`, float32 scalar tensors in [0, 1].
        """
        return accuracies_by_averages(real_scores, fake_scores)

    def get_config(self):
        serialize = keras.saving.serialize_keras_object
        return {"discriminator_loss": serialize(self.discriminator_loss)}


def _less_average(logits, others):
    return ops.subtract(logits, ops.mean(others))
