"""`VectorQuantizer` against NumPy."""

import numpy as np
import pytest
from keras import ops

from kerasgen import backend
from kerasgen.layers import VectorQuantizer
from tests import contracts


def numpy(x):
    return ops.convert_to_numpy(x)


def built(**arguments):
    layer = VectorQuantizer(**{"num_codes": 5, "code_dim": 2, "seed": 0, **arguments})
    layer.build((None, 2))
    return layer


def vectors(num, seed=0):
    rng = np.random.default_rng(seed)
    centres = np.array([[0, 0], [4, 0], [0, 4], [4, 4], [8, 8]])
    noise = 0.1 * rng.standard_normal((num, 2))
    return (centres[rng.integers(5, size=num)] + noise).astype("float32")


def test_contract(tmp_path):
    contracts.check_layer(
        lambda: VectorQuantizer(
            4, 3, decay=0.9, restart_below=0.1, seed=3, name="mine"
        ),
        (2, 2, 3),
        (2, 2, 3),
        tmp_path,
        has_mixed_precision=False,
    )


def test_the_nearest_code_and_its_vector():
    layer = built()
    x = vectors(50).reshape(10, 5, 2)
    codebook = numpy(layer.codebook)
    distances = ((x[..., None, :] - codebook) ** 2).sum(-1)
    np.testing.assert_array_equal(numpy(layer.nearest(x)), distances.argmin(-1))
    expected = codebook[distances.argmin(-1)]
    np.testing.assert_array_equal(numpy(layer.lookup(distances.argmin(-1))), expected)
    np.testing.assert_allclose(numpy(layer(x)), expected, atol=1e-6)


def test_averages_against_numpy():
    layer = built(decay=0.8, restart_below=0.0)
    x = vectors(64)
    layer(x, training=True)
    counts, sums = numpy(layer.counts).copy(), numpy(layer.sums).copy()
    np.testing.assert_allclose(counts, 64 / 5)
    # The first call takes vectors of the batch.
    codebook = numpy(layer.codebook).copy()
    gaps = np.abs(codebook[:, None] - x[None]).max(-1).min(1)
    assert gaps.max() < 1e-5
    for seed in (1, 2):
        x = vectors(64, seed)
        chosen = np.eye(5)[((x[:, None] - codebook) ** 2).sum(-1).argmin(-1)]
        layer(x, training=True)
        counts = 0.8 * counts + 0.2 * chosen.sum(0)
        sums = 0.8 * sums + 0.2 * chosen.T @ x
        codebook = sums / counts[:, None]
        np.testing.assert_allclose(numpy(layer.counts), counts, rtol=1e-5)
        np.testing.assert_allclose(numpy(layer.codebook), codebook, rtol=1e-4)
    before = numpy(layer.codebook).copy()
    layer(x, training=False)
    np.testing.assert_array_equal(before, numpy(layer.codebook))


def test_dead_codes_restart_where_the_vectors_are():
    """The vectors move away from all codes but the nearest."""
    x = vectors(500)
    errors = {}
    for restart_below in (0.0, 0.05):
        layer = built(decay=0.8, restart_below=restart_below)
        layer(x[:5] - 100.0, training=True)
        for _ in range(100):
            layer(x, training=True)
        errors[restart_below] = np.square(numpy(layer(x)) - x).mean()
    assert errors[0.0] > 5
    assert errors[0.05] < 2


def test_a_frozen_codebook_stays_as_it_is():
    layer = built()
    layer(vectors(16), training=True)
    layer.trainable = False
    before = [numpy(v).copy() for v in layer.variables]
    x = vectors(16, 3)
    y = layer(x, training=True)
    np.testing.assert_array_equal(numpy(y), numpy(layer(x)))
    for a, b in zip(before, layer.variables, strict=True):
        np.testing.assert_array_equal(a, numpy(b))


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_distances_are_float32_under_every_policy(policy):
    layer = built(num_codes=2, dtype=policy)
    layer.codebook.assign([[1.0, 0.0], [1.0004, 0.0]])
    x = np.array([[1.0003, 0.0], [1.0001, 0.0]], "float32")
    codes = numpy(layer.nearest(x))
    assert codes.tolist() == [1, 0]
    np.testing.assert_array_equal(numpy(layer(x)), numpy(layer.lookup(codes)))
    quantized, found = layer.call_with_codes(x)
    np.testing.assert_array_equal(numpy(found), codes)
    np.testing.assert_array_equal(numpy(quantized), numpy(layer(x)))


def test_gradients_pass_straight():
    layer = built()
    layer(vectors(16), training=True)
    x = ops.convert_to_tensor(vectors(16, 3))
    gradient = backend.input_gradient(lambda x: ops.sum(layer(x) * 3.0, axis=-1), x)
    np.testing.assert_array_equal(numpy(gradient), 3.0)
    assert layer.trainable_variables == []


@pytest.mark.parametrize(
    "arguments",
    [
        {"num_codes": 0},
        {"code_dim": 1.5},
        {"decay": 1.0},
        {"decay": float("nan")},
        {"decay": "slow"},
        {"restart_below": -1},
        {"seed": -1},
    ],
)
def test_bad_arguments(arguments):
    with pytest.raises(ValueError, match="Received: "):
        built(**arguments)


def test_wrong_size():
    with pytest.raises(ValueError, match="code_dim=2. Received: input shape"):
        VectorQuantizer(5, 2).build((None, 3))
