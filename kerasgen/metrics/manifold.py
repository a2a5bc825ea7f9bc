"""Precision, recall, density and coverage: balls around samples in feature space."""

import numpy as np

from kerasgen.arguments import check_positive_integer
from kerasgen.metrics.arrays import check_pair, check_varied
from kerasgen.metrics.distances import DistanceBlocks, squared_radii


def precision_recall(real, generated, k=3):
    """Improved precision and recall.

    Precision is the share of generated samples that lie within the ball (`<=`) of at
    least one real sample, whose radius is the distance to its k-th nearest neighbour
    among the real ones, itself excluded; recall is the same with roles swapped.

    Args:
        real: Array (N, D) of finite numbers, N above k.
        generated: Array (M, D) of finite numbers, M above k.
        k: Neighbour that sets a radius, at least 1.

    Returns:
        `(precision, recall)`, Python floats in [0, 1].

    Raises:
        TypeError: If an array does not hold real numbers.
        ValueError: If shapes do not fit, a value is not finite, all real features are
            equal, or there are too few samples for `k`.

    Example:

    >>> import numpy as np
    >>> from kerasgen.metrics import precision_recall
    >>> real = np.arange(10.0)[:, None]
    >>> precision_recall(real, np.array([[2.5], [3.5], [50.0]]), k=1)
    (0.6666666666666666, 0.8)

    Reference: Kynkäänniemi et al. 2019, "Improved Precision and Recall Metric for
    Assessing Generative Models", equations 1 and 2.
    """
    real, generated = _check(real, generated, k)
    real_radii = squared_radii(real, k)
    generated_radii = squared_radii(generated, k)
    is_precise = np.zeros(len(generated), bool)
    is_recalled = np.zeros(len(real), bool)
    blocks = DistanceBlocks(real, generated)
    for block in blocks:
        rows, columns, _ = block
        in_real = blocks.within(*block, real_radii[rows, None], strict=False)
        in_generated = blocks.within(
            *block, generated_radii[None, columns], strict=False
        )
        is_precise[columns] |= in_real.any(axis=0)
        is_recalled[rows] |= in_generated.any(axis=1)
    return float(is_precise.mean()), float(is_recalled.mean())


def density_coverage(real, generated, k=5):
    """Density and coverage, which outliers among the samples do not inflate.

    Density counts in how many real samples' balls (`<`) a generated sample lies, over
    k; coverage is the share of real samples with a generated one in their ball.

    Args:
        real: Array (N, D) of finite numbers, N above k.
        generated: Array (M, D) of finite numbers, M above k.
        k: Neighbour that sets a radius, itself excluded, at least 1.

    Returns:
        `(density, coverage)`, Python floats; density may exceed 1, coverage does not.

    Raises:
        TypeError: If an array does not hold real numbers.
        ValueError: As in `precision_recall`.

    Example:

    >>> import numpy as np
    >>> from kerasgen.metrics import density_coverage
    >>> real = np.arange(10.0)[:, None]
    >>> density_coverage(real, real[:5] + 0.25, k=1)
    (2.0, 0.6)

    Reference: Naeem et al. 2020, "Reliable Fidelity and Diversity Metrics for
    Generative Models", equations 3 and 4.
    """
    real, generated = _check(real, generated, k)
    radii = squared_radii(real, k)
    num_balls = 0
    is_covered = np.zeros(len(real), bool)
    blocks = DistanceBlocks(real, generated)
    for block in blocks:
        inside = blocks.within(*block, radii[block[0], None], strict=True)
        num_balls += int(inside.sum())
        is_covered[block[0]] |= inside.any(axis=1)
    return num_balls / (k * len(generated)), float(is_covered.mean())


def _check(real, generated, k):
    check_positive_integer("k", k)
    real, generated = check_pair(real, generated)
    for name, features in (("real", real), ("generated", generated)):
        if len(features) <= k:
            raise ValueError(
                f"{name} must hold more than k={k} samples. Received: {len(features)}"
            )
    check_varied("real", real)
    return real, generated
