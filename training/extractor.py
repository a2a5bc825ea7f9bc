"""The classifier in whose features samples are compared, checked before training."""

from dataclasses import dataclass

from kerasgen import from_preset
from kerasgen.metrics import extract_features
from kerasgen.presets import preset_digest

LAYER = "features"


@dataclass
class Extractor:
    """A feature extractor of the zoo.

    name: its preset. network: Keras model with a layer "features". image_shape: what
    it takes.
    """

    name: str
    network: object
    image_shape: tuple

    def features(self, images):
        """Features of uint8 images (N, H, W, C): float32 (N, D)."""
        return extract_features(self.network, images)

    @property
    def card(self):
        """What a card says of it: a distance means nothing without these weights."""
        return {"name": self.name, "weights_sha256": preset_digest(self.name)}


def load_extractor(name, image_shape):
    """Loads a feature extractor for images of one shape.

    Args:
        name: Name of its preset, or path of a preset folder.
        image_shape: (height, width, channels) of the images it is to judge.

    Returns:
        `Extractor`.

    Raises:
        ValueError: There is no such preset, it has no features, or they are of images
            of another shape.
    """
    network = from_preset(name)
    layers = {layer.name: layer for layer in network.layers}
    if LAYER not in layers or len(layers[LAYER].output.shape) != 2:
        raise ValueError(
            f"Expected as extractor a preset with a layer {LAYER!r} of vectors, such "
            f"as features_digits. Received: extractor={name!r}"
        )
    expected = tuple(network.input_shape[1:])
    if tuple(image_shape) != expected:
        raise ValueError(
            f"Expected images of shape {expected} for extractor={name!r}. "
            f"Received: images of shape {tuple(image_shape)}"
        )
    return Extractor(name, network, expected)
