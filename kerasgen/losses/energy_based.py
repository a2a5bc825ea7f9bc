"""EBGAN: the discriminator is an autoencoder, its error the energy of a sample."""

from keras import ops

from kerasgen import replicas
from kerasgen.arguments import is_finite_number
from kerasgen.losses.adversarial_loss import AdversarialLoss, register

SMALLEST_SQUARED_NORM = 1e-24


@register
class EnergyBased(AdversarialLoss):
    """`E D(x) + E max(0, margin - D(G(z)))`, and `E D(G(z))`, with D an energy >= 0.

    The energy of a sample is the mean squared error of its reconstruction by the
    discriminator, an autoencoder; real samples have the low ones. At the best
    discriminator, the generator's loss less the mean energy of real samples is `margin`
    times the total variation.

    Deviation: the paper writes the norm of the error; its mean square does not grow
    with the size of a sample, and nor does the margin.

    A discriminator is told by its output's shape, that of its input. For data of shape
    (1,) a network of logits has it too, and is taken for an autoencoder unasked.

    Args:
        margin: Energy > 0 up to which fakes are pushed; the mean squared error of a
            sample in [-1, 1] is at most 4.

    Raises:
        ValueError: The margin is not a finite number > 0.

    Example:

    >>> import numpy as np
    >>> from kerasgen import losses
    >>> loss = losses.EnergyBased(margin=1.0)
    >>> x, reconstruction = np.ones((2, 8, 8, 1)), np.full((2, 8, 8, 1), 0.5)
    >>> energy = loss.score(x, reconstruction)
    >>> float(energy[0]), float(loss.discriminator(energy, energy))
    (0.25, 1.0)

    Reference: Zhao et al. 2017, "Energy-based Generative Adversarial Network",
    equations 1 and 2, section 2.3; Arjovsky et al. 2017, "Wasserstein GAN", appendix D
    (total variation).
    """

    needs_real_logits = False
    real_scores_are_high = False

    def __init__(self, margin=1.0):
        if not (is_finite_number(margin) and margin > 0):
            raise ValueError(
                f"`margin` is a finite number > 0. Received: margin={margin!r}"
            )
        self.margin = margin

    @property
    def threshold(self):
        """Half the margin: the best discriminator's energies are 0 and the margin."""
        return 0.5 * self.margin

    def score(self, x, output):
        """Energy of each sample: its mean squared error of reconstruction.

        Args:
            x: float (B, ...), samples.
            output: float like `x`, their reconstructions.

        Returns:
            float32 (B,), >= 0.
        """
        error = ops.cast(output, "float32") - ops.cast(x, "float32")
        return ops.mean(ops.square(error), axis=tuple(range(1, len(error.shape))))

    def discriminator(self, real_scores, fake_scores):
        """Energy of real samples, and what fakes lack to the margin."""
        short = ops.relu(self.margin - fake_scores)
        return ops.mean(real_scores) + ops.mean(short)

    def generator(self, real_scores, fake_scores):
        """Energy of the fakes."""
        return ops.mean(fake_scores)

    def accuracies(self, real_scores, fake_scores):
        """Shares of reals with an energy below the threshold, and of fakes above it.

        Args:
            real_scores: float (B,), energies of real samples.
            fake_scores: float (B,), energies of fakes.

        Returns:
            `(real_accuracy, fake_accuracy)`, float32 scalar tensors in [0, 1].
        """
        fakes_above, reals_below = super().accuracies(fake_scores, real_scores)
        return reals_below, fakes_above

    def check_discriminator(self, network):
        """Refuses a discriminator that is not an autoencoder.

        Args:
            network: Built Functional or Sequential `keras.Model` with one output.

        Raises:
            ValueError: Its output has another shape than its input.
        """
        shapes = [tuple(t[0].shape[1:]) for t in (network.inputs, network.outputs)]
        if shapes[0] != shapes[1]:
            raise ValueError(
                "EBGAN's discriminator is an autoencoder, and the energy its error: "
                "expected an output shaped like the input, such as that of an encoder "
                "followed by a decoder; a network that ends in logits needs another "
                f"loss, such as 'hinge'. Received: {network.name} with input "
                f"{shapes[0]} and output {shapes[1]}"
            )

    def get_config(self):
        return {"margin": self.margin}


def pulling_away(features):
    """EBGAN's pulling-away term: mean squared cosine of the pairs of a batch.

    Added to the generator's loss with a small weight (0.1 in the paper), of the
    encoder's features of fakes, it pushes them in different directions. In
    data-parallel training the pairs are those of the samples of all devices.

    Args:
        features: float (B, ...) of any range, B >= 2; all axes but the first are one.

    Returns:
        float32 scalar tensor in [0, 1]: 0 for orthogonal samples, 1 for parallel ones.
        A sample of zeros is orthogonal to all, with a gradient of 0.

    Raises:
        ValueError: The batch is known to hold fewer than 2 samples.

    Example:

    >>> import numpy as np
    >>> from kerasgen import losses
    >>> float(losses.pulling_away(np.eye(3, dtype="float32")))
    0.0

    Reference: Zhao et al. 2017, section 2.4.
    """
    features = ops.cast(features, "float32")
    if features.shape[0] is not None and features.shape[0] < 2:
        raise ValueError(
            "The pulling-away term compares samples: expected at least 2 in a batch. "
            f"Received: features.shape={tuple(features.shape)}"
        )
    features = ops.reshape(features, (ops.shape(features)[0], -1))
    squared = ops.sum(ops.square(features), axis=1, keepdims=True)
    directions = features / ops.sqrt(ops.maximum(squared, SMALLEST_SQUARED_NORM))
    directions, _ = replicas.gather(directions)
    cosines = ops.matmul(directions, ops.transpose(directions))
    num = ops.cast(ops.shape(directions)[0], "float32")
    others = 1.0 - ops.eye(ops.shape(directions)[0])
    return ops.sum(ops.square(cosines) * others) / (num * (num - 1.0))
