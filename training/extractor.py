"""The classifier in whose features samples are compared, checked before training."""

from kerasgen import extractors
from kerasgen.presets import preset_digest


def load_extractor(name, image_shape):
    """Loads a feature extractor of the zoo for images of one shape.

    Args:
        name: Name of its preset, or path of a preset folder.
        image_shape: (height, width, channels) of the images it is to judge.

    Returns:
        `kerasgen.metrics.FeatureExtractor`, with logits.

    Raises:
        ValueError: There is no such preset, it has no features, or they are of images
            of another shape.
    """
    extractor = extractors.from_classifier_preset(name)
    expected = (*extractor.size, extractor.channels)
    if tuple(image_shape) != expected:
        raise ValueError(
            f"Expected images of shape {expected} for extractor={name!r}. "
            f"Received: images of shape {tuple(image_shape)}"
        )
    return extractor


def extractor_card(extractor):
    """What a card says of an extractor: a distance means nothing without these."""
    return {
        "name": extractor.name,
        "weights_sha256": preset_digest(extractor.name),
        "digest": extractor.digest,
    }
