"""Fused layers and optimizers compute what Keras's do, with the same configs."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from kerasgen import backend

CONVOLUTIONS = {
    "same, even kernel": lambda: layers.Conv2D(4, 4, 2, "same"),
    "same, odd kernel": lambda: layers.Conv2D(4, 3, 2, "same", use_bias=False),
    "valid": lambda: layers.Conv2D(4, (3, 2), (2, 1), activation="relu"),
    "dilated": lambda: layers.Conv2D(4, 3, padding="same", dilation_rate=2),
    "groups": lambda: layers.Conv2D(4, 3, padding="same", groups=2),
    "transposed": lambda: layers.Conv2DTranspose(4, 4, 2, "same"),
    "transposed, same size": lambda: layers.Conv2DTranspose(4, 3, 1, "same"),
    "transposed, odd kernel": lambda: layers.Conv2DTranspose(4, 3, 2, "same"),
    "transposed, small kernel": lambda: layers.Conv2DTranspose(4, 1, 3, "same"),
    "transposed, valid": lambda: layers.Conv2DTranspose(4, 4, 2),
    "transposed, one filter": lambda: layers.Conv2DTranspose(1, 4, 2, "same"),
    "transposed, few filters": lambda: layers.Conv2DTranspose(
        3, (9, 4), (3, 2), "same", use_bias=False, activation="tanh"
    ),
    "transposed, no overlap": lambda: layers.Conv2DTranspose(2, 2, 2, "same"),
}
NORMALIZATIONS = {
    "default": lambda: layers.BatchNormalization(),
    "plain": lambda: layers.BatchNormalization(center=False, scale=False),
    "momentum": lambda: layers.BatchNormalization(momentum=0.5, epsilon=1e-5),
    "axis": lambda: layers.BatchNormalization(axis=1),
    "renorm": lambda: layers.BatchNormalization(renorm=True),
}


def make_pair(make_layer, shape):
    """A layer as Keras has it, and its fused twin."""
    pair = [make_layer(), make_layer()]
    for layer in pair:
        layer.build((None, *shape))
    draw = np.random.RandomState(0)
    arrays = [draw.uniform(0.5, 1.5, v.shape) for v in pair[0].weights]
    for layer in pair:
        layer.set_weights(arrays)
    backend.fuse(pair[1])
    return pair


def results_of(layer, x, weights, training):
    """Outputs, all first gradients, a gradient penalty's gradients, the new state."""
    arguments = {} if training is None else {"training": training}
    weights = ops.convert_to_tensor(weights)

    def call(x):
        return ops.cast(layer(x, **arguments), "float32")

    def loss():
        y = call(ops.convert_to_tensor(x))
        return ops.sum(weights * y), y

    def penalty():
        gradient = backend.input_gradient(lambda x: weights * ops.tanh(call(x)), x)
        return ops.sum(ops.square(gradient)), gradient

    state = [ops.convert_to_numpy(v) for v in layer.non_trainable_variables]
    found = []
    for function in (loss, penalty):
        own = layer.trainable_variables
        if own:
            (_, aux), gradients = backend.value_and_grad(function, own)
        else:
            (_, aux), gradients = function(), []
        found += [aux, *gradients, *(v.value for v in layer.non_trainable_variables)]
        for variable, value in zip(layer.non_trainable_variables, state, strict=True):
            variable.assign(value)
    return [ops.convert_to_numpy(ops.cast(value, "float32")) for value in found]


def check_pair(pair, shape, training=None, tolerance=2e-5):
    draw = np.random.RandomState(1)
    x = draw.standard_normal((6, *shape)).astype("float32")
    weights = draw.standard_normal(pair[0].compute_output_shape((6, *shape)))
    weights = weights.astype("float32")
    expected, found = (results_of(layer, x, weights, training) for layer in pair)
    for one, other in zip(expected, found, strict=True):
        np.testing.assert_allclose(other, one, rtol=0, atol=tolerance * abs(one).max())
    configs = [{**layer.get_config(), "name": ""} for layer in pair]
    assert configs[0] == configs[1]


@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_fused_convolutions_are_those_of_keras(name):
    shape = (7, 6, 2)
    check_pair(make_pair(CONVOLUTIONS[name], shape), shape)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("name", NORMALIZATIONS)
def test_fused_normalization_is_that_of_keras(name, training):
    shape = (5, 4, 3)
    check_pair(make_pair(NORMALIZATIONS[name], shape), shape, training)


