"""What the measures of a GAN's training health show, and what to try then."""

import math

COLLAPSED = 0.1  # diversity of fakes over that of reals
SATURATED = 0.995  # accuracy on reals and on fakes
OVERFITTED = 0.15  # accuracy on training reals above that on held-out ones
VANISHING = 0.01  # gradient over that of the non-saturating loss
SURE_OF_FAKES = 0.9  # accuracy on fakes; at an equilibrium small gradients are right
GROWING = 1.25  # diversity over the largest of all measurements before
ADVICE = {
    "collapsed generator": (
        "the fakes are nearly equal: try minibatch discrimination or standard "
        "deviation, feature matching, a gradient penalty, or a lower learning rate of "
        "the generator"
    ),
    "saturated discriminator": (
        "it tells every real from every fake: try spectral normalisation, R1 or a "
        "gradient penalty, instance noise, one-sided label smoothing, or a lower "
        "learning rate of the discriminator"
    ),
    "overfitted discriminator": (
        "it knows the training reals by heart: try DiffAugment, more data, dropout or "
        "R1 in the discriminator, or a smaller one"
    ),
    "vanishing generator gradient": (
        "the loss is flat where the discriminator is sure: try loss='non_saturating', "
        "'hinge' or 'wasserstein' with a gradient penalty"
    ),
}


def find_faults(measures, earlier=()):
    """Which faults the measures of one moment show: a list of keys of ADVICE.

    Args:
        measures: Dict as `health_measures.measure_health` returns it.
        earlier: List of all those of the measurements before. While the fakes are more
            diverse than ever and have never been diverse, the generator begins: that
            they are alike, and surely told, is no fault then.
    """
    real, fake = measures["real_accuracy"], measures["fake_accuracy"]
    gap = real - measures["held_out_accuracy"]
    diversity = measures["diversity"]
    most = max((m["diversity"] for m in earlier), default=math.inf)
    is_beginning = diversity < COLLAPSED and diversity > GROWING * most
    shown = {
        "collapsed generator": diversity < COLLAPSED and not is_beginning,
        "saturated discriminator": min(real, fake) > SATURATED and not is_beginning,
        "overfitted discriminator": not math.isnan(gap) and gap > OVERFITTED,
        "vanishing generator gradient": measures["gradient_ratio"] < VANISHING
        and fake > SURE_OF_FAKES,
    }
    return [finding for finding, is_shown in shown.items() if is_shown]


def lasting_faults(history, patience):
    """Faults that each of the last measurements shows.

    Args:
        history: List of `(epoch, measures)`.
        patience: How many measurements must show a fault, one after the other.

    Returns:
        List of keys of ADVICE; empty before there are as many measurements.
    """
    if len(history) < patience:
        return []
    measures = [m for _, m in history]
    shown = [
        find_faults(measures[index], measures[:index])
        for index in range(len(measures) - patience, len(measures))
    ]
    return [finding for finding in ADVICE if all(finding in found for found in shown)]
