"""Techniques that add terms to the losses of a GAN's players.

Each has `layers`, names of discriminator layers whose outputs it reads;
`discriminator_names` and `generator_names`, under which its terms are logged;
`replaces_loss`, whether the generator's adversarial loss is left out; `needs_real`,
whether the generator's terms read real samples; `min_rows`, the smallest batch that
they are defined for; and `discriminator_terms` and
`generator_terms`, functions of the judgements `real` and `fake`
(`kerasgen.models.critic.Judgement`) and the labels that return a scalar for each name.
"""

import keras
from keras import ops

from kerasgen import replicas
from kerasgen.arguments import check_boolean, check_non_negative
from kerasgen.losses import pulling_away


class Technique:
    """Base: a technique that adds nothing."""

    layers = ()
    discriminator_names = ()
    generator_names = ()
    replaces_loss = False
    needs_real = False
    min_rows = 1

    def discriminator_terms(self, real, fake, labels):
        """Terms of the discriminator's loss: one scalar for each name."""
        return ()

    def generator_terms(self, real, fake, labels):
        """Terms of the generator's loss: one scalar for each name."""
        return ()

    @classmethod
    def from_config(cls, config):
        return cls(**config)


@keras.saving.register_keras_serializable(package="kerasgen")
class FeatureMatching(Technique):
    """The generator matches mean features of real samples, at a discriminator layer.

    `weight * |E f(x) - E f(G(z))|^2`, means over the batch of all devices, the norm
    over all values of the layer's output; of several layers, the sum.

    Args:
        layer: Name of a layer of the discriminator, or a list of some; a layer of a
            model inside it, such as a pretrained backbone, is found by its name too.
        weight: Float >= 0.
        replaces_loss: Whether this is the generator's only loss, as in the paper, or
            stands beside the adversarial one.

    Raises:
        ValueError: The weight is negative or not finite, the layer has no name, or
            `replaces_loss` is no bool.

    Reference: Salimans et al. 2016, "Improved Techniques for Training GANs",
    section 3.1.
    """

    generator_names = ("feature_matching",)
    needs_real = True

    def __init__(self, layer, weight=1.0, replaces_loss=True):
        self.layers = _check_layer_names(layer)
        check_non_negative("weight", weight)
        self.layer = layer
        self.weight = float(weight)
        self.replaces_loss = check_boolean("replaces_loss", replaces_loss)

    def generator_terms(self, real, fake, labels):
        distance = sum(
            _squared_distance_of_means(real.features[name], fake.features[name])
            for name in self.layers
        )
        return (self.weight * distance,)

    def get_config(self):
        return {
            "layer": self.layer,
            "weight": self.weight,
            "replaces_loss": self.replaces_loss,
        }


@keras.saving.register_keras_serializable(package="kerasgen")
class PullingAway(Technique):
    """Keeps the features of fake samples apart, for the generator of an EBGAN.

    The pairs are those of the batch of all devices.

    Args:
        layer: Name of a layer of the discriminator: the code of an autoencoder.
        weight: Float >= 0, 0.1 in the paper.

    Raises:
        ValueError: The weight is negative or not finite.

    Reference: Zhao et al. 2017, "Energy-based Generative Adversarial Network",
    section 2.4.
    """

    generator_names = ("pulling_away",)
    min_rows = 2

    def __init__(self, layer, weight=0.1):
        self.layers = _check_layer_names(layer)
        if len(self.layers) != 1:
            raise ValueError(f"Expected the name of one layer. Received: {layer!r}")
        check_non_negative("weight", weight)
        self.layer = layer
        self.weight = float(weight)

    def generator_terms(self, real, fake, labels):
        return (self.weight * pulling_away(fake.features[self.layers[0]]),)

    def get_config(self):
        return {"layer": self.layer, "weight": self.weight}


@keras.saving.register_keras_serializable(package="kerasgen")
class AuxiliaryClassifier(Technique):
    """Both players lower the cross-entropy of the discriminator's second output.

    Args:
        weight: Float >= 0 of the class losses; 1 in the paper.

    Raises:
        ValueError: The weight is negative or not finite.

    Reference: Odena et al. 2017, "Conditional Image Synthesis with Auxiliary
    Classifier GANs", equation 3.
    """

    discriminator_names = ("d_class_loss",)
    generator_names = ("g_class_loss",)

    def __init__(self, weight=1.0):
        check_non_negative("weight", weight)
        self.weight = float(weight)

    def discriminator_terms(self, real, fake, labels):
        losses = (_cross_entropy(side.class_logits, labels) for side in (real, fake))
        return (self.weight * sum(losses),)

    def generator_terms(self, real, fake, labels):
        return (self.weight * _cross_entropy(fake.class_logits, labels),)

    def get_config(self):
        return {"weight": self.weight}


def _check_layer_names(layer):
    """Names as a tuple; raises ValueError unless `layer` is one or a list of some."""
    names = (layer,) if isinstance(layer, str) else layer
    if not (
        isinstance(names, list | tuple)
        and names
        and all(isinstance(name, str) for name in names)
        and len({*names}) == len(names)
    ):
        raise ValueError(
            "`layer` is the name of a layer, or a list of different names. "
            f"Received: layer={layer!r}"
        )
    return tuple(names)


def _squared_distance_of_means(real, fake):
    real, fake = (replicas.mean(ops.mean(side, axis=0)) for side in (real, fake))
    difference = ops.stop_gradient(real) - fake
    return ops.sum(ops.square(difference))


def _cross_entropy(class_logits, labels):
    return ops.mean(
        ops.sparse_categorical_crossentropy(labels, class_logits, from_logits=True)
    )
