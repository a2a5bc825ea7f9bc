"""PixelCNN++'s network: what each pixel sees, and the same pixel by pixel."""

import functools

import keras
import numpy as np
import pytest
from keras import ops

from kerasgen import backend
from kerasgen.models.pixel_sampling import Given, sample_naively, sample_pixels
from kerasgen.networks.gated_residual import PixelBlock, RowBlock
from kerasgen.networks.pixel_cnn_plus_plus import PixelCNNPlusPlusNetwork
from kerasgen.networks.pixel_network import write_column

# No size is a multiple of 4. Compilation is what these tests take their time for.
CASES = {"colour, labels": ((5, 6, 3), 3), "grey": ((6, 7, 1), None)}
BATCH_SIZE = 4


@functools.cache
def make_network(case):
    """A small network whose weights are large enough for every connection to count."""
    shape, num_classes = CASES[case]
    network = PixelCNNPlusPlusNetwork(
        shape,
        num_levels=4,
        num_mixtures=2,
        filters=3,
        blocks_per_stage=1,
        dropout=0.5,
        num_classes=num_classes,
        seed=7,
    )
    network.build()
    rng = np.random.default_rng(0)
    for variable in network.trainable_variables:
        variable.assign(0.3 * rng.standard_normal(variable.shape))
    return network


def run(network, function, *arrays):
    """A function of tensors that calls the network, compiled; NumPy arrays."""
    tensors = [ops.convert_to_tensor(array) for array in arrays]
    return keras.tree.map_structure(
        ops.convert_to_numpy, backend.compiled(function, network)(*tensors)
    )


def images(network, seed=1):
    shape = (BATCH_SIZE, *network.image_shape)
    return np.random.default_rng(seed).uniform(-1, 1, shape).astype("float32")


def labels_of(network, num=BATCH_SIZE):
    if network.num_classes is None:
        return None
    return ops.convert_to_tensor(np.arange(num, dtype="int32") % network.num_classes)


@pytest.fixture(params=["colour, labels", pytest.param("grey", marks=pytest.mark.once)])
def network(request):
    return make_network(request.param)


@pytest.mark.eager
def test_each_value_sees_all_before_it_and_none_else(network):
    """From the Jacobian: a sample of the batch for the parameters of each value."""
    shape = network.image_shape
    num = int(np.prod(shape))
    chosen = np.eye(num, dtype="float32").reshape(num, *shape, 1)
    weights = np.array([0.7, -1.3, 0.4, 1.1, -0.6, 0.9], "float32")

    def gradient(x, weights):
        labels = labels_of(network, num)
        return backend.input_gradient(lambda x: network(x, labels) * weights, x)

    x = np.repeat(images(network)[:1], num, axis=0)
    found = run(network, gradient, x, chosen * weights).reshape(num, num)
    np.testing.assert_array_equal(found != 0, np.tri(num, k=-1, dtype=bool))


def by_pixels(network, x, labels):
    """Parameters (B, H, W * C * num_parameters) from the incremental functions."""
    _, height, width, channels = x.shape
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
            flat = ops.reshape(ops.stack(parts, axis=1), (BATCH_SIZE, depth))
            return write_column(row, j, flat), state

        start = (ops.zeros((BATCH_SIZE, width, depth)), state)
        row, state = ops.fori_loop(0, width, finish_pixel, start)
        state = network.end_row(state, x[:, i])
        return write_column(image, i, ops.reshape(row, (BATCH_SIZE, -1))), state

    state = network.begin(BATCH_SIZE, labels)
    start = ops.zeros((BATCH_SIZE, height, width * depth)), state
    return ops.fori_loop(0, height, finish_row, start)[0]


def test_pixel_by_pixel_as_all_at_once(network):
    x = images(network)
    labels = labels_of(network)
    whole = run(network, lambda x: network(x, labels), x)
    assert whole.std() > 0.1
    parts = run(network, lambda x: by_pixels(network, x, labels), x)
    np.testing.assert_allclose(parts.reshape(whole.shape), whole, atol=1e-4)


