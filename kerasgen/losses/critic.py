"""Losses of a critic without a probability: hinge and Wasserstein."""

from keras import ops

from kerasgen.losses.adversarial_loss import ComparingLoss, register


@register
def hinge_discriminator(real_logits, fake_logits):
    """`E max(0, 1 - D(x)) + E max(0, 1 + D(G(z)))`.

    Reference: Miyato et al. 2018, "Spectral Normalization for GANs", equation 16.
    """
    real = ops.mean(ops.relu(1.0 - real_logits))
    return real + ops.mean(ops.relu(1.0 + fake_logits))


@register
def negative_critic_generator(real_logits, fake_logits):
    """`-E D(G(z))`, the generator of the hinge and the Wasserstein loss.

    Reference: Miyato et al. 2018, equation 17; Arjovsky et al. 2017.
    """
    return -ops.mean(fake_logits)


@register
def wasserstein_discriminator(real_logits, fake_logits):
    """`E D(G(z)) - E D(x)`; the critic must be kept Lipschitz by other means.

    Reference: Arjovsky et al. 2017, "Wasserstein GAN", equation 2.
    """
    return ops.mean(fake_logits) - ops.mean(real_logits)


wasserstein_discriminator.needs_lipschitz_critic = True


@register
class Wasserstein(ComparingLoss):
    """`E D(G(z)) - E D(x)`, and `-E D(G(z))`, of a critic that is kept Lipschitz.

    Reference: Arjovsky et al. 2017, "Wasserstein GAN", equation 2.
    """

    needs_real_logits = False

    def __init__(self):
        pass

    def discriminator(self, real_logits, fake_logits):
        """The distance, with its sign turned."""
        return wasserstein_discriminator(real_logits, fake_logits)

    discriminator.needs_lipschitz_critic = True

    def generator(self, real_logits, fake_logits):
        """What the critic thinks of the fakes, with its sign turned."""
        return negative_critic_generator(real_logits, fake_logits)

    def get_config(self):
        return {}
