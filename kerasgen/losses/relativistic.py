"""Relativistic losses: a sample is judged against the average of the other kind."""

import keras
from keras import ops

from kerasgen import replicas
from kerasgen.losses.adversarial_loss import (
    AdversarialLoss,
    ComparingLoss,
    register,
)
from kerasgen.losses.log_loss import log_loss_discriminator


@register
class RelativisticAverage(ComparingLoss):
    """A loss of logits less the mean logit of the other kind of sample.

    Of a discriminator's loss L(real, fake), this makes
    `L(D(x) - E D(G(z)), D(G(z)) - E D(x))` for the discriminator, and the same with
    real and fake swapped for the generator. That is the paper's non-saturating form;
    the means run over all logits of the batch, patches too, and in data-parallel
    training over what the backend takes for the batch: all of it on JAX, that of one
    device on TensorFlow and PyTorch.

    Args:
        discriminator_loss: Function `(real_logits, fake_logits)` -> scalar tensor
            of a loss that is decided at 0, such as `log_loss_discriminator` or
            `hinge_discriminator`, or an `AdversarialLoss` whose discriminator's loss
            is one. A function of one's own is registered with Keras
            (`keras.saving.register_keras_serializable`) to be saved.

    Raises:
        ValueError: It is neither, or the loss is not decided at 0, as that of
            `LeastSquares(0, 1, 1)`, or is Wasserstein's, of which this makes twice
            itself.

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
        is_pair = isinstance(discriminator_loss, AdversarialLoss)
        if not is_pair and (
            not callable(discriminator_loss) or isinstance(discriminator_loss, type)
        ):
            raise ValueError(
                "`discriminator_loss` is a function of real and fake logits, such as "
                "kerasgen.losses.hinge_discriminator, or an AdversarialLoss. "
                f"Received: discriminator_loss={discriminator_loss!r}"
            )
        if is_pair and not (
            discriminator_loss.threshold == 0.0
            and discriminator_loss.real_scores_are_high
            and not discriminator_loss.needs_real_logits
        ):
            raise ValueError(
                "Differences of logits are decided at 0: expected a loss of logits "
                "that is, such as LeastSquares(a=-1, b=1, c=0). Received: "
                f"{type(discriminator_loss).__name__} with threshold="
                f"{discriminator_loss.threshold:g}"
            )
        pair = discriminator_loss
        if getattr(pair, "needs_lipschitz_critic", False):
            raise ValueError(
                "Of the Wasserstein loss this makes twice itself, since it compares "
                "the averages already: expected another loss, or loss='wasserstein' "
                f"alone. Received: discriminator_loss={discriminator_loss!r}"
            )
        self.discriminator_loss = discriminator_loss
        self._judge = (
            discriminator_loss.discriminator if is_pair else discriminator_loss
        )

    def discriminator(self, real_logits, fake_logits):
        """Reals above the average fake, and fakes below the average real."""
        return self._judge(
            _less_average(real_logits, fake_logits),
            _less_average(fake_logits, real_logits),
        )

    def generator(self, real_logits, fake_logits):
        """The discriminator's loss with real and fake swapped."""
        return self.discriminator(fake_logits, real_logits)

    def get_config(self):
        """Constructor arguments.

        Raises:
            NotImplementedError: The loss is a function that is not registered with
                Keras, and could not be loaded.
        """
        serialize, given = keras.saving.serialize_keras_object, self.discriminator_loss
        if not isinstance(given, AdversarialLoss):
            saving = keras.saving
            known = saving.get_registered_object(saving.get_registered_name(given))
            if known is not given:
                raise NotImplementedError(
                    "A loss that is saved is found again by its name: register the "
                    "function with keras.saving.register_keras_serializable. "
                    f"Received: discriminator_loss={given!r}"
                )
        return {"discriminator_loss": serialize(self.discriminator_loss)}


def _less_average(logits, others):
    return ops.subtract(logits, replicas.mean(ops.mean(others)))
