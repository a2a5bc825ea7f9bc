"""The compiled loop that draws pixels: what its distributions are given of each."""

import numpy as np
import pytest
from keras import ops

from kerasgen import backend
from kerasgen.models.pixel_sampling import Given, sample_pixels
from kerasgen.networks.gated_pixel_cnn import GatedPixelCNNNetwork
from kerasgen.networks.pixel_cnn import PixelCNNNetwork
from kerasgen.networks.pixel_cnn_plus_plus import PixelCNNPlusPlusNetwork
from kerasgen.networks.pixel_rnn import PixelRNNNetwork
from kerasgen.pixel_distributions import levels_to_unit
from tests.networks.pixel_probes import randomize

LEVELS = 4
FIRST = {"first_kernel_size": 3}
NETWORKS = {
    "pixel_cnn": lambda: PixelCNNNetwork((3, 4, 1), LEVELS, 2, 6, **FIRST),
    "gated, colour, labels": lambda: GatedPixelCNNNetwork(
        (2, 3, 3), LEVELS, 2, 6, **FIRST, num_classes=3
    ),
    "row_lstm, colour": lambda: PixelRNNNetwork(
        (2, 3, 3), LEVELS, "row_lstm", 2, 3, **FIRST
    ),
    "diagonal_bilstm": lambda: PixelRNNNetwork(
        (3, 4, 1), LEVELS, "diagonal_bilstm", 2, 3, **FIRST
    ),
    "pixel_cnn_plus_plus": lambda: PixelCNNPlusPlusNetwork(
        (3, 3, 3), LEVELS, num_mixtures=1, filters=3, blocks_per_stage=1, num_classes=3
    ),
}
# Compilation is what these take their time for.
FAST = {"gated, colour, labels", "diagonal_bilstm"}
SCALE = 2.0**16


class Probe:
    """A distribution that draws its own parameters, the uniform number says which.

    Levels are small integers; a parameter is drawn as an integer in units of 1 / SCALE.
    """

    num_levels = LEVELS

    def draw(self, uniform, parameters, temperature):
        num = parameters.shape[-1]
        index = ops.cast(uniform * num, "int32")
        chosen = ops.take_along_axis(parameters, index[:, None], axis=-1)[:, 0]
        return ops.cast(ops.round(chosen * SCALE), "int32")


@pytest.mark.parametrize(
    "name",
    [n if n in FAST else pytest.param(n, marks=pytest.mark.slow) for n in NETWORKS],
)
def test_parameters_in_the_loop_are_those_of_the_whole_network(name):
    """Teacher-forced: all values are given but one, a sample for each parameter."""
    network = NETWORKS[name]()
    network.build()
    randomize(network, 0.4)
    rng = np.random.default_rng(0)
    num, depth = int(np.prod(network.image_shape)), network.num_parameters
    num_rows = num * depth
    levels = rng.integers(0, LEVELS, network.image_shape).astype("int32")
    levels = np.repeat(levels[None], num_rows, axis=0)
    place, parameter = np.divmod(np.arange(num_rows), depth)
    keep = np.arange(num) != place[:, None]
    keep = keep.reshape(levels.shape)
    uniform = np.broadcast_to(
        ((parameter + 0.5) / depth).astype("float32")[:, None], (num_rows, num)
    ).reshape(levels.shape)
    labels = None
    if network.num_classes is not None:
        labels = np.full(num_rows, 2, "int32")

    def loop(uniform, levels, keep, labels):
        given = Given(levels, keep)
        return sample_pixels(network, Probe(), uniform, 1.0, labels, given)

    def whole(levels, labels):
        return network(levels_to_unit(levels, LEVELS), labels)

    def run(function, *arrays):
        tensors = [x if x is None else ops.convert_to_tensor(x) for x in arrays]
        return ops.convert_to_numpy(backend.compiled(function, network)(*tensors))

    drawn = run(loop, uniform, levels, keep, labels)
    np.testing.assert_array_equal(drawn[keep], levels[keep])
    found = drawn[~keep].reshape(num, depth) / SCALE
    some = None if labels is None else labels[:1]
    expected = run(whole, levels[:1], some).reshape(num, depth)
    assert expected.std() > 0.1
    # What large logits are off by is in proportion to them.
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-4)
