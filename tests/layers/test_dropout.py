import random as python_random

import keras
import numpy as np
import pytest
from keras import ops

from kerasgen.layers import Dropout
from kerasgen.random import row_scope
from tests import noise_oracle
from tests.contracts import check_layer

X = np.random.RandomState(0).standard_normal((6, 5)).astype("float32")


def expected_mask(seed, step, rate, rows, shape, laps=None):
    """Zeros, and 1 / (1 - rate) where an element is kept."""
    key = noise_oracle.key(seed, "dropout", step)
    is_kept = noise_oracle.uniform(key, rows, shape, laps) >= np.float32(rate)
    return is_kept / (1.0 - rate)


def run(layer, x, rows=None):
    """A training call, in a row scope if rows are given."""
    if rows is None:
        return ops.convert_to_numpy(layer(x, training=True))
    with row_scope(rows):
        return ops.convert_to_numpy(layer(x, training=True))


def step_of(layer):
    return int(ops.convert_to_numpy(layer.step.value))


def test_contract(tmp_path):
    check_layer(
        lambda: Dropout(0.3, seed=9, noise_shape=(None, 1, 3)), (4, 3), (4, 3), tmp_path
    )


def test_masks_are_those_of_the_oracle_in_each_training_call():
    layer = Dropout(0.3, seed=2**32 - 1)
    for step in range(3):
        mask = expected_mask(2**32 - 1, step, 0.3, range(6), (5,))
        np.testing.assert_allclose(run(layer, X), X * mask, rtol=1e-6)
    assert step_of(layer) == 3


def test_inference_and_rate_zero_are_the_identity_and_draw_nothing():
    layer = Dropout(0.5, seed=0)
    np.testing.assert_array_equal(ops.convert_to_numpy(layer(X)), X)
    np.testing.assert_array_equal(ops.convert_to_numpy(layer(X, training=False)), X)
    assert step_of(layer) == 0
    nothing = Dropout(0.0, seed=0)
    np.testing.assert_array_equal(run(nothing, X), X)
    assert step_of(nothing) == 0


def test_a_step_of_fit_uses_the_masks_of_the_oracle():
    layer = Dropout(0.5, seed=4)
    dense = keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros")
    model = keras.Sequential([keras.Input((5,)), layer, dense])
    model.compile(keras.optimizers.SGD(0.1), "mse")
    y = X.sum(axis=1, keepdims=True)
    model.fit(X, y, batch_size=3, epochs=2, shuffle=False, verbose=0)
    kernel = np.zeros((5, 1))
    for step in range(4):
        part = slice(0, 3) if step % 2 == 0 else slice(3, 6)
        x = X[part] * expected_mask(4, step, 0.5, range(3), (5,))
        kernel -= 0.1 * 2.0 / 3.0 * x.T @ (x @ kernel - y[part])
    np.testing.assert_allclose(
        ops.convert_to_numpy(dense.kernel.value), kernel, rtol=1e-5, atol=1e-6
    )
    assert step_of(layer) == 4


def test_replicas_drop_what_one_device_drops():
    whole = run(Dropout(0.5, seed=1), X, np.arange(6, dtype=np.int32))
    parts = [
        run(Dropout(0.5, seed=1), X[part], np.arange(6, dtype=np.int32)[part])
        for part in (slice(0, 2), slice(2, 6))
    ]
    np.testing.assert_array_equal(np.concatenate(parts), whole)
    np.testing.assert_array_equal(whole, run(Dropout(0.5, seed=1), X))


def test_real_and_fake_in_one_call_never_share_a_mask():
    rows = np.array([4, 9, 2], np.int32)
    got = run(Dropout(0.5, seed=1), np.ones((6, 40), np.float32), rows)
    mask = expected_mask(1, 0, 0.5, [4, 9, 2, 4, 9, 2], (40,), [0, 0, 0, 1, 1, 1])
    np.testing.assert_array_equal(got, mask)
    assert not np.any(np.all(got[:3] == got[3:], axis=1))


