"""Adversarial losses: pairs of pure functions of logits, usable without a trainer.

Both functions of a pair take `(real_logits, fake_logits)`, float tensors of shape
(B, ...) with any range, and return a scalar to minimize. `generator` ignores the real
logits except where its docstring says otherwise. Losses are written with softplus, so
they stay finite for any finite logit.
"""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="kerasgen")
class AdversarialLoss:
    """A discriminator's and a generator's loss.

    Args:
        discriminator: Function `(real_logits, fake_logits)` -> scalar tensor.
        generator: Function `(real_logits, fake_logits)` -> scalar tensor.

    Example:

    >>> import numpy as np
    >>> from kerasgen import losses
    >>> zeros = np.zeros((4, 1), "float32")
    >>> round(float(losses.non_saturating.discriminator(zeros, zeros)), 4)
    1.3863
    """

    def __init__(self, discriminator, generator):
        self.discriminator = discriminator
        self.generator = generator

    def get_config(self):
        serialize = keras.saving.serialize_keras_object
        return {
            "discriminator": serialize(self.discriminator),
            "generator": serialize(self.generator),
        }

    @classmethod
    def from_config(cls, config):
        deserialize = keras.saving.deserialize_keras_object
        return cls(**{key: deserialize(value) for key, value in config.items()})


def _register(fn):
    return keras.saving.register_keras_serializable(package="kerasgen")(fn)


@_register
def log_loss_discriminator(real_logits, fake_logits):
    """`-E log D(x) - E log(1 - D(G(z)))` with D the sigmoid of the logits.

    Reference: Goodfellow et al. 2014, "Generative Adversarial Nets", equation 1.
    """
    return ops.mean(ops.softplus(-real_logits)) + ops.mean(ops.softplus(fake_logits))


@_register
def minimax_generator(real_logits, fake_logits):
    """`E log(1 - D(G(z)))`, which saturates where the discriminator is sure.

    Reference: Goodfellow et al. 2014, equation 1.
    """
    return -ops.mean(ops.softplus(fake_logits))


@_register
def non_saturating_generator(real_logits, fake_logits):
    """`-E log D(G(z))`.

    Reference: Goodfellow et al. 2014, section 3.
    """
    return ops.mean(ops.softplus(-fake_logits))


@_register
def hinge_discriminator(real_logits, fake_logits):
    """`E max(0, 1 - D(x)) + E max(0, 1 + D(G(z)))`.

    Reference: Miyato et al. 2018, "Spectral Normalization for GANs", equation 16.
    """
    real = ops.mean(ops.relu(1.0 - real_logits))
    return real + ops.mean(ops.relu(1.0 + fake_logits))


@_register
def negative_critic_generator(real_logits, fake_logits):
    """`-E D(G(z))`, the generator of the hinge and the Wasserstein loss.

    Reference: Miyato et al. 2018, equation 17; Arjovsky et al. 2017.
    """
    return -ops.mean(fake_logits)


@_register
def wasserstein_discriminator(real_logits, fake_logits):
    """`E D(G(z)) - E D(x)`; the critic must be kept Lipschitz by other means.

    Reference: Arjovsky et al. 2017, "Wasserstein GAN", equation 2.
    """
    return ops.mean(fake_logits) - ops.mean(real_logits)


minimax = AdversarialLoss(log_loss_discriminator, minimax_generator)
non_saturating = AdversarialLoss(log_loss_discriminator, non_saturating_generator)
hinge = AdversarialLoss(hinge_discriminator, negative_critic_generator)
wasserstein = AdversarialLoss(wasserstein_discriminator, negative_critic_generator)


def get(loss):
    """Resolves the name of a loss of this module.

    Args:
        loss: `AdversarialLoss`, or one of the names in the Raises message.

    Returns:
        `AdversarialLoss`.

    Raises:
        ValueError: There is no such loss.
    """
    if isinstance(loss, AdversarialLoss):
        return loss
    named = {
        name: value
        for name, value in globals().items()
        if isinstance(value, AdversarialLoss)
    }
    if not isinstance(loss, str) or loss not in named:
        raise ValueError(
            f"`loss` is a kerasgen.losses.AdversarialLoss or one of {sorted(named)}. "
            f"Received: loss={loss!r}"
        )
    return named[loss]