def test_fused_normalization_takes_vectors_and_half_precision():
    check_pair(make_pair(NORMALIZATIONS["default"], (3,)), (3,), True)

    def half():
        return layers.BatchNormalization(dtype="mixed_bfloat16")

    pair = make_pair(half, (5, 4, 3))
    check_pair(pair, (5, 4, 3), True, tolerance=2e-2)
    assert {v.dtype for v in pair[1].variables} == {"float32"}


def test_moments_of_another_origin_are_kept():
    _, layer = make_pair(NORMALIZATIONS["plain"], (2, 2, 3))
    layer._moments = lambda inputs, mask: (ops.zeros(3), ops.ones(3))
    x = np.full((2, 2, 2, 3), 3.0, "float32")
    y = ops.convert_to_numpy(layer(x, training=True))
    np.testing.assert_allclose(y, 3.0, rtol=1e-3)


OPTIMIZERS = {
    "Adam": lambda: keras.optimizers.Adam(1e-2, beta_1=0.5),
    "amsgrad": lambda: keras.optimizers.Adam(1e-2, amsgrad=True, epsilon=1e-3),
    "AdamW": lambda: keras.optimizers.AdamW(1e-2, weight_decay=0.1, clipnorm=1.0),
    "schedule": lambda: keras.optimizers.Adam(
        keras.optimizers.schedules.ExponentialDecay(1e-2, 2, 0.5)
    ),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_fused_optimizers_are_those_of_keras(name):
    draw = np.random.RandomState(0)
    shapes = [(2, 3, 4, 5), (5,), ()]
    gradients = [[draw.standard_normal(s).astype("float32") for s in shapes]] * 5
    results = []
    for fuse in (lambda optimizer: None, backend.fuse_optimizer):
        variables = [keras.Variable(np.ones(s, "float32")) for s in shapes]
        optimizer = OPTIMIZERS[name]()
        optimizer.build(variables)
        fuse(optimizer)
        for step in gradients:
            first, *others = map(ops.convert_to_tensor, step)
            # Not in the order of memory, as a convolution's gradient.
            first = ops.transpose(
                ops.transpose(first, (3, 2, 1, 0)) + 0.0, (3, 2, 1, 0)
            )
            optimizer.apply([first, *others], variables)
        values = [*variables, *optimizer.variables]
        results.append([ops.convert_to_numpy(v) for v in values])
    for one, other in zip(*results, strict=True):
        np.testing.assert_allclose(other, one, rtol=1e-5, atol=1e-7)


def test_kernels_train_alike_however_they_lie_in_memory():
    pair = make_pair(lambda: layers.Conv2D(4, 3, padding="same"), (5, 5, 2))
    draw = np.random.RandomState(0)
    x = draw.standard_normal((6, 5, 5, 2)).astype("float32")
    results = []
    for layer, fuse in zip(
        pair, (lambda optimizer: None, backend.fuse_optimizer), strict=True
    ):
        optimizer = keras.optimizers.Adam(1e-2)
        optimizer.build(layer.trainable_variables)
        fuse(optimizer)
        for _ in range(3):
            _, gradients = backend.value_and_grad(
                lambda layer=layer: (ops.mean(ops.square(layer(x))), ()),
                layer.trainable_variables,
            )
            optimizer.apply(gradients, layer.trainable_variables)
        results.append([v.numpy() for v in (*layer.variables, *optimizer.variables)])
    for one, other in zip(*results, strict=True):
        np.testing.assert_allclose(other, one, rtol=1e-4, atol=1e-6)
    # Files hold them in the order of their shape.
    layer.set_weights(pair[0].get_weights())
    np.testing.assert_array_equal(layer.kernel.numpy(), pair[0].kernel.numpy())


def test_moments_do_not_stay_below_the_normal_range():
    variable = keras.Variable(np.ones(4, "float32"))
    optimizer = keras.optimizers.Adam(1e-2)
    optimizer.build([variable])
    backend.fuse_optimizer(optimizer)
    smallest = np.finfo("float32").smallest_normal
    for step in range(1000):
        gradient = np.array([step == 0, step == 0, 1e-3, 1e-20], "float32")
        optimizer.apply([ops.convert_to_tensor(gradient)], [variable])
        momentum = ops.convert_to_numpy(optimizer._momentums[0])
        assert not ((momentum != 0) & (abs(momentum) < smallest)).any()
    np.testing.assert_allclose(momentum, [0, 0, 1e-3, 1e-20], 1e-5, 1e-30)


def make_graph():
    """Layers called directly, one of them twice, between others."""
    image = keras.Input((8, 8, 1))
    conv = layers.Conv2D(1, 3, padding="same", activation="relu")
    x = layers.Add()([conv(conv(image)), image])
    x = layers.LeakyReLU()(layers.BatchNormalization(momentum=0.5)(x))
    x = keras.Sequential([keras.Input((64,)), layers.Dense(8, "gelu")])(
        layers.Flatten()(x)
    )
    return keras.Model(image, layers.Dense(3, "tanh")(x))


def test_a_fused_graph_computes_what_keras_s_does():
    plain, fused = make_graph(), make_graph()
    fused.set_weights(plain.get_weights())
    backend.fuse(fused)
    x = np.random.RandomState(0).standard_normal((5, 8, 8, 1)).astype("float32")
    for training in (True, False):
        outputs = [
            ops.convert_to_numpy(m(x, training=training)) for m in (plain, fused)
        ]
        np.testing.assert_allclose(*outputs, rtol=1e-5, atol=1e-6)
    for one, other in zip(plain.get_weights(), fused.get_weights(), strict=True):
        np.testing.assert_allclose(other, one, rtol=1e-5, atol=1e-6)
    assert not np.array_equal(fused.get_weights()[4], np.zeros(1))  # moving mean


def test_a_network_is_called_as_keras_calls_it():
    inputs = keras.Input((3,))
    output = layers.Dense(2, "relu")(inputs)
    x = ops.ones((4, 3))
    for structure in (output, [output], {"y": output}):
        network = keras.Model(inputs, structure)
        expected = network(x, training=True)
        backend.fuse(network)
        found = backend.call_network(network, x, True)
        keras.tree.assert_same_structure(found, expected)
        for pair in zip(*map(keras.tree.flatten, (found, expected)), strict=True):
            np.testing.assert_allclose(*map(ops.convert_to_numpy, pair))
    network = keras.Model(inputs, output)
    backend.fuse(network)
    for _ in range(2):
        with pytest.raises(ValueError, match="expected shape"):
            backend.call_network(network, ops.ones((4, 2)), True)
        backend.call_network(network, x, True)


@pytest.mark.skipif(keras.backend.backend() != "torch", reason="PyTorch's graphs")
@pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning")
def test_a_fused_network_serves_pytorch_s_tools():
    """Traces for any batch size, forward derivatives, autocast."""
    import torch
    from torch.autograd import forward_ad

    inputs = keras.Input((3,))
    y = layers.Reshape((2, 2, 4))(layers.Dense(16)(inputs))
    network = keras.Model(inputs, layers.Conv2DTranspose(1, 4, 2, "same")(y))
    backend.fuse(network)
    x = torch.ones(5, 3)
    expected = network(x)
    traced = torch.jit.trace(network, x[:2], check_trace=False)
    torch.testing.assert_close(traced(x), expected)
    with forward_ad.dual_level():
        moved = forward_ad.unpack_dual(network(forward_ad.make_dual(x, x)))
    # Without biases, which start at 0, the network is linear.
    torch.testing.assert_close(moved.tangent, expected)
    with torch.autocast("cpu", torch.bfloat16):
        assert network(x).dtype == torch.bfloat16


@pytest.mark.skipif(keras.backend.backend() != "torch", reason="PyTorch's graphs")
def test_hooks_of_a_network_are_called():
    network = make_graph()
    backend.fuse(network)
    seen = []
    network.register_forward_hook(lambda *given: seen.append(given))
    network.register_full_backward_hook(lambda *given: seen.append(given))
    x = ops.zeros((1, 8, 8, 1)).requires_grad_()
    for _ in range(2):
        backend.call_network(network, x, False).sum().backward()
    assert len(seen) == 4


@pytest.mark.skipif(keras.backend.backend() != "torch", reason="PyTorch's graphs")
def test_layers_are_called_directly_where_nothing_else_decides():
    network = make_graph()
    backend.fuse(network)
    direct = {
        type(layer).__name__
        for _, layer, is_direct, _ in network.call.nodes
        if is_direct
    }
    assert direct >= {"BatchNormalization", "Conv2D", "Dense", "Flatten", "LeakyReLU"}
    seen = []
    conv = network.layers[1]
    conv.register_forward_hook(lambda *given: seen.append(given))
    network(np.zeros((1, 8, 8, 1), "float32"))
    assert len(seen) == 2
