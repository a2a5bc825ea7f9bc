"""Mixtures of Gaussians on the host, in float64: densities, EM and conditioning."""

from kerasgen.mixtures.components import Components
from kerasgen.mixtures.conditioning import conditional_draws
from kerasgen.mixtures.em import EM, kmeans_start
from kerasgen.mixtures.gaussians import Diagonal, Full, Tied
from kerasgen.mixtures.kinds import get_kind
from kerasgen.mixtures.mixture import Mixture
from kerasgen.mixtures.probabilistic_pca import ProbabilisticPCA

__all__ = [
    "EM",
    "Components",
    "Diagonal",
    "Full",
    "Mixture",
    "ProbabilisticPCA",
    "Tied",
    "conditional_draws",
    "get_kind",
    "kmeans_start",
]
