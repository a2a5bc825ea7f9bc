"""Adversarial losses: pairs of pure functions of logits, usable without a trainer.

- `AdversarialLoss`: a discriminator's and a generator's loss
- `minimax`, `non_saturating`, `hinge`, `wasserstein`: pairs without parameters
- `LabelSmoothing`, `LeastSquares`, `RelativisticAverage`, `EnergyBased`, `FGAN`,
  `Wasserstein`: the classes of the other pairs, most with parameters; their
  usual choices have names too, such as `least_squares`
- `pulling_away`: a term that EBGAN adds to the generator's loss

`get` finds a named pair.
"""

from kerasgen.losses.adversarial_loss import AdversarialLoss
from kerasgen.losses.critic import (
    Wasserstein,
    hinge_discriminator,
    negative_critic_generator,
    wasserstein_discriminator,
)
from kerasgen.losses.energy_based import EnergyBased, pulling_away
from kerasgen.losses.f_gan import FGAN
from kerasgen.losses.log_loss import (
    LabelSmoothing,
    log_loss_discriminator,
    minimax_generator,
    non_saturating_generator,
)
from kerasgen.losses.lsgan import LeastSquares
from kerasgen.losses.relativistic import RelativisticAverage

minimax = AdversarialLoss(log_loss_discriminator, minimax_generator)
non_saturating = AdversarialLoss(log_loss_discriminator, non_saturating_generator)
one_sided_label_smoothing = LabelSmoothing(real=0.9, fake=0.0)
two_sided_label_smoothing = LabelSmoothing(real=0.9, fake=0.1)
hinge = AdversarialLoss(hinge_discriminator, negative_critic_generator)
wasserstein = Wasserstein()
least_squares = LeastSquares(a=0.0, b=1.0, c=1.0)
least_squares_pearson = LeastSquares(a=-1.0, b=1.0, c=0.0)
relativistic_average = RelativisticAverage(log_loss_discriminator)
relativistic_average_hinge = RelativisticAverage(hinge_discriminator)
relativistic_average_least_squares = RelativisticAverage(least_squares_pearson)
ebgan = EnergyBased(margin=1.0)
f_gan_kl = FGAN("kl")
f_gan_reverse_kl = FGAN("reverse_kl")
f_gan_pearson_chi2 = FGAN("pearson_chi2")
f_gan_squared_hellinger = FGAN("squared_hellinger")
f_gan_jensen_shannon = FGAN("jensen_shannon")
f_gan_gan = FGAN("gan")
f_gan_total_variation = FGAN("total_variation")

__all__ = [
    "AdversarialLoss",
    "EnergyBased",
    "FGAN",
    "LabelSmoothing",
    "LeastSquares",
    "RelativisticAverage",
    "Wasserstein",
    "ebgan",
    "f_gan_gan",
    "f_gan_jensen_shannon",
    "f_gan_kl",
    "f_gan_pearson_chi2",
    "f_gan_reverse_kl",
    "f_gan_squared_hellinger",
    "f_gan_total_variation",
    "get",
    "hinge",
    "hinge_discriminator",
    "least_squares",
    "least_squares_pearson",
    "log_loss_discriminator",
    "minimax",
    "minimax_generator",
    "negative_critic_generator",
    "non_saturating",
    "non_saturating_generator",
    "one_sided_label_smoothing",
    "pulling_away",
    "relativistic_average",
    "relativistic_average_hinge",
    "relativistic_average_least_squares",
    "two_sided_label_smoothing",
    "wasserstein",
    "wasserstein_discriminator",
]


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
