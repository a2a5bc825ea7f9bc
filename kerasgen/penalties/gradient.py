"""Penalties on a discriminator's gradient with respect to its input."""

import math

import keras
from keras import ops

from kerasgen import backend, replicas
from kerasgen.arguments import check_boolean, check_non_negative
from kerasgen.penalties.base import Penalty

NORM_EPSILON = 1e-12


@keras.saving.register_keras_serializable(package="kerasgen")
class GradientPenalty(Penalty):
    """Keeps the critic's gradient norm near 1, or at most 1, between real and fake.

    `weight * E (||grad D(x_hat)|| - 1)^2`, with x_hat uniform on the line between a
    real and a fake sample, the norm over all values of one sample, and a small
    epsilon inside the square root so that the gradient exists at 0. The one-sided
    penalty, `weight * E max(0, ||grad D(x_hat)|| - 1)^2`, leaves small norms alone.
    `GAN` refuses both beside BatchNormalization, under which a score is not the
    sample's own.

    Args:
        weight: Float >= 0 that multiplies the penalty (lambda in the paper).
        one_sided: Whether norms below 1 are free.

    Raises:
        ValueError: The weight is negative or not finite, or `one_sided` is no bool.

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
    equation 3, and section 4 on the one-sided penalty; for that one, Petzka et al.
    2018, "On the Regularization of Wasserstein GANs".
    """

    name = "gradient_penalty"
    is_per_sample = True

    def __init__(self, weight=10.0, one_sided=False):
        super().__init__(weight)
        self.one_sided = check_boolean("one_sided", one_sided)

    def __call__(self, discriminator, real, fake, noise, substep=0):
        real, fake = ops.convert_to_tensor(real), ops.convert_to_tensor(fake)
        shape = (1,) * (len(real.shape) - 1)
        mix = noise.uniform(self.name, shape, substep)
        between = real + mix * (fake - real)
        excess = gradient_norm(discriminator, between) - 1.0
        if self.one_sided:
            excess = ops.relu(excess)
        return self.weight * ops.mean(ops.square(excess))

    def get_config(self):
        return {**super().get_config(), "one_sided": self.one_sided}


@keras.saving.register_keras_serializable(package="kerasgen")
class R1(Penalty):
    """Keeps the discriminator's gradient near 0 on real samples.

    `weight / 2 * E ||grad D(x)||^2` over the reals, with D the logits. Code that
    leaves out the factor 1/2 needs half the weight.

    Args:
        weight: Float >= 0 (gamma in the paper).

    Raises:
        ValueError: The weight is negative or not finite.

    Example:

    >>> import numpy as np
    >>> from kerasgen.penalties import R1
    >>> x = np.zeros((4, 2), "float32")
    >>> value = R1(10.0)(lambda x: 3.0 * x[:, :1], x, x, None)
    >>> round(float(value), 4)  # 10 / 2 * 3^2
    45.0

    Reference: Mescheder et al. 2018, "Which Training Methods for GANs do actually
    Converge?", equation 9.
    """

    name = "r1"

    def __init__(self, weight=10.0):
        super().__init__(weight)

    def __call__(self, discriminator, real, fake, noise, substep=0):
        return _zero_centred(self.weight, discriminator, real)


@keras.saving.register_keras_serializable(package="kerasgen")
class R2(Penalty):
    """Keeps the discriminator's gradient near 0 on generated samples.

    `weight / 2 * E ||grad D(G(z))||^2`, with D the logits; the counterpart of `R1`.

    Args:
        weight: Float >= 0 (gamma in the paper).

    Raises:
        ValueError: The weight is negative or not finite.

    Example:

    >>> import numpy as np
    >>> from kerasgen.penalties import R2
    >>> x = np.zeros((4, 2), "float32")
    >>> value = R2(2.0)(lambda x: 3.0 * x[:, :1], x, x, None)
    >>> round(float(value), 4)  # 2 / 2 * 3^2
    9.0

    Reference: Mescheder et al. 2018, "Which Training Methods for GANs do actually
    Converge?", equation 10.
    """

    name = "r2"

    def __init__(self, weight=10.0):
        super().__init__(weight)

    def __call__(self, discriminator, real, fake, noise, substep=0):
        return _zero_centred(self.weight, discriminator, fake)


@keras.saving.register_keras_serializable(package="kerasgen")
class DRAGAN(Penalty):
    """Keeps the discriminator's gradient norm near 1 around real samples.

    `weight * E (||grad D(x_hat)|| - 1)^2` with `x_hat = x + a * scale * s * u`: s is
    the standard deviation of all values of the batch of reals, u is uniform in
    [0, 1) for each value and a is uniform in [0, 1) for each sample.

    In data-parallel training s is that of the batch of all devices.

    Args:
        weight: Float >= 0 that multiplies the penalty (lambda in the paper).
        scale: Float >= 0, the largest noise in standard deviations of the data.

    Raises:
        ValueError: `weight` or `scale` is negative or not finite.

    Example:

    >>> import numpy as np
    >>> from kerasgen import random
    >>> from kerasgen.penalties import DRAGAN
    >>> x = np.ones((4, 2), "float32")
    >>> noise = random.Noise(0, 0, np.arange(4))
    >>> value = DRAGAN(10.0)(lambda x: 3.0 * x[:, :1], x, x, noise)
    >>> round(float(value), 4)  # 10 * (3 - 1)^2
    40.0

    Reference: Kodali et al. 2017, "On Convergence and Stability of GANs". Deviation:
    the paper writes noise of N(0, c I); this is the noise of the authors' code
    (github.com/kodalinaveen3/DRAGAN), which follows the scale of the data.
    """

    name = "dragan"

    def __init__(self, weight=10.0, scale=0.5):
        super().__init__(weight)
        check_non_negative("scale", scale)
        self.scale = float(scale)

    def __call__(self, discriminator, real, fake, noise, substep=0):
        real = ops.convert_to_tensor(real)
        shape = tuple(real.shape[1:])
        draws = noise.uniform(self.name, (math.prod(shape) + 1,), substep)
        center = replicas.mean(ops.mean(real))
        std = ops.sqrt(replicas.mean(ops.mean(ops.square(real - center))))
        delta = draws[:, :1] * draws[:, 1:] * (self.scale * std)
        around = real + ops.reshape(delta, (-1, *shape))
        excess = gradient_norm(discriminator, around) - 1.0
        return self.weight * ops.mean(ops.square(excess))

    def get_config(self):
        return {**super().get_config(), "scale": self.scale}


def gradient_norm(fn, x):
    """Euclidean norm of the gradient of `fn`, for each sample.

    Args:
        fn: Function of a batch whose row `i` depends on row `i` of its input.
        x: float32 (B, ...).

    Returns:
        float32 (B,), itself differentiable, at 0 too.
    """
    return ops.sqrt(squared_gradient_norm(fn, x) + NORM_EPSILON)


def squared_gradient_norm(fn, x):
    """Sum of squares of the gradient of `fn`, for each sample.

    Args:
        fn: Function of a batch whose row `i` depends on row `i` of its input.
        x: float32 (B, ...).

    Returns:
        float32 (B,), itself differentiable.
    """
    gradient = ops.cast(backend.input_gradient(fn, x), "float32")
    return ops.sum(ops.square(gradient), axis=tuple(range(1, len(x.shape))))


def _zero_centred(weight, discriminator, x):
    return 0.5 * weight * ops.mean(squared_gradient_norm(discriminator, x))
