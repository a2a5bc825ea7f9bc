"""Adversarial examples: small changes of a sample that turn a network's judgement."""

from typing import NamedTuple

import keras
import numpy as np
from keras import ops

from kerasgen import backend
from kerasgen.arguments import check_non_negative, check_positive_integer
from kerasgen.models.gan import check_is_gan
from kerasgen.models.inputs import DataSpec


class Robustness(NamedTuple):
    """A discriminator's accuracies under attack.

    epsilon: float, largest change of a value in the model domain. real_accuracy: share
    of attacked reals that are still taken for real. fake_accuracy: share of attacked
    fakes that are not.
    """

    epsilon: float
    real_accuracy: float
    fake_accuracy: float


def fast_gradient_sign(objective, x, epsilon, low=-1.0, high=1.0):
    """Moves each value by `epsilon` in the direction that raises an objective.

    `clip(x + epsilon * sign(d objective / d x))`; a value whose derivative is 0 stays.

    Args:
        objective: Function of samples that returns a tensor (B, ...), row i of which
            depends on sample i: what the attack raises, such as a classifier's loss.
        x: float (B, ...).
        epsilon: Float >= 0, largest change of a value.
        low: Least value of a sample.
        high: Greatest value of a sample.

    Returns:
        Tensor shaped like `x`.

    Raises:
        ValueError: `epsilon` is negative or not finite, `x` holds integers, or no value
            lies between the limits.

    Example:

    >>> import numpy as np
    >>> x = np.array([[0.5, 0.5]], "float32")
    >>> moved = fast_gradient_sign(lambda x: x[:, 0] - x[:, 1], x, 0.25)
    >>> [float(value) for value in moved[0]]
    [0.75, 0.25]

    Reference: Goodfellow et al. 2015, "Explaining and Harnessing Adversarial
    Examples", section 4.
    """
    check_non_negative("epsilon", epsilon)
    x = ops.convert_to_tensor(x)
    if "float" not in keras.backend.standardize_dtype(x.dtype):
        raise ValueError(
            "Expected float samples, which can be moved by a fraction: bring images to "
            f"[-1, 1] first. Received: dtype={x.dtype}"
        )
    if not low < high:
        raise ValueError(f"Expected low < high. Received: low={low!r}, high={high!r}")
    gradient = backend.input_gradient(objective, x)
    moved = ops.clip(x + epsilon * ops.sign(gradient), low, high)
    return ops.stop_gradient(moved)


def discriminator_robustness(
    gan, real, fake, epsilons, labels=None, value_range=None, batch_size=250
):
    """How well a discriminator tells reals from fakes that were moved against it.

    Reals are moved so that their score falls, fakes so that it rises; the other way
    round for a loss whose real scores are low.

    Args:
        gan: `kerasgen.models.GAN`.
        real: uint8 or float samples (N, ...), as in `fit`.
        fake: Generated samples, likewise.
        epsilons: List of floats >= 0 in the model domain, where a grey level of an
            image is 2 / 255; 0 for no attack.
        labels: int (N,) of both, for a discriminator that takes them.
        value_range: As in `fit`, of the reals; fakes are as `generate` makes them.
        batch_size: Samples attacked at once; of a discriminator with layers that
            compare the samples of a batch, such as `MinibatchDiscrimination`, what one
            of its updates saw in training, by which it was trained to judge.

    Returns:
        List of `Robustness`, one for each epsilon.

    Raises:
        ValueError: Samples do not fit the model, or an epsilon is negative.
    """
    check_positive_integer("batch_size", batch_size)
    if not isinstance(epsilons, list | tuple | np.ndarray) or not len(epsilons):
        raise ValueError(
            f"`epsilons` is a list of at least one. Received: epsilons={epsilons!r}"
        )
    for epsilon in epsilons:
        check_non_negative("epsilon", epsilon)
    check_is_gan(gan)
    takes_labels = len(gan.discriminator.inputs) == 2
    num_classes = gan.num_classes if takes_labels else None
    real = DataSpec(gan.data_shape, num_classes, value_range).check(real)
    spec = DataSpec(gan.data_shape, num_classes)
    fake = spec.check(fake)
    up = 1.0 if gan.adversarial_loss.real_scores_are_high else -1.0
    sides = [
        (side, spec.check_labels(labels, len(side)), sign)
        for side, sign in ((real, -up), (fake, up))
    ]
    found = []
    for epsilon in epsilons:
        scores = [
            _attacked_scores(gan, side, given, sign, epsilon, batch_size)
            for side, given, sign in sides
        ]
        accuracies = gan.adversarial_loss.accuracies(
            *map(ops.convert_to_tensor, scores)
        )
        found.append(
            Robustness(
                float(epsilon), *(float(ops.convert_to_numpy(a)) for a in accuracies)
            )
        )
    return found


def _attacked_scores(gan, x, labels, sign, epsilon, batch_size):
    low, high = (-1.0, 1.0) if len(gan.data_shape) == 3 else (-np.inf, np.inf)
    parts = []
    for start in range(0, len(x), batch_size):
        part = slice(start, start + batch_size)
        samples = gan.to_model_domain(ops.convert_to_tensor(x[part]))
        given = None if labels is None else ops.convert_to_tensor(labels[part])

        def score(samples, given=given):
            return gan.judge(samples, given, training=False).logits

        moved = fast_gradient_sign(
            lambda samples, score=score: sign * score(samples),
            samples,
            epsilon,
            low,
            high,
        )
        parts.append(ops.convert_to_numpy(ops.stop_gradient(score(moved))))
    return np.concatenate(parts)
