import keras
import numpy as np
import pytest
from keras import layers, ops

from kerasgen import backend
from kerasgen.layers import (
    Dropout,
    DropReference,
    ReferenceBatch,
    VirtualBatchNormalization,
)
from tests.contracts import check_layer

DRAW = np.random.RandomState(0)
REFERENCE = DRAW.uniform(-2, 3, (4, 5, 3)).astype("float32")


def normalize(x, num_reference, epsilon):
    """From means and means of squares, as Salimans et al. 2016 say, in float64."""
    x = x.astype(np.float64)
    positions = tuple(range(1, x.ndim - 1))
    reference = x[-num_reference:]
    mean = reference.mean((0, *positions), keepdims=True)
    mean_square = (reference**2).mean((0, *positions), keepdims=True)
    outputs = np.zeros_like(x)
    for i in range(len(x)):
        own, share = x[i : i + 1], 1.0 / (num_reference + 1)
        if i >= len(x) - num_reference:
            share = 0.0
        m = share * own.mean(positions, keepdims=True) + (1 - share) * mean
        square = (own**2).mean(positions, keepdims=True)
        square = share * square + (1 - share) * mean_square
        outputs[i] = ((own - m) / np.sqrt(square - m**2 + epsilon))[0]
    return outputs


def make_network(reference=REFERENCE, **arguments):
    """A network that gives what the reference samples have become, too."""
    num = len(reference)
    inputs = keras.Input(reference.shape[1:])
    x = ReferenceBatch(reference)(inputs)
    x = layers.Dense(6, kernel_initializer=keras.initializers.HeNormal(seed=0))(x)
    x = VirtualBatchNormalization(num, **arguments)(x)
    x = layers.Activation("tanh")(x)
    x = layers.Dense(2, kernel_initializer=keras.initializers.HeNormal(seed=1))(x)
    x = VirtualBatchNormalization(num, **arguments)(x)
    return keras.Model(inputs, DropReference(num)(x))


def numpy(x):
    return ops.convert_to_numpy(x)


@pytest.mark.parametrize(
    ("make_layer", "surround"),
    [
        (
            lambda: ReferenceBatch(REFERENCE),
            lambda layer: [layer, DropReference(4)],
        ),
        (
            lambda: VirtualBatchNormalization(4, epsilon=1e-3),
            lambda layer: [ReferenceBatch(REFERENCE), layer, DropReference(4)],
        ),
        (
            lambda: DropReference(4),
            lambda layer: [ReferenceBatch(REFERENCE), layer],
        ),
    ],
    ids=["reference", "normalization", "drop"],
)
def test_contract(make_layer, surround, tmp_path):
    check_layer(make_layer, (5, 3), (5, 3), tmp_path, surround=surround)


@pytest.mark.parametrize("shape", [(3,), (7, 3), (4, 5, 3)])
def test_values_equal_numpy(shape):
    x = DRAW.uniform(-2, 3, (9, *shape)).astype("float32")
    layer = VirtualBatchNormalization(4, epsilon=0.1)
    layer.build(x.shape)
    gamma, beta = DRAW.standard_normal((2, 3))
    layer.gamma.assign(gamma)
    layer.beta.assign(beta)
    expected = normalize(x, 4, 0.1) * gamma + beta
    np.testing.assert_allclose(numpy(layer(x)), expected, atol=5e-6)


def test_gradients_equal_finite_differences():
    """Also those that flow through the statistics of the reference."""
    x = DRAW.standard_normal((5, 3, 2)).astype("float32")
    target = DRAW.standard_normal(x.shape)
    layer = VirtualBatchNormalization(3, epsilon=0.1)

    def total(x):
        return ops.sum(ops.multiply(layer(x), target.astype("float32")))

    gradient = numpy(backend.input_gradient(total, x))
    expected = np.zeros(x.shape)
    for index in np.ndindex(x.shape):
        sides = []
        for step in (1e-6, -1e-6):
            moved = x.astype(np.float64)
            moved[index] += step
            sides.append(np.sum(normalize(moved, 3, 0.1) * target))
        expected[index] = (sides[0] - sides[1]) / 2e-6
    np.testing.assert_allclose(gradient, expected, atol=1e-4)


