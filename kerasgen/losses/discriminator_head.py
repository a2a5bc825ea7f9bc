"""What values the head of a discriminator can take, found by trying it."""

import keras
import numpy as np
from keras import ops

from kerasgen.layers.virtual_batch_normalization import DropReference

# Two far points on either side: an activation without bounds still grows there.
PROBES = (-1e4, -1e2, 1e2, 1e4)
LEAST_GROWTH = 1.0
STILL = (1.0,) * len(PROBES)


def output_range(network, index=0):
    """Range of a network's output, if its last activations bound it.

    The head is what follows the last layers with weights: their activations, and all
    operations after them. They are given large negative and positive numbers, together
    and one at a time, so an activation is known by what it does, be it a name, a
    function or a layer.

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
    return _range_of(network.outputs[index])


def _range_of(output):
    sources, num_dropped = _sources(output)
    moving = [[PROBES] * len(sources)]
    if len(sources) > 1:
        # Alone too: of a difference both would cancel.
        moving += [
            [PROBES if other is source else STILL for other in sources]
            for source in sources
        ]
    head = None
    if sources != [output]:
        head = keras.Model(sources, output, name="head")
    tried = []
    for probes in moving:
        values = [
            _respond(source, points, num_dropped)
            for source, points in zip(sources, probes, strict=True)
        ]
        result = values[0] if head is None else head(values, training=False)
        rows = ops.convert_to_numpy(result)[: len(PROBES)].astype("float64")
        means = rows.reshape(len(PROBES), -1).mean(axis=1)
        below, above = means[1] - means[0], means[3] - means[2]
        if min(abs(below), abs(above)) > LEAST_GROWTH and below * above > 0:
            return None
        tried += [*means]
    return float(min(tried)), float(max(tried))


def _sources(output):
    """Tensors of the last layers with weights, and how many rows the head drops."""
    sources, stack, seen, num_dropped = [], [output], set(), 0
    while stack:
        tensor = stack.pop()
        if id(tensor) in seen:
            continue
        seen.add(id(tensor))
        operation, inputs, _ = _origin(tensor)
        if not inputs or getattr(operation, "weights", []):
            sources.append(tensor)
            continue
        if isinstance(operation, DropReference):
            num_dropped += operation.num_reference
        stack += inputs
    return sources, num_dropped


def _respond(tensor, points, num_dropped):
    """What the layer that made a tensor makes of its sums, with rows to drop."""
    operation, _, index = _origin(tensor)
    while isinstance(operation, keras.layers.Wrapper):
        operation = operation.layer
    shape = [1 if size is None else size for size in tensor.shape[1:]]
    if getattr(operation, "outputs", None):
        inner = _range_of(operation.outputs[index])
        if inner is not None:
            points = np.clip(points, *inner)
    is_float = "float" in keras.backend.standardize_dtype(tensor.dtype)
    column = np.reshape(points, [-1] + [1] * len(shape)) * is_float
    dtype = "float32" if is_float else tensor.dtype
    values = ops.convert_to_tensor(np.tile(column, [1, *shape]), dtype)
    if getattr(operation, "activation", None) is not None:
        values = operation.activation(values)
    return ops.pad(values, [[0, num_dropped]] + [[0, 0]] * len(shape))


def _origin(tensor):
    """The operation that made a symbolic tensor, its inputs, and which output it is."""
    operation, node_index, tensor_index = tensor._keras_history
    inputs = operation._inbound_nodes[node_index].input_tensors
    return operation, inputs, tensor_index
