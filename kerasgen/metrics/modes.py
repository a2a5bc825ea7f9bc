"""Which modes of a known mixture samples reach."""

import math
from typing import NamedTuple

import numpy as np

from kerasgen.arguments import check_positive_integer
from kerasgen.metrics.arrays import check_features
from kerasgen.metrics.distances import nearest_neighbors


class ModeCoverage(NamedTuple):
    """What `modes_covered` counts.

    num_modes: modes with enough samples of high quality. share_high_quality: share of
    samples that lie close to a mode, in [0, 1]. kl_nats: KL divergence of the
    histogram of high-quality samples over the modes from the uniform one, from 0 to
    log of the number of modes; that number's log where there are none. counts: int64
    (K,), high-quality samples of each mode.
    """

    num_modes: int
    share_high_quality: float
    kl_nats: float
    counts: np.ndarray


def modes_covered(samples, centers, std, num_stds=3.0, minimum=1):
    """Modes of a mixture of equal round Gaussians that samples cover.

    A sample is of high quality if it lies within `num_stds` standard deviations of the
    nearest center, and then belongs to that center's mode.

    Args:
        samples: Array (N, D) of finite numbers.
        centers: Array (K, D) of finite numbers, K at least 2.
        std: Standard deviation of every mode, finite, > 0.
        num_stds: Radius in standard deviations, finite, > 0.
        minimum: High-quality samples that make a mode covered, at least 1.

    Returns:
        `ModeCoverage`.

    Raises:
        TypeError: If an array does not hold real numbers.
        ValueError: If an argument is out of range.

    Example:

    >>> import numpy as np
    >>> from kerasgen.metrics import modes_covered
    >>> centers = np.array([[0.0, 0.0], [4.0, 0.0], [0.0, 4.0]])
    >>> coverage = modes_covered(np.array([[0.1, 0.0], [4.2, 0.1]]), centers, 0.1)
    >>> coverage.num_modes, coverage.share_high_quality
    (2, 1.0)

    Reference: Metz et al. 2017, "Unrolled GANs", section 3.1; Srivastava et al. 2017,
    "VEEGAN", section 5.1 (3 standard deviations).
    """
    for name, value in (("std", std), ("num_stds", num_stds)):
        if not (math.isfinite(value) and value > 0):
            raise ValueError(f"{name} must be finite and > 0. Received: {name}={value}")
    check_positive_integer("minimum", minimum)
    centers = check_features("centers", centers, minimum=2)
    samples = check_features("samples", samples, minimum=1)
    if samples.shape[1] != centers.shape[1]:
        raise ValueError(
            "samples and centers must have the same number of columns. "
            f"Received: {samples.shape} and {centers.shape}"
        )
    index, squared = nearest_neighbors(samples, centers)
    is_close = squared <= (num_stds * std) ** 2
    counts = np.bincount(index[is_close], minlength=len(centers))
    return ModeCoverage(
        int(np.sum(counts >= minimum)),
        float(is_close.mean()),
        _kl_from_uniform(counts),
        counts,
    )


def _kl_from_uniform(counts):
    if not counts.sum():
        return math.log(len(counts))
    share = counts[counts > 0] / counts.sum()
    return float(np.sum(share * np.log(share * len(counts))))
