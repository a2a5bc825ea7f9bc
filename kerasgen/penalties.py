"""Penalties on a discriminator's gradient, usable without a trainer."""

import math

import keras
from keras import ops

from kerasgen import backend

NORM_EPSILON = 1e-12


@keras.saving.register_keras_serializable(package="kerasgen")
class GradientPenalty:
    """Keeps the critic's gradient norm near 1 between real and fake samples.

    `weight * E (||grad D(x_hat)|| - 1)^2`, with x_hat uniform on the line between a
    real and a fake sample, the norm over all values of one sample, and a small
    epsilon inside the square root so that the gradient exists at 0.

    Args:
        weight: Float >= 0 that multiplies the penalty (lambda in the paper).

    Raises:
        ValueError: The weight is negative or not finite.

    Example:

    >>> import numpy as np
    >>> from kerasgen import random
    >>> from kerasgen.penalties import GradientPenalty
    >>> x = np.zeros((4, 2), "float32")
    >>> noise = random.Noise(0, 0, np.arange(4))
    >>> penalty = GradientPenalty(10.0)
    >>> value = penalty(lambda x: 3.0 * x[:, :1], x, x, noise)
    >>> round(float(value), 4)  # 10 * (3 - 1)^2
    40.0

    Reference: Gulrajani et al. 2017, "Improved Training of Wasserstein GANs",
    equation 3.
    """

    name = "gradient_penalty"

    def __init__(self, weight=10.0):
        self.weight = check_weight(weight)

    def __call__(self, discriminator, real, fake, noise, substep=0):
        """The penalty's value, a scalar float32 tensor.

        Args:
            discriminator: Function of a batch of samples.
            real: float32 (B, ...).
            fake: float32 (B, ...).
            noise: `kerasgen.random.Noise` of the batch's rows.
            substep: Integer that tells several calls within one step apart.
        """
        real, fake = ops.convert_to_tensor(real), ops.convert_to_tensor(fake)
        shape = (1,) * (len(real.shape) - 1)
        mix = noise.uniform(self.name, shape, substep)
        between = real + mix * (fake - real)
        norm = gradient_norm(discriminator, between)
        return self.weight * ops.mean(ops.square(norm - 1.0))

    def get_config(self):
        return {"weight": self.weight}

    @classmethod
    def from_config(cls, config):
        return cls(**config)


def gradient_norm(fn, x):
    """Euclidean norm of the gradient of `fn`, for each sample.

    Args:
        fn: Function of a batch whose row `i` depends on row `i` of its input.
        x: float32 (B, ...).

    Returns:
        float32 (B,), itself differentiable, at 0 too.
    """
    gradient = ops.cast(backend.input_gradient(fn, x), "float32")
    axes = tuple(range(1, len(x.shape)))
    return ops.sqrt(ops.sum(ops.square(gradient), axis=axes) + NORM_EPSILON)


def check_weight(weight):
    """Raises ValueError unless `weight` is a finite number >= 0."""
    if not math.isfinite(weight) or weight < 0:
        raise ValueError(f"`weight` is a finite number >= 0. Received: weight={weight}")
    return float(weight)
