"""Draws of hidden values given the others, exact for a mixture of Gaussians."""

import numpy as np


def conditional_draws(mixture, x, kept, uniform, draw_deviations):
    """Draws the hidden values of samples from their conditional distribution.

    A component is drawn given the kept values, then the rest of its Gaussian. That is
    a free draw e of the component plus what regression on the kept values adds to it:
    `mean + e + E[y - mean - e | kept values]`, which has the conditional mean and
    covariance (Matheron's rule) and factors no conditional covariance.

    Args:
        mixture: `Mixture` over D values.
        x: float64 (N, D); hidden values may be any finite number.
        kept: bool (N, D), True where a value is known.
        uniform: (N,) in [0, 1), draws the components.
        draw_deviations: Function of components, int32 (N,), that returns one centred
            draw of each, (N, D).

    Returns:
        float64 (N, D); kept values are as in `x`, to rounding.

    Reference: Doucet 2010, "A Note on Efficient Conditional Simulation of Gaussian
    Distributions".
    """
    masks, group = np.unique(kept, axis=0, return_inverse=True)
    group = group.reshape(-1)
    index = np.empty(len(x), np.int32)
    for number, mask in enumerate(masks):
        rows = group == number
        posterior = mixture.marginal(mask).responsibilities(x[rows][:, mask])
        index[rows] = draw_index(posterior, uniform[rows])
    components = mixture.components
    found = components.means[index] + draw_deviations(index)
    for number, k in np.unique(np.stack([group, index], axis=1), axis=0):
        rows = (group == number) & (index == k)
        mask = masks[number]
        residual = (x[rows] - found[rows])[:, mask]
        found[rows] += components.regress(k, mask, residual)
    return found


def draw_index(probabilities, uniform):
    """Inverse of the distribution function: int (N,) in [0, K).

    Args:
        probabilities: float64 (N, K), rows sum to 1, to rounding.
        uniform: (N,) in [0, 1).
    """
    # The last bound is left out: it is 1, but for rounding.
    bounds = probabilities.cumsum(axis=1)[:, :-1]
    return (bounds <= uniform[:, None]).sum(axis=1)
