"""f-GAN: a generator trained on the variational bound of an f-divergence."""

import keras
from keras import ops

from kerasgen import divergences
from kerasgen.arguments import check_boolean
from kerasgen.losses.adversarial_loss import AdversarialLoss, register


@register
class FGAN(AdversarialLoss):
    """`E f*(g(V(G(z)))) - E g(V(x))`, and `-E f*(g(V(G(z))))`, V the logits.

    The discriminator makes the bound `E_p T - E_q f*(T)` of the divergence as high as
    it can, with T = g(V), and the generator makes it low.

    Args:
        divergence: `kerasgen.divergences.FDivergence`, or the name of one: "kl",
            "reverse_kl", "pearson_chi2", "squared_hellinger", "jensen_shannon", "gan"
            or "total_variation".
        non_saturating: Whether the generator's loss is `-E g(V(G(z)))` instead, which
            is far stronger while the discriminator tells its fakes; it has the same
            fixed points.

    Raises:
        ValueError: There is no such divergence, or `non_saturating` is no bool.

    Example:

    >>> import numpy as np
    >>> from kerasgen import losses
    >>> loss = losses.FGAN("kl")
    >>> ones = np.ones((4, 1), "float32")  # the best V where p equals q
    >>> float(loss.discriminator(ones, ones)), float(loss.generator(None, ones))
    (0.0, -1.0)

    Reference: Nowozin et al. 2016, "f-GAN", equation 6 and section 3.2. Deviations: see
    `kerasgen.divergences.KullbackLeibler`.
    """

    needs_real_logits = False
    head_reason = (
        "An f-GAN puts its own activation on the discriminator's output, and reaches "
        "its divergence only from all real numbers."
    )

    def __init__(self, divergence, non_saturating=False):
        self.f_divergence = divergences.get(divergence)
        self.divergence = divergence
        self.non_saturating = check_boolean("non_saturating", non_saturating)

    @property
    def threshold(self):
        """f'(1), the best critic's T where p equals q."""
        return self.f_divergence.slope_at_one

    def discriminator(self, real_logits, fake_logits):
        """The bound, with its sign turned."""
        gain = ops.mean(self.f_divergence.activation(real_logits))
        return ops.mean(self._conjugate(fake_logits)) - gain

    def generator(self, real_logits, fake_logits):
        """The part of the bound that depends on the fakes, or its alternative."""
        if self.non_saturating:
            return -ops.mean(self.f_divergence.activation(fake_logits))
        return -ops.mean(self._conjugate(fake_logits))

    def accuracies(self, real_scores, fake_scores):
        """Shares of reals with a T above f'(1), and of fakes with one below.

        Args:
            real_scores: float (B, ...), logits of real samples.
            fake_scores: float (B, ...), logits of fakes.

        Returns:
            `(real_accuracy, fake_accuracy)`, float32 scalar tensors in [0, 1].
        """
        activation = self.f_divergence.activation
        return super().accuracies(activation(real_scores), activation(fake_scores))

    def _conjugate(self, logits):
        return self.f_divergence.conjugate_of_activation(logits)

    def get_config(self):
        divergence = self.divergence
        if not isinstance(divergence, str):
            divergence = keras.saving.serialize_keras_object(divergence)
        return {"divergence": divergence, "non_saturating": self.non_saturating}
