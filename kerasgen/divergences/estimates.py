"""Estimates of f-divergences from samples: by densities, or by a trained critic."""

import math
from typing import NamedTuple

import numpy as np
from keras import ops

from kerasgen.divergences import f_divergences


class Estimate(NamedTuple):
    """An estimate and its standard error, both in the divergence's unit."""

    value: float
    standard_error: float


def monte_carlo(divergence, log_p, log_q):
    """Estimates `E_q f(p / q)` from densities at samples of q, without bias.

    For `E_p log(p / q)` from samples of p, which is more exact than "kl" from samples
    of q, swap the roles: `monte_carlo("reverse_kl", log_q, log_p)` at samples of p.

    Args:
        divergence: `FDivergence` or its name.
        log_p: Float array (N,), log-densities of p in nats at N >= 2 independent
            samples of q; -inf where p is 0.
        log_q: Finite float array (N,), log-densities of q at the same samples.

    Returns:
        `Estimate`; where its value is infinite, its error is NaN. It knows p only where
        q has samples: of a mode of p that q misses it sees nothing.

    Raises:
        ValueError: The arrays do not fit, or there is no such divergence.

    Example:

    >>> import numpy as np
    >>> from kerasgen import divergences
    >>> x = np.random.default_rng(0).standard_normal(10_000)  # q = N(0, 1)
    >>> log_q, log_p = -(x**2) / 2, -((x - 1) ** 2) / 2  # p = N(1, 1)
    >>> estimate = divergences.monte_carlo("reverse_kl", log_p, log_q)
    >>> abs(estimate.value - 0.5) < 3 * estimate.standard_error
    True

    Reference: Nowozin et al. 2016, "f-GAN", equation 2.
    """
    divergence = f_divergences.get(divergence)
    log_p, log_q = _check_samples("log_p", log_p), _check_samples("log_q", log_q)
    if log_p.shape != log_q.shape:
        raise ValueError(
            "`log_p` and `log_q` are log-densities at the same samples of q: expected "
            f"equal shapes. Received: {log_p.shape} and {log_q.shape}"
        )
    if not np.isfinite(log_q).all() or log_p.max() == math.inf:
        raise ValueError(
            "`log_q` is finite at samples of q, and `log_p` below infinity. Received: "
            f"log_q from {log_q.min()} to {log_q.max()}, log_p up to {log_p.max()}"
        )
    values = divergence.f_of_log_ratio(log_p - log_q)
    return Estimate(float(np.mean(values)), _standard_error(values))


def variational(divergence, p_outputs, q_outputs):
    """Estimates a divergence from below by a critic: `E_p T - E_q f*(T)`.

    Args:
        divergence: `FDivergence` or its name.
        p_outputs: Float array (N,) or (N, 1), a network's outputs V at N >= 2
            independent samples of p; T is the divergence's activation of V.
        q_outputs: Float array (M,) or (M, 1), its outputs at M samples of q.

    Returns:
        `Estimate` of the bound, which is at most the divergence. Take samples that the
        network was not trained on: on its own it may claim more than there is.

    Raises:
        ValueError: The arrays do not fit, or there is no such divergence.

    Example:

    >>> import numpy as np
    >>> from kerasgen import divergences
    >>> surely_p, surely_q = np.full((5, 1), 9.0), np.full((5, 1), -9.0)
    >>> round(divergences.variational("total_variation", surely_p, surely_q).value, 4)
    1.0

    Reference: Nowozin et al. 2016, "f-GAN", equations 4 and 6; Nguyen et al. 2010,
    "Estimating Divergence Functionals and the Likelihood Ratio by Convex Risk
    Minimization".
    """
    divergence = f_divergences.get(divergence)
    p_outputs = _check_samples("p_outputs", p_outputs)
    q_outputs = _check_samples("q_outputs", q_outputs)
    gain = _to_float64(divergence.activation(p_outputs.astype("float32")))
    cost = _to_float64(divergence.conjugate_of_activation(q_outputs.astype("float32")))
    error = math.hypot(_standard_error(gain), _standard_error(cost))
    return Estimate(float(np.mean(gain) - np.mean(cost)), error)


def _to_float64(tensor):
    return ops.convert_to_numpy(tensor).astype("float64")


def _standard_error(values):
    with np.errstate(invalid="ignore"):
        return float(np.std(values, ddof=1) / math.sqrt(len(values)))


def _check_samples(name, values):
    values = np.asarray(values)
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.dtype.kind not in "fiu" or values.ndim != 1 or len(values) < 2:
        raise ValueError(
            f"`{name}` is a float array (N,) with one number for each of at least 2 "
            f"samples. Received: dtype={values.dtype}, shape={values.shape}"
        )
    values = values.astype("float64")
    if np.isnan(values).any():
        raise ValueError(
            f"`{name}` holds numbers. Received: {np.isnan(values).sum()} NaNs"
        )
    return values
