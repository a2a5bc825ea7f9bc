"""The pair of losses that a GAN's players minimize, and what it asks of its networks.

Both functions of a pair take `(real_logits, fake_logits)`, float tensors of shape
(B, ...) with any range, and return a scalar to minimize. A generator's loss ignores the
real logits except where `needs_real_logits` says otherwise. Each has a form that stays
finite for logits of at least 1e4 in size.
"""

import keras
from keras import ops

from kerasgen import replicas
from kerasgen.arguments import check_boolean
from kerasgen.losses.discriminator_head import output_range


@keras.saving.register_keras_serializable(package="kerasgen")
class AdversarialLoss:
    """A discriminator's and a generator's loss.

    Args:
        discriminator: Function `(real_logits, fake_logits)` -> scalar tensor.
        generator: Function `(real_logits, fake_logits)` -> scalar tensor.
        needs_real_logits: Whether `generator` reads the real logits; where it does
            not, they may be None.

    Raises:
        ValueError: A loss is no function, or `needs_real_logits` is no bool.

    Attributes:
        threshold: Score above which a sample counts as real.
        real_scores_are_high: Whether a real sample's score is above a fake's.
        head_reason: Why the discriminator's output must not be bounded.
        needs_lipschitz_critic: Whether the discriminator's loss has no end unless
            something keeps the discriminator Lipschitz, as Wasserstein's; a function
            of one's own says so by an attribute of this name.

    Example:

    >>> import numpy as np
    >>> from kerasgen import losses
    >>> zeros = np.zeros((4, 1), "float32")
    >>> round(float(losses.non_saturating.discriminator(zeros, zeros)), 4)
    1.3863
    """

    threshold = 0.0
    real_scores_are_high = True
    head_reason = "The loss takes logits, any real number."

    def __init__(self, discriminator, generator, needs_real_logits=False):
        losses = {"discriminator": discriminator, "generator": generator}
        for player, loss in losses.items():
            if not callable(loss) or isinstance(loss, type):
                raise ValueError(
                    f"`{player}` is a function of real and fake logits, such as "
                    f"kerasgen.losses.hinge.{player}; `kerasgen.losses.get` finds a "
                    f"named pair. Received: {player}={loss!r}"
                )
        self.discriminator = discriminator
        self.generator = generator
        self.needs_real_logits = check_boolean("needs_real_logits", needs_real_logits)

    @property
    def needs_lipschitz_critic(self):
        return getattr(self.discriminator, "needs_lipschitz_critic", False)

    def score(self, x, output):
        """What the pair takes for each sample, of the discriminator's output.

        Args:
            x: float (B, ...), the samples that the discriminator saw.
            output: float (B, ...), its output.

        Returns:
            The output as it is; a loss with another kind of discriminator overrides it.
        """
        return output

    def accuracies(self, real_scores, fake_scores):
        """Shares of the samples on the right side of the threshold.

        Args:
            real_scores: float (B, ...), scores of real samples.
            fake_scores: float (B, ...), scores of fakes.

        Returns:
            `(real_accuracy, fake_accuracy)`, float32 scalar tensors in [0, 1]. A score
            at the threshold is right for neither.
        """
        real = ops.cast(real_scores > self.threshold, "float32")
        fake = ops.cast(fake_scores < self.threshold, "float32")
        return ops.mean(real), ops.mean(fake)

    def check_discriminator(self, network):
        """Refuses a discriminator that cannot work with this loss.

        Args:
            network: Built Functional or Sequential `keras.Model` with one output.

        Raises:
            ValueError: It is an autoencoder, or its last layers bound its output.
        """
        shapes = [tuple(t[0].shape[1:]) for t in (network.inputs, network.outputs)]
        # Sizes that are not known yet may differ.
        if shapes[0] == shapes[1] != (1,) and None not in shapes[0]:
            raise ValueError(
                "The loss takes logits, and an autoencoder returns samples: end the "
                "discriminator in one logit, or take loss='ebgan'; logits of single "
                "pixels need a last Reshape to (num_pixels, 1). Received: "
                f"{network.name} with an output shaped like its input, {shapes[0]}"
            )
        bounds = output_range(network)
        if bounds is not None:
            raise ValueError(
                f"{self.head_reason} The discriminator's last activation or "
                "normalisation bounds its output: make its last layer linear "
                f"(activation=None). Received: {network.name} with outputs from "
                f"{bounds[0]:g} to {bounds[1]:g} where that takes -10000 to 10000"
            )
        if shapes[1][-1:] != (1,):
            raise ValueError(
                "The loss takes one logit a sample, (batch, 1), or one a patch, "
                "(batch, height, width, 1): end the discriminator in one unit. "
                f"Received: {network.name} with output shape {shapes[1]}"
            )

    def get_config(self):
        serialize = keras.saving.serialize_keras_object
        return {
            "discriminator": serialize(self.discriminator),
            "generator": serialize(self.generator),
            "needs_real_logits": self.needs_real_logits,
        }

    @classmethod
    def from_config(cls, config):
        deserialize = keras.saving.deserialize_keras_object
        return cls(**{key: deserialize(value) for key, value in config.items()})


class ComparingLoss(AdversarialLoss):
    """Base of losses that are the same for scores with a constant added.

    A sample's own score does not tell a real from a fake; it is compared with the
    other kind's mean.
    """

    def accuracies(self, real_scores, fake_scores):
        """Shares of reals above the average fake, and of fakes below the average real.

        Args:
            real_scores: float (B, ...), scores of real samples.
            fake_scores: float (B, ...), scores of fakes.

        Returns:
            `(real_accuracy, fake_accuracy)`, float32 scalar tensors in [0, 1].
        """
        real_mean, fake_mean = (
            replicas.mean(ops.mean(scores)) for scores in (real_scores, fake_scores)
        )
        reals = ops.cast(ops.greater(real_scores, fake_mean), "float32")
        fakes = ops.cast(ops.less(fake_scores, real_mean), "float32")
        return ops.mean(reals), ops.mean(fakes)


def register(target):
    """Registers a class or a function of this package for saved models."""
    return keras.saving.register_keras_serializable(package="kerasgen")(target)
