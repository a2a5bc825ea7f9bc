"""`Critic`: a discriminator as losses, penalties and techniques see it."""

import graphlib
from typing import NamedTuple

import keras
from keras import ops

from kerasgen.layers import ReferenceBatch


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
        layers: Names of layers whose outputs are features.

    Raises:
        ValueError: The network has no such layer.
    """

    def __init__(self, network, loss, layers=()):
        made = _tensors_by_layer(network)
        missing = [name for name in layers if name not in made]
        if missing:
            raise ValueError(
                "Expected layers between the discriminator's samples and its output: "
                f"{sorted(made)}. Received: {missing}"
            )
        self.network = network
        self.loss = loss
        self.layers = tuple(dict.fromkeys(layers))
        features = [made[name] for name in self.layers]
        self._num_heads = len(network.outputs)
        self._has_reference = any(
            isinstance(layer, ReferenceBatch) for layer in network._flatten_layers()
        )
        self._takes_labels = len(network.inputs) == 2
        self._forward = network
        if features:
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
        outputs = self._forward(inputs, training=training)
        outputs = outputs if isinstance(outputs, list | tuple) else [outputs]
        outputs = [ops.cast(output, "float32") for output in outputs]
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


def _tensors_by_layer(network):
    """Dict of layer name to its symbolic output on the way from samples to outputs.

    Not `layer.output`: a network that was loaded has the nodes of an earlier build too,
    through which the layers would run twice.
    """
    made, stack, parents = {}, list(network.outputs), {}
    while stack:
        tensor = stack.pop()
        layer, node_index, _ = tensor._keras_history
        if layer.name not in made:
            made[layer.name] = tensor
            parents[layer.name] = layer._inbound_nodes[node_index].input_tensors
            stack += parents[layer.name]

    samples = network.inputs[0]._keras_history[0].name
    # Parents before children.
    sees_samples = {samples}
    for name in _from_first_to_last(parents):
        if any(t._keras_history[0].name in sees_samples for t in parents[name]):
            sees_samples.add(name)
    return {name: tensor for name, tensor in made.items() if name in sees_samples}


def _from_first_to_last(parents):
    graph = {
        name: {tensor._keras_history[0].name for tensor in tensors}
        for name, tensors in parents.items()
    }
    return graphlib.TopologicalSorter(graph).static_order()


class _GivenLabels:
    def __init__(self, critic, labels):
        self.critic = critic
        self.labels = labels
        self.network = critic.network

    def __call__(self, x):
        return self.critic(x, self.labels).logits
