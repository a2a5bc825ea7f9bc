"""Inception score, from a classifier's logits."""

import numpy as np
import scipy.special

from kerasgen.arguments import check_positive_integer
from kerasgen.metrics.arrays import check_features


def inception_score(logits, splits=10, shuffle=True, seed=2020):
    """Exp of the mean KL divergence of p(y | x) from p(y), over contiguous splits.

    Args:
        logits: Array (N, num_classes) of finite numbers; of FID's Inception those
            without bias.
        splits: Parts of equal size, from 1 to N, scored each with its own p(y).
        shuffle: Whether `numpy.random.RandomState(seed)` reorders the samples first,
            as in torch-fidelity. The first implementation did not: sorted samples
            score low there.
        seed: Integer in [0, 2**32).

    Returns:
        `(mean, std)` over the splits, Python floats in [1, num_classes]; std with
        ddof 0.

    Raises:
        TypeError: If the array does not hold real numbers.
        ValueError: If the shape is wrong, a value is not finite, or there are fewer
            samples than splits.

    Example:

    >>> import numpy as np
    >>> from kerasgen.metrics import inception_score
    >>> mean, std = inception_score(100.0 * np.eye(5), splits=1)
    >>> round(mean, 6), std
    (5.0, 0.0)

    Reference: Salimans et al. 2016, "Improved Techniques for Training GANs", section 4.
    """
    logits = check_features("logits", logits, minimum=1)
    num = len(logits)
    if check_positive_integer("splits", splits) > num:
        raise ValueError(
            f"Expected at least splits={splits} samples. Received: {num} samples"
        )
    if shuffle:
        logits = logits[np.random.RandomState(seed).permutation(num)]
    with np.errstate(over="ignore"):
        log_p = scipy.special.log_softmax(logits.astype("float64"), axis=1)
    scores = []
    for index in range(splits):
        part = log_p[index * num // splits : (index + 1) * num // splits]
        log_marginal = scipy.special.logsumexp(part, axis=0) - np.log(len(part))
        # A class of probability 0 adds nothing: its infinite logarithm is left out.
        terms = np.where(np.isneginf(part), 0.0, part) - np.where(
            np.isneginf(log_marginal), 0.0, log_marginal
        )
        divergence = np.sum(np.exp(part) * terms, axis=1)
        scores.append(np.exp(divergence.mean()))
    return float(np.mean(scores)), float(np.std(scores))
