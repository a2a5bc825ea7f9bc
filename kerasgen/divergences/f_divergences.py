"""The table of f-GAN: seven divergences, each with its f, conjugate and activation.

`D_f(P || Q) = E_q f(p / q)` for a convex f with f(1) = 0 (the GAN's is -log 4).
For any T with values in the domain of the conjugate f*,
`E_p T - E_q f*(T) <= D_f(P || Q)`, with equality at `T = f'(p / q)`. An output
activation g maps a network's output V, any real number, into that domain, and grows
with V: a large V says that a sample comes from p, the data.

f works on NumPy arrays in float64; conjugates and activations on tensors, in losses.

Reference: Nowozin et al. 2016, "f-GAN: Training Generative Neural Samplers using
Variational Divergence Minimization", equations 2 and 4, tables 1, 2 and 6.
"""

import math

import keras
import numpy as np
from keras import ops
from scipy import special

from kerasgen.divergences.base import FDivergence

LOG_2 = math.log(2.0)
# Where exp starts to grow linearly in a network's output: at a density ratio of 5e8.
EXP_LIMIT = 20.0


def _register(cls):
    return keras.saving.register_keras_serializable(package="kerasgen")(cls)


@_register
class KullbackLeibler(FDivergence):
    """`KL(P || Q) = E_p log(p / q)`, with `f(u) = u log u`.

    `f*(t) = exp(t - 1)`, `g(v) = v`.

    Deviation: g grows like a logarithm above v = 20, so that f*(g(v)) grows linearly
    there and no loss is infinite; every such T is a valid critic.
    """

    slope_at_one = 1.0

    def _f(self, log_ratio):
        return -special.entr(np.exp(log_ratio))

    def f_per_ratio(self, log_ratio):
        return log_ratio

    def _conjugate(self, t):
        return ops.exp(t - 1.0)

    def activation(self, v):
        return _limit(v)


@_register
class ReverseKullbackLeibler(FDivergence):
    """`KL(Q || P) = E_q log(q / p)`, with `f(u) = -log u`.

    `f*(t) = -1 - log(-t)` for t < 0, `g(v) = -exp(-v)`.

    Deviation: below v = -20, g grows linearly; see `KullbackLeibler`.
    """

    slope_at_one = -1.0
    slope_at_infinity = 0.0
    domain = (-math.inf, 0.0)

    def _f(self, log_ratio):
        return -log_ratio

    def _conjugate(self, t):
        return -1.0 - ops.log(-t)

    def activation(self, v):
        return -ops.exp(_limit(-v))

    def conjugate_of_activation(self, v):
        return -1.0 - _limit(-v)


@_register
class PearsonChi2(FDivergence):
    """`E_q (p / q - 1)^2`, the integral of `(p - q)^2 / q`, with `f(u) = (u - 1)^2`.

    `f*(t) = t^2 / 4 + t`, `g(v) = v`.

    Deviation: table 1 writes the integral of `(q - p)^2 / p`, which this f gives for
    (Q || P); here f decides. As in table 2, f* is that of f on all numbers; on ratios
    u >= 0 it would be -1 below t = -2, where no optimal critic lies.
    """

    def _f(self, log_ratio):
        return np.square(np.expm1(log_ratio))

    def f_per_ratio(self, log_ratio):
        with np.errstate(over="ignore"):
            return np.exp(log_ratio)

    def _conjugate(self, t):
        return 0.25 * ops.square(t) + t

    def activation(self, v):
        return v


@_register
class SquaredHellinger(FDivergence):
    """Integral of `(sqrt p - sqrt q)^2`, with `f(u) = (sqrt u - 1)^2`.

    `f*(t) = t / (1 - t)` for t < 1, `g(v) = 1 - exp(-v)`. In [0, 2]: other texts halve
    it.

    Deviation: beyond |v| = 20, exp grows linearly; see `KullbackLeibler`.
    """

    slope_at_infinity = 1.0
    domain = (-math.inf, 1.0)

    def _f(self, log_ratio):
        return np.square(np.expm1(0.5 * log_ratio))

    def _conjugate(self, t):
        return t / (1.0 - t)

    def activation(self, v):
        return -ops.expm1(_limit(-_limit(v)))

    def conjugate_of_activation(self, v):
        return ops.expm1(-_limit(-_limit(v)))


