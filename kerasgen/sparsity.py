"""Penalties that make an autoencoder's codes sparse."""

import keras
from keras import ops

from kerasgen import replicas
from kerasgen.arguments import check_non_negative, check_open_unit
from kerasgen.losses.discriminator_head import output_range


class Sparsity:
    """Base: a weighted penalty on a batch of codes, (B, latent_dim) -> scalar."""

    name = "sparsity"

    def __init__(self, weight):
        check_non_negative("weight", weight)
        self.weight = weight

    def check_encoder(self, encoder):
        """Raises ValueError where the encoder's codes do not suit the penalty.

        Args:
            encoder: Built `keras.Model`.
        """

    def get_config(self):
        return {"weight": self.weight}

    @classmethod
    def from_config(cls, config):
        return cls(**config)


@keras.saving.register_keras_serializable(package="kerasgen")
class L1Sparsity(Sparsity):
    """`weight * mean over samples of sum |z|`; with ReLU codes many are exactly 0.

    Args:
        weight: Number >= 0, in nats a unit of the codes.

    Raises:
        ValueError: `weight` is out of range.

    Example:

    >>> import numpy as np
    >>> from kerasgen.sparsity import L1Sparsity
    >>> float(L1Sparsity(0.5)(np.array([[1.0, -2.0], [0.0, 1.0]], "float32")))
    1.0

    Reference: Goodfellow et al. 2016, "Deep Learning", section 14.2.1.
    """

    def __init__(self, weight=1.0):
        super().__init__(weight)

    def __call__(self, z):
        return self.weight * ops.mean(ops.sum(ops.abs(z), axis=-1))


@keras.saving.register_keras_serializable(package="kerasgen")
class KLSparsity(Sparsity):
    """`weight * sum over units of KL(target || mean activation)`, of Bernoullis.

    The mean is over the batch. It takes codes in [0, 1], those of a sigmoid.

    Args:
        weight: Number >= 0 (beta in the source).
        target: Mean activation in (0, 1) that costs nothing (rho in the source).

    Raises:
        ValueError: An argument is out of its range.

    Example:

    >>> import numpy as np
    >>> from kerasgen.sparsity import KLSparsity
    >>> penalty = KLSparsity(weight=1.0, target=0.25)
    >>> round(float(penalty(np.array([[0.5], [0.0]], "float32"))), 4)
    0.0

    Reference: Ng 2011, "Sparse Autoencoder", CS294A lecture notes, section 3.
    """

    def __init__(self, weight=1.0, target=0.05):
        super().__init__(weight)
        check_open_unit("target", target)
        self.target = target

    def check_encoder(self, encoder):
        if output_range(encoder) != (0.0, 1.0):
            raise ValueError(
                "Activations are taken for probabilities: expected an encoder whose "
                "last activation is a sigmoid for KLSparsity. "
                f"Received: codes in {output_range(encoder) or 'any range'}"
            )

    def __call__(self, z):
        mean = replicas.mean(ops.mean(z, axis=0))
        mean = ops.clip(mean, 1e-6, 1.0 - 1e-6)
        p = self.target
        kl = p * ops.log(p / mean) + (1.0 - p) * ops.log((1.0 - p) / (1.0 - mean))
        return self.weight * ops.sum(kl)

    def get_config(self):
        return {**super().get_config(), "target": self.target}