@pytest.mark.parametrize(
    ("noise_shape", "rows", "shape"),
    [
        ((None, 1, 3), range(4), (1, 3)),
        ((None, None, 1), range(4), (2, 1)),
        ((4, 2, 3), range(4), (2, 3)),
        ((1, None, None), [0], (2, 3)),
    ],
)
def test_noise_shape_shares_decisions(noise_shape, rows, shape):
    x = np.ones((4, 2, 3), np.float32)
    got = run(Dropout(0.5, seed=3, noise_shape=noise_shape), x)
    mask = expected_mask(3, 0, 0.5, rows, shape)
    np.testing.assert_array_equal(got, np.broadcast_to(mask, x.shape))


def test_a_mask_shared_between_samples_is_shared_between_replicas():
    layers = [Dropout(0.5, seed=3, noise_shape=(1, None)) for _ in range(2)]
    first = run(layers[0], np.ones((2, 40), np.float32), np.array([0, 1], np.int32))
    second = run(layers[1], np.ones((2, 40), np.float32), np.array([2, 3], np.int32))
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_the_fraction_and_the_mean_are_right(rate):
    x = np.ones((200, 500), np.float32)
    got = run(Dropout(rate, seed=0), x)
    error = np.sqrt(rate * (1 - rate) / x.size)
    assert abs(np.mean(got == 0.0) - rate) < 5 * error
    np.testing.assert_allclose(got[got != 0.0], 1.0 / (1.0 - rate), rtol=1e-6)


def test_dropped_infinities_are_zeros():
    x = np.where(np.arange(40) % 2, np.inf, 1.0).astype("float32")[None]
    got = run(Dropout(0.5, seed=0), x)
    mask = expected_mask(0, 0, 0.5, [0], (40,))
    assert np.all(got[mask == 0.0] == 0.0)
    assert np.all(np.isinf(got[(mask != 0.0) & np.isinf(x)]))


def test_computes_in_the_dtype_of_the_policy():
    y = Dropout(0.3, seed=0, dtype="mixed_float16")(X, training=True)
    assert keras.backend.standardize_dtype(y.dtype) == "float16"
    mask = expected_mask(0, 0, 0.3, range(6), (5,))
    got = ops.convert_to_numpy(y)
    np.testing.assert_allclose(got, X * mask, rtol=2e-3)
    np.testing.assert_array_equal(got == 0.0, mask == 0.0)


def test_a_loaded_layer_goes_on_with_the_next_mask(tmp_path):
    layer = Dropout(0.5)
    model = keras.Sequential([keras.Input((5,)), layer])
    run(model, X)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert loaded.layers[-1].seed == layer.seed
    mask = expected_mask(layer.seed, 1, 0.5, range(6), (5,))
    np.testing.assert_array_equal(run(loaded, X), X * mask.astype("float32"))


def test_seeds_that_are_not_given_follow_python_s_random():
    seeds = []
    for _ in range(2):
        python_random.seed(5)
        seeds.append((Dropout(0.5).seed, Dropout(0.5).seed))
    assert seeds[0] == seeds[1]
    assert seeds[0][0] != seeds[0][1]


@pytest.mark.parametrize("rate", [-0.1, 1.0, 1, True, float("nan"), "0.5", None])
def test_bad_rates_are_named(rate):
    with pytest.raises(ValueError, match=r"`rate`.*Received: rate="):
        Dropout(rate)


def test_bad_seeds_and_noise_shapes_are_named():
    with pytest.raises(ValueError, match=r"Received: seed=-1"):
        Dropout(0.5, seed=-1)
    with pytest.raises(ValueError, match=r"Received: noise_shape=\(None, 0\)"):
        Dropout(0.5, noise_shape=(None, 0))
    with pytest.raises(ValueError, match=r"Received: noise_shape=\(None, 1\) for"):
        Dropout(0.5, noise_shape=(None, 1))(np.ones((2, 3, 4), np.float32))
