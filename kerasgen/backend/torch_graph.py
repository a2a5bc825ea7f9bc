"""Keras's graphs of layers run without Keras's work around each layer.

`Layer.__call__` of Keras converts arguments, looks for masks, opens scopes and resolves
`training` anew at each call: some 0.1 ms a layer, which PyTorch, eager, waits for, and
as much again for the network. None of it does anything to layers of Keras's own classes
that map one float32 tensor to another.
"""

import keras
import torch
from keras import layers
from torch.nn.modules.module import _has_any_global_hook

# Subclasses may do more. Those of the second group know of `training`.
PLAIN = {
    layers.Activation,
    layers.Conv2D,
    layers.Conv2DTranspose,
    layers.Dense,
    layers.ELU,
    layers.Flatten,
    layers.LeakyReLU,
    layers.ReLU,
    layers.Reshape,
    layers.UpSampling2D,
    layers.ZeroPadding2D,
}
TRAINED = {layers.BatchNormalization}
HOOKS = (
    "_forward_hooks",
    "_forward_pre_hooks",
    "_backward_hooks",
    "_backward_pre_hooks",
)


def call_network(network, inputs, training):
    """`network(inputs, training=training)`.

    Args:
        network: Keras model or layer, after `fuse`.
        inputs: What it takes: a tensor, or a list of them.
        training: bool.
    """
    call = vars(network).get("call")
    if isinstance(call, DirectCalls) and call.needs_no_more(inputs):
        return call(inputs, training)
    return network(inputs, training=training)


class DirectCalls:
    """`call` of a functional model.

    Layers that something else than their class decides about, such as a hook, a mask or
    another precision, are called as Keras calls them.

    Args:
        network: Keras's functional model.
    """

    def __init__(self, network):
        self.network = network
        nodes = network._nodes_by_depth
        self.nodes = [
            (node, node.operation, _is_direct(node), type(node.operation) in TRAINED)
            for depth in sorted(nodes, reverse=True)
            for node in nodes[depth]
            if node.operation and not node.is_input
        ]
        self.is_direct = all(is_direct for _, _, is_direct, _ in self.nodes)
        structures = network._inputs_struct, network._outputs_struct
        self.is_single = all(map(_is_single, structures))

    def needs_no_more(self, inputs):
        """Whether Keras's call of the network would do nothing but call this."""
        network = self.network
        return (
            self.is_direct
            # What was called once can be exported, for example.
            and network._called
            and self._fits(inputs)
            and inputs.dtype is torch.float32
            and network.activity_regularizer is None
            and _is_free(inputs, network)
        )

    def _fits(self, inputs):
        """Whether Keras would take the inputs as they are."""
        if not (self.is_single and isinstance(inputs, torch.Tensor)):
            return False
        shape = self.network.inputs[0].shape
        return len(shape) == inputs.ndim and all(
            size in (None, given)
            for size, given in zip(shape, inputs.shape, strict=True)
        )

    def __call__(self, inputs, training=None, mask=None, **context):
        network = self.network
        if mask is not None or context or not self._fits(inputs):
            call = type(network).call
            return call(network, inputs, training=training, mask=mask, **context)
        x = keras.ops.convert_to_tensor(inputs, network.inputs[0].dtype)
        made = {id(network.inputs[0]): x}
        given = {} if training is None else {"training": training}
        for node, layer, is_direct, is_trained in self.nodes:
            if is_direct:
                x = made[id(node.input_tensors[0])]
                if x.dtype is torch.float32 and _is_free(x, layer):
                    y = layer.call(x, **given) if is_trained else layer.call(x)
                    made[id(node.outputs[0])] = y
                    continue
            arguments, options = node.arguments.fill_in(made)
            if "training" in getattr(layer, "_call_context_args", ()):
                options = {**options, **given}
            outputs = layer(*arguments, **options)
            outputs = outputs if isinstance(outputs, list | tuple) else [outputs]
            made.update(zip(map(id, node.outputs), outputs, strict=True))
        return made[id(network.outputs[0])]


def _is_single(structure):
    """Whether it is one tensor, or a list of one, which Keras takes for the same."""
    if isinstance(structure, list | tuple) and len(structure) == 1:
        structure = structure[0]
    return isinstance(structure, keras.KerasTensor)


def _is_direct(node):
    layer = node.operation
    return (
        type(layer) in PLAIN | TRAINED
        and len(node.input_tensors) == len(node.arguments.args) == 1
        and all(value is None for value in node.arguments.kwargs.values())
        and layer.variable_dtype == "float32"
        and layer.activity_regularizer is None
    )


def _is_free(x, layer):
    """Whether nothing was hung on the tensor or the layer since."""
    return (
        not any(getattr(layer, hooks) for hooks in HOOKS)
        and not _has_any_global_hook()
        and layer.compute_dtype == "float32"
        and getattr(x, "_keras_mask", None) is None
    )
