"""Whether samples are nearer to the training data than fresh data are."""

from typing import NamedTuple

import numpy as np

from kerasgen.metrics.arrays import check_features, check_pair
from kerasgen.metrics.distances import nearest_neighbors


class Memorization(NamedTuple):
    """What `memorization` finds.

    share: share of samples nearer to training than to test data, ties counted as one
    half; about 0.5 without memorisation, 1 for copies. std: its standard deviation if
    the true share is 0.5, from the number of samples alone. nearest_train: int64 (M,),
    the training sample nearest to each sample, of all that were given, to look at.
    distances: float64 (M,), the distance to it.
    """

    share: float
    std: float
    nearest_train: np.ndarray
    distances: np.ndarray


def memorization(generated, train, test, seed=0):
    """Share of samples that lie nearer to the training data than to test data.

    The larger of the two sets would hold nearer neighbours by its size alone, so the
    share is taken against equally many of both: a random subset of the larger.

    Args:
        generated: Array (M, D) of finite numbers: features of samples.
        train: Array (N, D): features of what the model was trained on.
        test: Array (K, D): features of data that it never saw.
        seed: Integer in [0, 2**32) of the subset.

    Returns:
        `Memorization`.

    Raises:
        TypeError: If an array does not hold real numbers.
        ValueError: If shapes do not fit or a value is not finite.

    Example:

    >>> import numpy as np
    >>> from kerasgen.metrics import memorization
    >>> train = np.arange(0.0, 100.0, 2.0)[:, None]
    >>> memorization(train, train, train + 1.0).share
    1.0

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
    nearest, squared = nearest_neighbors(generated, train)
    draws = np.random.RandomState(seed)
    num = min(len(train), len(test))
    to_train = nearest_neighbors(generated, _subset(train, num, draws))[1]
    to_test = nearest_neighbors(generated, _subset(test, num, draws))[1]
    is_nearer = np.where(to_train == to_test, 0.5, to_train < to_test)
    std = 0.5 / np.sqrt(len(generated))
    return Memorization(float(is_nearer.mean()), float(std), nearest, np.sqrt(squared))


def _subset(features, num, draws):
    if len(features) == num:
        return features
    return features[draws.choice(len(features), num, replace=False)]