@pytest.mark.eager
def test_samples_are_independent_given_the_reference():
    network = make_network()
    x = DRAW.standard_normal((6, 5, 3)).astype("float32")
    whole = numpy(network(x, training=True))
    moved = x.copy()
    moved[1:] = 50.0
    np.testing.assert_array_equal(numpy(network(moved, training=True))[0], whole[0])
    for i in range(6):
        alone = numpy(network(x[i : i + 1], training=False))
        np.testing.assert_allclose(alone, whole[i : i + 1], atol=1e-5)
    # The Jacobian of one sample's output has zeros for the other samples.
    one = ops.one_hot(2, 6)[:, None, None]
    gradient = numpy(backend.input_gradient(lambda x: network(x) * one, x))
    assert np.abs(gradient[2]).max() > 1e-3
    np.testing.assert_array_equal(np.delete(gradient, 2, axis=0), 0.0)


def test_the_reference_decides_the_outputs():
    x = DRAW.standard_normal((2, 5, 3)).astype("float32")
    a, b = make_network(), make_network(2.0 * REFERENCE + 1.0)
    assert np.abs(numpy(a(x)) - numpy(b(x))).max() > 0.1


def test_the_batch_keeps_the_noise_that_it_would_have_alone():
    reference = np.ones((2, 40), np.float32)
    model = keras.Sequential(
        [
            keras.Input((40,)),
            ReferenceBatch(reference),
            Dropout(0.5, seed=0),
            DropReference(2),
        ]
    )
    x = np.ones((3, 40), np.float32)
    expected = numpy(Dropout(0.5, seed=0)(x, training=True))
    np.testing.assert_array_equal(numpy(model(x, training=True)), expected)


def test_labels_keep_their_dtype():
    labels = keras.Input((), dtype="int32")
    appended = ReferenceBatch(np.array([7, 300]), dtype="mixed_bfloat16")(labels)
    model = keras.Model(labels, [appended, DropReference(2)(appended)])
    for output in model.outputs:
        assert output.dtype == "int32"
    outputs = model(np.array([1, 2, 257], "int32"))
    assert numpy(outputs[0]).tolist() == [1, 2, 257, 7, 300]
    assert numpy(outputs[1]).tolist() == [1, 2, 257]


def test_the_samples_are_saved_with_the_weights_and_not_in_the_config(tmp_path):
    network = make_network()
    x = DRAW.standard_normal((2, 5, 3)).astype("float32")
    assert ReferenceBatch(REFERENCE).get_config()["reference"] == [4, 5, 3]
    copy = keras.models.clone_model(network)
    np.testing.assert_array_equal(copy.layers[1].get_weights()[0], 0.0)
    network.save_weights(tmp_path / "a.weights.h5")
    copy.load_weights(tmp_path / "a.weights.h5")
    np.testing.assert_array_equal(numpy(copy(x)), numpy(network(x)))
    np.testing.assert_array_equal(copy.layers[1].get_weights()[0], REFERENCE)


def test_small_deviations_far_from_zero_keep_their_digits():
    x = (1000.0 + 0.01 * DRAW.standard_normal((6, 8, 8, 3))).astype("float32")
    got = numpy(VirtualBatchNormalization(4)(x))
    # The mean is good to some units in the last place of float32.
    error = np.spacing(np.float32(1000.0)) / 0.01
    np.testing.assert_allclose(got, normalize(x, 4, 1e-5), atol=5 * error)


def test_constants_have_finite_outputs_and_gradients():
    x = np.full((5, 4, 3), 7.0, np.float32)
    layer = VirtualBatchNormalization(2)
    np.testing.assert_allclose(numpy(layer(x)), 0.0, atol=1e-6)
    gradient = backend.input_gradient(lambda x: ops.square(layer(x) - 1.0), x)
    assert np.isfinite(numpy(gradient)).all()


@pytest.mark.parametrize(
    "reference",
    [
        np.zeros((0, 3)),
        np.float32(1.0),
        np.array([["a"]]),
        np.array([[np.nan, 1.0]]),
        (),
        None,
    ],
)
def test_a_bad_reference_is_named(reference):
    with pytest.raises(ValueError, match="`reference` is an array.*Received: refer"):
        ReferenceBatch(reference)


def test_other_bad_arguments_are_named():
    with pytest.raises(ValueError, match="`reference` is .* Received: reference=0"):
        ReferenceBatch((4, 0))
    for layer in (VirtualBatchNormalization, DropReference):
        with pytest.raises(ValueError, match="`num_reference` .* Received: num_ref"):
            layer(0)
    with pytest.raises(ValueError, match="`epsilon` is .* Received: epsilon="):
        VirtualBatchNormalization(2, epsilon=-1.0)
    with pytest.raises(ValueError, match=r"like the reference.*Received: shape="):
        ReferenceBatch(REFERENCE)(keras.Input((5, 4)))
    with pytest.raises(ValueError, match=r"\.\.\., channels\)\. Received: shape="):
        VirtualBatchNormalization(2)(keras.Input(()))
