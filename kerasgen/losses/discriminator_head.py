"""What values the head of a discriminator can take, found by trying it."""

import keras
import numpy as np
from keras import layers, ops

from kerasgen.layers.projection_head import ProjectionHead
from kerasgen.layers.virtual_batch_normalization import DropReference

# Two far points on either side: an activation without bounds still grows there.
PROBES = (-1e4, -1e2, 1e2, 1e4)
LEAST_GROWTH = 1.0
STILL = (1.0,) * len(PROBES)
NUM_DIRECTIONS = 4
UNKNOWN_SIZE = 32
WIDE_WEIGHTS = 100.0
# Of these classes themselves, it is known that they are linear before `activation`.
LINEAR = {
    layers.Dense,
    layers.EinsumDense,
    layers.Conv1D,
    layers.Conv2D,
    layers.Conv3D,
    layers.Conv1DTranspose,
    layers.Conv2DTranspose,
    layers.Conv3DTranspose,
    layers.DepthwiseConv1D,
    layers.DepthwiseConv2D,
    layers.SeparableConv1D,
    layers.SeparableConv2D,
    layers.Embedding,
    ProjectionHead,
}


def output_range(network, index=0):
    """Range of a network's output, if its last activations bound it.

    The head is what follows the last layers with kernels: their activations, and all
    operations after them, normalisations too. They are given large negative and
    positive numbers, together and one at a time, so an activation is known by what it
    does, be it a name, a function or a layer. So is a layer with a kernel that is not
    one of Keras's own: what it makes of such numbers counts as bounded where other
    weights do not widen it.

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
        for result in _results(head, values):
            rows = ops.convert_to_numpy(result)[: len(PROBES)].astype("float64")
            means = rows.reshape(len(PROBES), -1).mean(axis=1)
            below, above = means[1] - means[0], means[3] - means[2]
            if min(abs(below), abs(above)) > LEAST_GROWTH and below * above > 0:
                return None
            tried.append(means)
    return float(np.min(tried)), float(np.max(tried))


def _results(head, values):
    """What the head makes of values, and what it may once it has learned."""
    if head is None:
        return values
    results = [head(values, training=False)]
    own = [variable.value for variable in head.trainable_variables]
    # Such as the slopes of a PReLU, which begins as a ReLU.
    zeros = [not ops.convert_to_numpy(value).any() for value in own]
    if any(zeros):
        moved = [
            value + 1.0 if is_zero else value
            for value, is_zero in zip(own, zeros, strict=True)
        ]
        others = [variable.value for variable in head.non_trainable_variables]
        results.append(head.stateless_call(moved, others, values, training=False)[0])
    return results


def _sources(output):
    """Tensors of the last layers with kernels, and how many rows the head drops."""
    sources, stack, seen, num_dropped = [], [output], set(), 0
    while stack:
        tensor = stack.pop()
        if id(tensor) in seen:
            continue
        seen.add(id(tensor))
        operation, inputs, _ = _origin(tensor)
        if not inputs or _mixes(operation, inputs, tensor):
            sources.append(tensor)
            continue
        if isinstance(operation, DropReference):
            num_dropped += operation.num_reference
        stack += inputs
    return sources, num_dropped


def _mixes(operation, inputs, output):
    """Whether an operation has weights that do more than scale and shift values."""
    shapes = [tuple(weight.shape) for weight in getattr(operation, "weights", [])]
    sample = tuple(output.shape[1:])
    is_like_input = len(inputs) == 1 and tuple(inputs[0].shape[1:]) == sample
    return bool(shapes) and not (
        is_like_input and all(len(s) < 2 or s == sample for s in shapes)
    )


def _respond(tensor, points, num_dropped):
    """What the layer that made a tensor makes of its sums, with rows to drop."""
    operation, inputs, index = _origin(tensor)
    while isinstance(operation, keras.layers.Wrapper):
        operation = operation.layer
    bounds = activation = None
    if getattr(operation, "outputs", None):
        bounds = _range_of(operation.outputs[index])
    elif type(operation) in LINEAR:
        activation = getattr(operation, "activation", None)
    elif inputs:
        bounds = _range_of_layer(inputs, tensor)
    if bounds is not None:
        points = np.clip(points, *bounds)
    shape = tensor.shape[1:]
    values = _to_values(tensor, np.reshape(points, [-1] + [1] * len(shape)))
    values = keras.activations.get(activation)(values)
    return ops.pad(values, [[0, num_dropped]] + [[0, 0]] * len(shape))


def _range_of_layer(inputs, output):
    """Range of what a layer makes of any inputs, if no weights of it widen that.

    `(low, high)`, one of which may be infinite, or None.
    """
    inputs = [*{id(tensor): tensor for tensor in inputs}.values()]
    layer = keras.Model(inputs, output, name="layer")
    generator = np.random.RandomState(0)
    own = [variable.value for variable in layer.trainable_variables]
    wide = [
        [WIDE_WEIGHTS * generator.standard_normal(value.shape) for value in own]
        for _ in range(NUM_DIRECTIONS)
    ]
    points = np.tile(PROBES, NUM_DIRECTIONS)
    samples = []
    for tensor in inputs:
        shape = _known_shape(tensor)
        directions = generator.uniform(-1.0, 1.0, (NUM_DIRECTIONS, *shape))
        rows = np.repeat(directions, len(PROBES), axis=0)
        points_like_rows = np.reshape(points, [-1] + [1] * len(shape))
        samples.append(_to_values(tensor, rows * points_like_rows))
    ends = []
    for weights in (own, *wide):
        weights = [
            ops.convert_to_tensor(weight, variable.dtype)
            for weight, variable in zip(weights, layer.trainable_variables, strict=True)
        ]
        others = [variable.value for variable in layer.non_trainable_variables]
        try:
            result, _ = layer.stateless_call(weights, others, samples, training=False)
        except Exception:
            # It asks more of its inputs than their shapes say.
            return None
        rows = ops.convert_to_numpy(result).astype("float64")
        means = rows.reshape(NUM_DIRECTIONS, len(PROBES), -1).mean(axis=-1)
        growth = np.abs([means[:, 1] - means[:, 0], means[:, 3] - means[:, 2]])
        if not np.isfinite(means).all() or (growth.min(axis=0) > LEAST_GROWTH).any():
            return None
        ends.append((means.min(), means.max()))
    low, high = ends[0]
    wide_low, wide_high = np.min(ends), np.max(ends)
    low = wide_low if low - wide_low < 10.0 + abs(low) else -np.inf
    high = wide_high if wide_high - high < 10.0 + abs(high) else np.inf
    return None if np.isinf([low, high]).all() else (low, high)


def _known_shape(tensor):
    return [UNKNOWN_SIZE if size is None else size for size in tensor.shape[1:]]


def _to_values(tensor, rows):
    """Rows as a tensor shaped like a symbolic one; zeros where it holds no floats."""
    is_float = "float" in keras.backend.standardize_dtype(tensor.dtype)
    rows = np.broadcast_to(rows * is_float, [len(rows), *_known_shape(tensor)])
    return ops.convert_to_tensor(rows, "float32" if is_float else tensor.dtype)


def _origin(tensor):
    """The operation that made a symbolic tensor, its inputs, and which output it is."""
    operation, node_index, tensor_index = tensor._keras_history
    inputs = operation._inbound_nodes[node_index].input_tensors
    return operation, inputs, tensor_index
