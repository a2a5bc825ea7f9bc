"""`Critic`: a discriminator as losses, penalties and techniques see it."""

import collections
from typing import NamedTuple

import keras
from keras import ops

from kerasgen import backend
from kerasgen.layers import ReferenceBatch
from kerasgen.models.network_graph import (
    names_inside,
    tensors_by_layer,
    with_features,
)


class Judgement(NamedTuple):
    """What a discriminator makes of a batch.

    logits: float32, what the adversarial loss takes. class_logits: float32
    (B, num_classes) of a second output, or None. features: dict of layer name to
    float32 output, for the layers that were asked for.
    """

    logits: object
    class_logits: object
    features: dict


class Critic:
    """Runs a discriminator once for all that is asked of it.

    Args:
        network: Discriminator, of samples or of samples and labels.
        loss: `kerasgen.losses.AdversarialLoss`, which reads the network's output.
        layers: Names of layers whose outputs are features; of layers in a model that
            is a layer of the network too, where only one such model has the name.

    Raises:
        ValueError: The network has no such layer, or several.
    """

    def __init__(self, network, loss, layers=()):
        made = tensors_by_layer(network)
        nested = collections.Counter(
            name
            for tensor in made.values()
            for name in {*names_inside(tensor._keras_history[0])}
        )
        missing = [n for n in layers if n not in made and nested[n] != 1]
        if missing:
            raise ValueError(
                "Expected layers between the discriminator's samples and its output: "
                f"{sorted(made)}, or layers of one nested model: "
                f"{sorted(nested)}. Received: {missing}"
            )
        self.network = network
        self.loss = loss
        self.layers = tuple(dict.fromkeys(layers))
        self._num_heads = len(network.outputs)
        self._has_reference = any(
            isinstance(layer, ReferenceBatch) for layer in network._flatten_layers()
        )
        self._takes_labels = len(network.inputs) == 2
        self._forward = network
        if any(name not in made for name in self.layers):
            self._forward = with_features(network, self.layers)
        elif self.layers:
            features = [made[name] for name in self.layers]
            self._forward = keras.Model(network.inputs, [*network.outputs, *features])

    def __call__(self, x, labels=None, training=True):
        """Judges samples.

        Args:
            x: float32 (B, ...) in the model domain.
            labels: int32 (B,), for a network that takes them.
            training: Whether layers run in training mode.

        Returns:
            `Judgement`.
        """
        inputs = [x, labels] if self._takes_labels else x
        outputs = backend.call_network(self._forward, inputs, training)
        outputs = [
            ops.cast(output, "float32") for output in keras.tree.flatten(outputs)
        ]
        heads, features = outputs[: self._num_heads], outputs[self._num_heads :]
        if self._has_reference:
            # Reference samples come last.
            features = [feature[: ops.shape(x)[0]] for feature in features]
        return Judgement(
            self.loss.score(x, heads[0]),
            heads[1] if len(heads) > 1 else None,
            dict(zip(self.layers, features, strict=True)),
        )

    def given(self, labels):
        """The logits as a function of samples alone, for penalties."""
        return _GivenLabels(self, labels)


class _GivenLabels:
    def __init__(self, critic, labels):
        self.critic = critic
        self.labels = labels
        self.network = critic.network

    def __call__(self, x):
        return self.critic(x, self.labels).logits
