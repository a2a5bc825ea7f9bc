import keras
import numpy as np
import pytest
from keras import ops

from kerasgen import backend
from kerasgen.layers import InstanceNoise
from kerasgen.random import row_scope
from tests import noise_oracle
from tests.contracts import check_layer

X = np.random.RandomState(0).standard_normal((6, 5)).astype("float32")


def expected_noise(seed, step, rows, shape, laps=None):
    key = noise_oracle.key(seed, "instance_noise", step)
    return noise_oracle.normal(key, rows, shape, laps)


def run(layer, x, rows):
    with row_scope(np.asarray(rows, np.int32)):
        return ops.convert_to_numpy(layer(x, training=True))


def test_contract(tmp_path):
    check_layer(
        lambda: InstanceNoise(0.3, decay_steps=7, seed=9), (4, 3), (4, 3), tmp_path
    )


def test_the_noise_is_that_of_the_oracle_and_falls_linearly_to_nothing():
    layer = InstanceNoise(0.5, decay_steps=4, seed=3)
    for step in range(6):
        got = run(layer, X, range(6))
        std = 0.5 * max(0.0, 1.0 - step / 4)
        expected = X + std * expected_noise(3, step, range(6), (5,))
        np.testing.assert_allclose(got, expected, atol=2e-6)
    np.testing.assert_array_equal(got, X)


def test_inference_and_a_deviation_of_zero_are_the_identity_and_draw_nothing():
    for layer, training in (
        (InstanceNoise(0.5, 9), False),
        (InstanceNoise(0, 9), True),
    ):
        got = ops.convert_to_numpy(layer(X, training=training))
        np.testing.assert_array_equal(got, X)
        assert int(ops.convert_to_numpy(layer.step.value)) == 0


def test_replicas_add_what_one_device_adds():
    whole = run(InstanceNoise(0.5, 9, seed=1), X, range(6))
    parts = [
        run(InstanceNoise(0.5, 9, seed=1), X[part], np.arange(6)[part])
        for part in (slice(0, 2), slice(2, 6))
    ]
    # Vectorized logarithms round the last elements of an array in another way.
    np.testing.assert_allclose(np.concatenate(parts), whole, atol=1e-6)


def test_reals_and_fakes_in_one_call_have_noise_of_their_own():
    got = run(InstanceNoise(1.0, 9, seed=1), np.zeros((6, 5), np.float32), [4, 9, 2])
    rows, laps = [4, 9, 2, 4, 9, 2], [0, 0, 0, 1, 1, 1]
    expected = expected_noise(1, 0, rows, (5,), laps)
    np.testing.assert_allclose(got, expected, atol=2e-6)
    assert np.abs(got[:3] - got[3:]).min() > 1e-4


def test_the_gradient_of_the_inputs_passes_as_it_is():
    layer = InstanceNoise(0.5, 9, seed=1)
    layer.build(X.shape)
    gradient = backend.input_gradient(
        lambda x: ops.sum(ops.square(layer(x, training=True)), axis=1), X
    )
    expected = 2 * (X + 0.5 * expected_noise(1, 0, range(6), (5,)))
    np.testing.assert_allclose(ops.convert_to_numpy(gradient), expected, atol=5e-6)
    assert int(ops.convert_to_numpy(layer.step.value)) == 1


def test_a_loaded_layer_goes_on_with_the_next_noise(tmp_path):
    model = keras.Sequential([keras.Input((5,)), InstanceNoise(0.5, decay_steps=4)])
    run(model, X, range(6))
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert loaded.layers[-1].seed == model.layers[-1].seed
    noise = expected_noise(model.layers[-1].seed, 1, range(6), (5,))
    got = run(loaded, X, range(6))
    np.testing.assert_allclose(got, X + 0.5 * 0.75 * noise, atol=2e-6)


@pytest.mark.parametrize("std", [-0.1, np.nan, np.inf, "0.1", True])
def test_a_bad_deviation_is_named(std):
    with pytest.raises(ValueError, match=r"`std` is .* >= 0\. Received: std="):
        InstanceNoise(std, 10)


@pytest.mark.parametrize("decay_steps", [0, -1, 1.0, None, True])
def test_bad_decay_steps_are_named(decay_steps):
    with pytest.raises(ValueError, match=r"`decay_steps` is .* Received: decay_steps="):
        InstanceNoise(0.1, decay_steps)
