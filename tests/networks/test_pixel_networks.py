"""Networks over pixels: what each pixel sees, and the same values pixel by pixel."""

import numpy as np
import pytest
from keras import ops

from kerasgen.models.pixel_sampling import Given, sample_naively, sample_pixels
from kerasgen.networks.gated_pixel_cnn import GatedPixelCNNNetwork
from kerasgen.networks.pixel_cnn import PixelCNNNetwork
from kerasgen.networks.pixel_rnn import PixelRNNNetwork
from kerasgen.pixel_distributions import Categorical
from tests.networks.pixel_probes import (
    assert_pixel_by_pixel_as_all_at_once,
    labels_of,
    randomize,
    seen_by_each_value,
)

LEVELS = 4
NETWORKS = {
    "pixel_cnn": lambda shape: PixelCNNNetwork(
        shape, LEVELS, num_blocks=2, filters=12, first_kernel_size=5
    ),
    "gated": lambda shape: GatedPixelCNNNetwork(
        shape, LEVELS, num_blocks=2, filters=12, first_kernel_size=5
    ),
    "gated, 1x1": lambda shape: GatedPixelCNNNetwork(
        shape, LEVELS, num_blocks=2, filters=12, first_kernel_size=3, kernel_size=1
    ),
    "gated, labels": lambda shape: GatedPixelCNNNetwork(
        shape, LEVELS, num_blocks=2, filters=12, first_kernel_size=5, num_classes=3
    ),
}
SHAPES = {"grey": (5, 4, 1), "colour": (3, 4, 3)}


def built(network):
    network.build()
    return randomize(network)


@pytest.fixture(scope="module", params=SHAPES)
def shape(request):
    return SHAPES[request.param]


# The others differ from these in what no backend decides.
@pytest.fixture(
    scope="module",
    params=[
        "pixel_cnn",
        "gated",
        pytest.param("gated, 1x1", marks=pytest.mark.eager),
        pytest.param("gated, labels", marks=pytest.mark.eager),
    ],
)
def network(request, shape):
    return built(NETWORKS[request.param](shape))


@pytest.mark.eager
def test_no_value_sees_itself_or_a_later_one(network):
    seen = seen_by_each_value(network, num_draws=2)
    assert not np.triu(seen).any()
    assert seen.any()


@pytest.mark.eager
def test_gated_pixel_cnn_sees_all_that_is_before(shape):
    """No blind spot: 4 blocks of 3x3 after 5x5 reach over these images' rows."""
    network = GatedPixelCNNNetwork(
        shape, LEVELS, num_blocks=4, filters=24, first_kernel_size=5
    )
    # A ReLU may be dead at a pixel of one image.
    seen = seen_by_each_value(built(network), num_draws=6)
    num = len(seen)
    np.testing.assert_array_equal(seen, np.tril(np.ones((num, num), bool), -1))


@pytest.mark.eager
def test_pixel_cnn_has_the_blind_spot_of_its_masks():
    """With 3x3 masks no depth shows (row - r, column + s) for s > r."""
    shape = (6, 9, 1)
    network = PixelCNNNetwork(
        shape, LEVELS, num_blocks=8, filters=8, first_kernel_size=3
    )
    seen = seen_by_each_value(built(network), num_draws=2).reshape(6, 9, 6, 9)
    rows, columns = np.mgrid[:6, :9]
    for row in range(6):
        for column in range(9):
            up, right = row - rows, columns - column
            expected = ((up > 0) & (right <= up)) | ((up == 0) & (right < 0))
            np.testing.assert_array_equal(seen[row, column], expected)


def test_pixel_by_pixel_equals_the_whole(network):
    assert_pixel_by_pixel_as_all_at_once(network)


def test_samples_are_those_of_naive_sampling(network, shape):
    rng = np.random.default_rng(4)
    uniform = ops.convert_to_tensor(rng.uniform(size=(4, *shape)).astype("float32"))
    given = Given(
        ops.convert_to_tensor(rng.integers(0, LEVELS, (4, *shape)).astype("int32")),
        ops.convert_to_tensor(rng.uniform(size=(4, *shape)) < 0.3),
    )
    distribution, labels = Categorical(LEVELS), labels_of(network, 4)
    for part in (None, given):
        fast, naive = (
            ops.convert_to_numpy(
                sample(network, distribution, uniform, 0.8, labels, part)
            )
            for sample in (sample_pixels, sample_naively)
        )
        np.testing.assert_array_equal(fast, naive)
        assert len(np.unique(fast)) > 1, "these could not tell samplers apart"
    keep = ops.convert_to_numpy(given.keep)
    np.testing.assert_array_equal(fast[keep], ops.convert_to_numpy(given.levels)[keep])


def test_config_builds_the_same_network(network):
    copy = type(network).from_config(network.get_config())
    copy.build()
    copy.set_weights(network.get_weights())
    x = ops.convert_to_tensor(
        np.random.default_rng(5).uniform(-1, 1, (4, *network.image_shape)), "float32"
    )
    labels = labels_of(network, 4)
    np.testing.assert_array_equal(
        *(ops.convert_to_numpy(net(x, labels)) for net in (network, copy))
    )


@pytest.mark.eager
@pytest.mark.parametrize("name", SHAPES)
def test_levels_read_as_kinds_keep_the_order_of_pixels(name):
    """A value that is changed moves later parameters and no others."""
    shape = SHAPES[name]
    network = built(
        GatedPixelCNNNetwork(
            shape, LEVELS, num_blocks=2, filters=24, first_kernel_size=5, one_hot=True
        )
    )
    num = int(np.prod(shape))
    rng = np.random.default_rng(2)
    levels = np.repeat(rng.integers(LEVELS, size=(1, num)), num + 1, axis=0)
    changed = np.arange(num)
    levels[changed, changed] = (levels[changed, changed] + 1) % LEVELS
    x = (levels * 2 / (LEVELS - 1) - 1).astype("float32").reshape(-1, *shape)
    found = ops.convert_to_numpy(network(x)).reshape(num + 1, num, LEVELS)
    moved = np.abs(found[:-1] - found[-1]).max(axis=-1) > 1e-6
    assert not np.tril(moved).any()
    assert moved[:-1].any(axis=1).all()
    uniform = rng.uniform(size=(3, *shape)).astype("float32")
    arguments = Categorical(LEVELS), ops.convert_to_tensor(uniform), np.float32(1)
    drawn, naive = (
        ops.convert_to_numpy(sample(network, *arguments))
        for sample in (sample_pixels, sample_naively)
    )
    np.testing.assert_array_equal(drawn, naive)
    copy = type(network).from_config(network.get_config())
    copy.build()
    copy.set_weights(network.get_weights())
    expected = found[:2].reshape(2, *shape, LEVELS)
    again = ops.convert_to_numpy(copy(x[:2]))
    np.testing.assert_allclose(again, expected, atol=1e-4)


@pytest.mark.eager
@pytest.mark.parametrize("network", [PixelCNNNetwork, PixelRNNNetwork])
def test_networks_without_labels_take_no_classes(network):
    with pytest.raises(TypeError, match="num_classes"):
        network((4, 4, 1), LEVELS, num_classes=3)
