"""What values the head of a discriminator can take, found by trying it."""

import keras
import numpy as np
from keras import ops

from kerasgen.layers.virtual_batch_normalization import DropReference

# Two far points on either side: an activation without bounds still grows there.
PROBES = (-1e4, -1e2, 1e2, 1e4)
LEAST_GROWTH = 1.0


def output_range(network, index=0):
    """Range of a network's output, if its last activation bounds it.

    The head is what follows the last layer with weights: that layer's activation, and
    all operations after it. It is given large negative and positive numbers, so an
    activation is known by what it does, be it a name, a function or a layer.

    Args:
        network: Built Functional or Sequential `keras.Model`.
        index: Which of its outputs.

    Returns:
        `(low, high)` of the outputs tried if they end on either side, as a sigmoid's
        and a ReLU's do; None if they grow without end on both.

    Example:

    >>> import keras
    >>> from kerasgen.losses.discriminator_head import output_range
    >>> layer = keras.layers.Dense(1, activation="sigmoid")
    >>> output_range(keras.Sequential([keras.Input((4,)), layer]))
    (0.0, 1.0)
    """
    outputs = ops.convert_to_numpy(_respond(network.outputs[index]))
    means = outputs.reshape(len(PROBES), -1).astype("float64").mean(axis=1)
    below, above = means[1] - means[0], means[3] - means[2]
    if min(abs(below), abs(above)) > LEAST_GROWTH and below * above > 0:
        return None
    return float(means.min()), float(means.max())


def _respond(output):
    """What the head that ends in a symbolic tensor makes of the probes."""
    tensor, num_dropped = output, 0
    operation, inputs, index = _source(tensor)
    while len(inputs) == 1 and not getattr(operation, "weights", []):
        if isinstance(operation, DropReference):
            num_dropped += operation.num_reference
        tensor = inputs[0]
        operation, inputs, index = _source(tensor)
    while isinstance(operation, keras.layers.Wrapper):
        operation = operation.layer
    if getattr(operation, "outputs", None):
        values = _respond(operation.outputs[index])
    else:
        shape = [1 if size is None else size for size in tensor.shape[1:]]
        probes = np.reshape(PROBES, [-1] + [1] * len(shape))
        values = ops.convert_to_tensor(np.tile(probes, [1, *shape]), "float32")
        if getattr(operation, "activation", None) is not None:
            values = operation.activation(values)
    if tensor is output:
        return values
    # Rows for the head to drop.
    values = ops.pad(values, [[0, num_dropped]] + [[0, 0]] * (len(values.shape) - 1))
    return keras.Model(tensor, output, name="head")(values, training=False)


def _source(tensor):
    """The operation that made a symbolic tensor, its inputs, and which output it is."""
    operation, node_index, tensor_index = tensor._keras_history
    inputs = operation._inbound_nodes[node_index].input_tensors
    return operation, inputs, tensor_index