@_register
class GANDivergence(FDivergence):
    """`2 JS(P, Q) - log 4`, what a GAN's generator minimizes; -log 4 at P = Q.

    `f(u) = u log u - (u + 1) log(u + 1)`, `f*(t) = -log(1 - exp(t))` for t < 0,
    `g(v) = -log(1 + exp(-v))`: the log loss of logits v.
    """

    slope_at_one = -LOG_2
    slope_at_infinity = 0.0
    domain = (-math.inf, 0.0)

    def _f(self, log_ratio):
        # The first term has reached its limits, 0 and 1, long before 700.
        near = np.clip(log_ratio, -700.0, 700.0)
        return -np.exp(near) * np.log1p(np.exp(-near)) - np.logaddexp(0.0, log_ratio)

    def _conjugate(self, t):
        return -_log_one_minus_exp(t)

    def activation(self, v):
        return -ops.softplus(-v)

    def conjugate_of_activation(self, v):
        return ops.softplus(v)


@_register
class JensenShannon(GANDivergence):
    """Twice the Jensen-Shannon divergence: `KL(P || M) + KL(Q || M)`, M = (P + Q) / 2.

    `f(u) = u log u - (u + 1) log((u + 1) / 2)`, `f*(t) = -log(2 - exp(t))` for
    t < log 2, `g(v) = log 2 - log(1 + exp(-v))`. In [0, 2 log 2]: table 1 names the JS
    itself, of which this f gives the double. See `js` for the JS.
    """

    slope_at_one = 0.0
    slope_at_infinity = LOG_2
    domain = (-math.inf, LOG_2)

    def _f(self, log_ratio):
        return super()._f(log_ratio) + LOG_2 * (1.0 + np.exp(log_ratio))

    def _conjugate(self, t):
        return super()._conjugate(t - LOG_2) - LOG_2

    def activation(self, v):
        return super().activation(v) + LOG_2

    def conjugate_of_activation(self, v):
        return super().conjugate_of_activation(v) - LOG_2


@_register
class TotalVariation(FDivergence):
    """Half the integral of `|p - q|`, with `f(u) = |u - 1| / 2`; in [0, 1].

    `f*(t) = t` for |t| <= 1/2, `g(v) = tanh(v) / 2`.
    """

    slope_at_infinity = 0.5
    domain = (-0.5, 0.5)

    def _f(self, log_ratio):
        return 0.5 * np.abs(np.expm1(log_ratio))

    def _conjugate(self, t):
        return t

    def activation(self, v):
        return 0.5 * ops.tanh(v)


NAMED = {
    "kl": KullbackLeibler,
    "reverse_kl": ReverseKullbackLeibler,
    "pearson_chi2": PearsonChi2,
    "squared_hellinger": SquaredHellinger,
    "jensen_shannon": JensenShannon,
    "gan": GANDivergence,
    "total_variation": TotalVariation,
}


def get(divergence):
    """Resolves the name of an f-divergence.

    Args:
        divergence: `FDivergence`, or one of the names in the Raises message.

    Returns:
        `FDivergence`.

    Raises:
        ValueError: There is no such divergence.
    """
    if isinstance(divergence, FDivergence):
        return divergence
    if not isinstance(divergence, str) or divergence not in NAMED:
        raise ValueError(
            "`divergence` is a kerasgen.divergences.FDivergence or one of "
            f"{sorted(NAMED)}. Received: divergence={divergence!r}"
        )
    return NAMED[divergence]()


def _limit(v):
    """V up to the limit, then a logarithm: `exp` of it goes on in a straight line."""
    return ops.minimum(v, EXP_LIMIT) + ops.log1p(ops.relu(v - EXP_LIMIT))


def _log_one_minus_exp(t):
    """`log(1 - exp(t))` for t <= 0, with full precision near 0 and far from it."""
    near, far = ops.maximum(t, -LOG_2), ops.minimum(t, -LOG_2)
    return ops.where(t > -LOG_2, ops.log(-ops.expm1(near)), ops.log1p(-ops.exp(far)))
