"""PixelCNN++'s network: what each pixel sees, and the same pixel by pixel."""

import functools

import numpy as np
import pytest
from keras import ops

from kerasgen.models.pixel_sampling import Given, sample_naively, sample_pixels
from kerasgen.networks.gated_residual import PixelBlock, RowBlock
from kerasgen.networks.pixel_cnn_plus_plus import PixelCNNPlusPlusNetwork
from tests.networks.pixel_probes import (
    assert_pixel_by_pixel_as_all_at_once,
    labels_of,
    randomize,
    run,
    seen_by_each_value,
    uniform,
)

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
    return randomize(network, 0.3)


@pytest.fixture(params=["colour, labels", pytest.param("grey", marks=pytest.mark.once)])
def network(request):
    return make_network(request.param)


@pytest.mark.eager
def test_each_value_sees_all_before_it_and_none_else(network):
    found = seen_by_each_value(network)
    np.testing.assert_array_equal(found, np.tri(len(found), k=-1, dtype=bool))


def test_pixel_by_pixel_as_all_at_once(network):
    assert_pixel_by_pixel_as_all_at_once(network, BATCH_SIZE)


def test_samples_are_those_of_naive_sampling():
    network = make_network("colour, labels")
    labels = labels_of(network, BATCH_SIZE)
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
    x = np.repeat(uniform(1, *network.image_shape), BATCH_SIZE, axis=0)
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
    x = uniform(BATCH_SIZE, *network.image_shape)
    masks = run(network, lambda x: [*network._draw_kept(x)], x)
    assert [mask.shape[1:] for mask in masks] == shapes
    assert {*np.unique(np.concatenate([m.ravel() for m in masks]))} == {0.0, 2.0}
    flat = masks[0].reshape(BATCH_SIZE, -1)
    assert (flat[0] != flat[1]).any() and (masks[0] != masks[1]).any()


@pytest.mark.parametrize(("block", "others"), [(RowBlock, 1), (PixelBlock, 2)])
def test_blocks_are_gates_of_two_convolutions(block, others):
    """Against sums over taps in NumPy."""
    layer = block(2, others, num_classes=2)
    layer.build()
    randomize(layer, 1.0)
    rng = np.random.default_rng(1)
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