def test_samples_are_those_of_naive_sampling():
    network = make_network("colour, labels")
    labels = labels_of(network)
    rng = np.random.default_rng(4)
    shape = (BATCH_SIZE, *network.image_shape)
    uniform = rng.uniform(size=shape).astype("float32")
    kept = rng.integers(0, 4, shape).astype("int32")
    keep = rng.uniform(size=shape) < 0.3
    fast, naive = (
        run(
            network,
            lambda uniform, kept, keep, sample=sample: sample(
                network, network.distribution, uniform, 0.8, labels, Given(kept, keep)
            ),
            uniform,
            kept,
            keep,
        )
        for sample in (sample_pixels, sample_naively)
    )
    np.testing.assert_array_equal(fast, naive)
    assert len(np.unique(fast[~keep])) == 4
    np.testing.assert_array_equal(fast[keep], kept[keep])


@pytest.mark.once
def test_dropout_is_of_training_alone_and_of_each_sample():
    network = make_network("grey")
    x = np.repeat(images(network)[:1], BATCH_SIZE, axis=0)
    dropped, still = run(network, lambda x: (network(x, training=True), network(x)), x)
    assert np.abs(dropped[0] - dropped[1]).max() > 0.1
    np.testing.assert_allclose(still[0], still[1], atol=1e-5)


@pytest.mark.once
def test_every_block_drops_features_of_its_own():
    """Blocks of each resolution in turn, a mask each of its shape."""
    network = make_network("grey")
    shapes = network.stage.dropout_shapes(6, 7)
    assert shapes == (
        [(6, 7, 6)] * 2
        + [(3, 4, 6)] * 2
        + [(2, 2, 6)] * 4
        + [(3, 4, 6)] * 4
        + [(6, 7, 6)] * 4
    )
    masks = run(network, lambda x: [*network._draw_kept(x)], images(network))
    assert [mask.shape[1:] for mask in masks] == shapes
    assert {*np.unique(np.concatenate([m.ravel() for m in masks]))} == {0.0, 2.0}
    flat = masks[0].reshape(BATCH_SIZE, -1)
    assert (flat[0] != flat[1]).any() and (masks[0] != masks[1]).any()


@pytest.mark.parametrize(("block", "others"), [(RowBlock, 1), (PixelBlock, 2)])
def test_blocks_are_gates_of_two_convolutions(block, others):
    """Against sums over taps in NumPy."""
    layer = block(2, others, num_classes=2)
    layer.build()
    rng = np.random.default_rng(0)
    for variable in layer.trainable_variables:
        variable.assign(rng.standard_normal(variable.shape))
    x, *rest = rng.standard_normal((1 + others, 2, 3, 4, 2)).astype("float32")
    labels = np.array([1, 0], "int32")

    def concat_elu(x):
        x = np.concatenate([x, -x], axis=-1)
        return np.where(x > 0, x, np.expm1(np.minimum(x, 0)))

    def convolve(conv, x):
        kernel, bias = (ops.convert_to_numpy(w) for w in conv.trainable_variables)
        padded = np.pad(x, ((0, 0), (1, 0), (1, 1), (0, 0)))
        outputs = bias
        for row, column in np.ndindex(*kernel.shape[:2]):
            taps = padded[:, row : row + 3, column : column + 4]
            outputs = outputs + taps @ kernel[row, column]
        return outputs

    hidden = convolve(layer.first, concat_elu(x))
    for dense, other in zip(layer.others, rest, strict=True):
        hidden = hidden + concat_elu(other) @ ops.convert_to_numpy(dense.kernel)
    gate = convolve(layer.second, concat_elu(hidden))
    classes = ops.convert_to_numpy(layer.classes.embeddings)
    a, b = np.split(gate + classes[labels][:, None, None], 2, axis=-1)
    found = run(layer, lambda x, *rest: layer(x, [*rest], labels), x, *rest)
    np.testing.assert_allclose(found, x + a / (1 + np.exp(-b)), rtol=1e-4, atol=1e-4)


def test_config_builds_the_same_network():
    network = make_network("colour, labels")
    config = network.get_config()
    assert config["num_levels"] == 4 and config["seed"] == 7
    copy = PixelCNNPlusPlusNetwork.from_config(config)
    copy.build()
    assert copy.get_config() == config
    for ours, theirs in zip(network.variables, copy.variables, strict=True):
        assert ours.shape == theirs.shape and ours.name == theirs.name
    assert copy.dropout.seed == 7
