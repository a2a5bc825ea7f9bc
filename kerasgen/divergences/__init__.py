"""Divergences of distributions: of arrays, of Gaussians, and estimates from samples.

- `kl`, `js`, `js_distance`, `f_divergence`: of discrete distributions, exact
- `gaussian_kl`, `gaussian_squared_hellinger`, `gaussian_pearson_chi2`: closed forms
- `monte_carlo`, `variational`: estimates from densities at samples, and by a critic
- `FDivergence` and its subclasses: function, conjugate and output activation of f-GAN;
  `get` finds one by its name

The order of arguments is that of `D(P || Q)`: p is the data, q the model. `kl(p, q)` is
what maximum likelihood minimizes.
"""

from kerasgen.divergences.arrays import f_divergence, js, js_distance, kl
from kerasgen.divergences.base import FDivergence
from kerasgen.divergences.estimates import Estimate, monte_carlo, variational
from kerasgen.divergences.f_divergences import (
    GANDivergence,
    JensenShannon,
    KullbackLeibler,
    PearsonChi2,
    ReverseKullbackLeibler,
    SquaredHellinger,
    TotalVariation,
    get,
)
from kerasgen.divergences.gaussians import (
    gaussian_kl,
    gaussian_pearson_chi2,
    gaussian_squared_hellinger,
)

__all__ = [
    "Estimate",
    "FDivergence",
    "GANDivergence",
    "JensenShannon",
    "KullbackLeibler",
    "PearsonChi2",
    "ReverseKullbackLeibler",
    "SquaredHellinger",
    "TotalVariation",
    "f_divergence",
    "gaussian_kl",
    "gaussian_pearson_chi2",
    "gaussian_squared_hellinger",
    "get",
    "js",
    "js_distance",
    "kl",
    "monte_carlo",
    "variational",
]
