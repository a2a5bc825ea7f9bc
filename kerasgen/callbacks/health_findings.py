"""What the measures of a GAN's training health show, and what to try then."""

import math

COLLAPSED = 0.1  # diversity of fakes over that of reals
SATURATED = 0.995  # accuracy on reals and on fakes
OVERFITTED = 0.15  # accuracy on training reals above that on held-out ones
VANISHING = 0.01  # gradient over that of the non-saturating loss
SURE_OF_FAKES = 0.9  # accuracy on fakes; at an equilibrium small gradients are right
GROWING = 1.25  # diversity over that of the measurement before
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


def find_faults(measures, before=None):
    """Which faults the measures of one moment show: a list of keys of ADVICE.

    Args:
        measures: Dict as `health_measures.measure_health` returns it.
        before: That of the measurement before, or None. Fakes that are alike but grow
            more diverse are those of a generator that begins.
    """
    real, fake = measures["real_accuracy"], measures["fake_accuracy"]
    gap = real - measures["held_out_accuracy"]
    diversity = measures["diversity"]
    is_growing = before is not None and diversity > GROWING * before["diversity"]
    shown = {
        "collapsed generator": diversity < COLLAPSED and not is_growing,
        "saturated discriminator": min(real, fake) > SATURATED,
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
    measures = [None, *(m for _, m in history)]
    shown = [
        find_faults(now, before)
        for before, now in zip(measures[:-1], measures[1:], strict=True)
    ][-patience:]
    return [finding for finding in ADVICE if all(finding in found for found in shown)]
