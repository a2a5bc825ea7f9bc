"""Whether samples are nearer to the training data than fresh data are."""

from typing import NamedTuple

import numpy as np

from kerasgen.metrics.arrays import check_features, check_pair
from kerasgen.metrics.distances import nearest_neighbors


class Memorization(NamedTuple):
    """What `memorization` finds.

    share: share of samples nearer to the training data than to the test data, ties
    counted as one half. expected: what that share is without memorisation, N / (N + K)
    for N training and K test samples. std: standard deviation of the share then.
    excess: `(share - expected) / (1 - expected)`: 0 without memorisation, 1 for
    copies, below 0 for samples that keep away from the training data. nearest_train:
    int64 (M,), the training sample nearest to each sample, to look at. distances:
    float64 (M,), the distance to it.
    """

    share: float
    expected: float
    std: float
    excess: float
    nearest_train: np.ndarray
    distances: np.ndarray


def memorization(generated, train, test):
    """Share of samples that lie nearer to the training data than to test data.

    Args:
        generated: Array (M, D) of finite numbers: features of samples.
        train: Array (N, D): features of what the model was trained on.
        test: Array (K, D): features of data that it never saw.

    Returns:
        `Memorization`.

    Raises:
        TypeError: If an array does not hold real numbers.
        ValueError: If shapes do not fit or a value is not finite.

    Example:

    >>> import numpy as np
    >>> from kerasgen.metrics import memorization
    >>> train = np.arange(0.0, 100.0, 2.0)[:, None]
    >>> found = memorization(train, train, train + 1.0)
    >>> found.share, found.expected, found.excess
    (1.0, 0.5, 1.0)

    Reference: Meehan et al. 2020, "A Non-Parametric Test to Detect Data-Copying in
    Generative Models", section 2. Deviation: a share in place of the rank statistic.
    """
    train, generated = check_pair(train, generated, minimum=1)
    test = check_features("test", test, minimum=1)
    if test.shape[1] != train.shape[1]:
        raise ValueError(
            "train and test must have the same number of features. "
            f"Received: {train.shape} and {test.shape}"
        )
    nearest, to_train = nearest_neighbors(generated, train)
    to_test = nearest_neighbors(generated, test)[1]
    share = float(np.mean(np.where(to_train == to_test, 0.5, to_train < to_test)))
    expected = len(train) / (len(train) + len(test))
    std = np.sqrt(expected * (1.0 - expected) / len(generated))
    excess = (share - expected) / (1.0 - expected)
    return Memorization(share, expected, float(std), excess, nearest, np.sqrt(to_train))
