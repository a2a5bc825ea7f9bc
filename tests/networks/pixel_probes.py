"""What tests of networks over pixels look at them with."""

import keras
import numpy as np
from keras import ops

from kerasgen import backend
from kerasgen.networks.pixel_network import write_column


def randomize(layer, scale=0.5):
    """Weights large enough for every connection to count, of a built layer."""
    rng = np.random.default_rng(0)
    for variable in layer.trainable_variables:
        variable.assign(scale * rng.standard_normal(variable.shape))
    return layer


def run(layer, function, *arrays):
    """A function of tensors that calls the layer, compiled; NumPy arrays."""
    tensors = [ops.convert_to_tensor(array) for array in arrays]
    return keras.tree.map_structure(
        ops.convert_to_numpy, backend.compiled(function, layer)(*tensors)
    )


def uniform(*shape):
    """Images in the model domain, float32."""
    return np.random.default_rng(1).uniform(-1, 1, shape).astype("float32")


def labels_of(network, num):
    """int32 (num,) of all classes, or None."""
    if network.num_classes is None:
        return None
    return ops.convert_to_tensor(np.arange(num, dtype="int32") % network.num_classes)


def seen(function, layer, shape, out_shape, num_draws=1):
    """bool (*out_shape, *shape): whether an output depends on an input.

    From the Jacobian: a sample of the batch for each output, which alone is
    differentiated.

    Args:
        function: Function of tensors (B, *shape) that calls the layer and returns
            (B, *out_shape), or several numbers for each of these.
        layer: Layer with the weights.
        shape: Shape of an input.
        out_shape: Shape of the outputs.
        num_draws: Inputs to try, for layers that may be dead at one.
    """
    num = int(np.prod(out_shape))
    chosen = np.eye(num, dtype="float32").reshape(num, *out_shape)
    rng = np.random.default_rng(1)

    def gradient(x, chosen):
        def own(x):
            y = function(x)
            y = ops.reshape(y, (num, *out_shape, -1))
            # Weights of unlike size, so that what several numbers see is not lost.
            weights = ops.arange(1.0, y.shape[-1] + 1.0)
            return ops.sum(y * weights, axis=-1) * chosen

        return backend.input_gradient(own, x)

    found = False
    for _ in range(num_draws):
        x = rng.uniform(-1, 1, (1, *shape)).astype("float32")
        found |= run(layer, gradient, np.repeat(x, num, axis=0), chosen) != 0
    return found.reshape(*out_shape, *shape)


def seen_by_each_value(network, num_draws=1):
    """bool (values, values): whether the row's parameters depend on the column."""
    shape = network.image_shape
    num = int(np.prod(shape))
    labels = labels_of(network, num)
    found = seen(lambda x: network(x, labels), network, shape, shape, num_draws)
    return found.reshape(num, num)


def by_pixels(network, x, labels=None):
    """Parameters (B, H, W * C * num_parameters) from the incremental functions."""
    batch_size, height, width, channels = x.shape
    depth = channels * network.num_parameters

    def finish_row(i, carry):
        image, state = carry
        state, context = network.begin_row(state)

        def finish_pixel(j, carry):
            row, state = carry
            here = [part[:, j] for part in context]
            state = network.begin_pixel(state, here, j)
            parts = []
            for channel in range(channels):
                # Later channels of the pixel must not count.
                is_known = np.arange(channels) < channel
                values = ops.where(is_known, x[:, i, j], 0.37)
                parameters, features = network.pixel(state, here, values)
                parts.append(parameters[:, channel])
            state = network.end_pixel(state, j, x[:, i, j], features)
            flat = ops.reshape(ops.stack(parts, axis=1), (batch_size, depth))
            return write_column(row, j, flat), state

        start = (ops.zeros((batch_size, width, depth)), state)
        row, state = ops.fori_loop(0, width, finish_pixel, start)
        state = network.end_row(state, x[:, i])
        return write_column(image, i, ops.reshape(row, (batch_size, -1))), state

    state = network.begin(batch_size, labels)
    start = ops.zeros((batch_size, height, width * depth)), state
    return ops.fori_loop(0, height, finish_row, start)[0]


def assert_pixel_by_pixel_as_all_at_once(network, batch_size=4):
    """Parameters at every position, to 1e-4."""
    x = uniform(batch_size, *network.image_shape)
    labels = labels_of(network, batch_size)
    whole = run(network, lambda x: network(x, labels), x)
    assert whole.std() > 0.1
    parts = run(network, lambda x: by_pixels(network, x, labels), x)
    np.testing.assert_allclose(parts.reshape(whole.shape), whole, atol=1e-4)
