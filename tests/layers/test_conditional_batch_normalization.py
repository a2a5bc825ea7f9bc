import keras
import numpy as np
import pytest
from keras import ops

from kerasgen import backend
from kerasgen.layers import ConditionalBatchNormalization
from tests.contracts import check_layer

DRAW = np.random.RandomState(0)
LABELS = np.array([2, 0, 2, 1, 2], "int32")


def make(shape, **arguments):
    """A built layer for four classes, the last unused, with weights from NumPy."""
    layer = ConditionalBatchNormalization(4, **arguments)
    x = DRAW.uniform(-3, 5, (5, *shape)).astype("float32")
    layer.build([x.shape, LABELS.shape])
    for table in (layer.gamma, layer.beta):
        table.assign(DRAW.standard_normal(table.shape))
    return layer, x


def normalize(x, mean, variance, epsilon):
    return (x.astype(np.float64) - mean) / np.sqrt(variance + epsilon)


def rows_of(table, ndim):
    rows = ops.convert_to_numpy(table.value)[LABELS].astype(np.float64)
    return rows.reshape(len(LABELS), *(1,) * (ndim - 2), -1)


def run(layer, x, training):
    return ops.convert_to_numpy(layer([x, LABELS], training=training))


def test_contract(tmp_path):
    check_layer(
        lambda: ConditionalBatchNormalization(3, momentum=0.5, epsilon=1e-2),
        [(4, 5, 2), ()],
        (4, 5, 2),
        tmp_path,
        num_categories=[None, 3],
    )


@pytest.mark.parametrize("shape", [(3,), (4, 5, 3)])
def test_training_uses_the_batch_and_inference_the_averages(shape):
    layer, x = make(shape, momentum=0.75, epsilon=0.1)
    mean, variance = np.zeros(3), np.ones(3)
    axes = tuple(range(x.ndim - 1))
    for _ in range(2):
        batch = x.astype(np.float64).mean(axes), x.astype(np.float64).var(axes)
        expected = normalize(x, *batch, 0.1) * rows_of(layer.gamma, x.ndim)
        expected = expected + rows_of(layer.beta, x.ndim)
        np.testing.assert_allclose(run(layer, x, True), expected, atol=1e-5)
        mean = 0.75 * mean + 0.25 * batch[0]
        variance = 0.75 * variance + 0.25 * batch[1]
        x = 0.5 * x
    expected = normalize(x, mean, variance, 0.1) * rows_of(layer.gamma, x.ndim)
    expected = expected + rows_of(layer.beta, x.ndim)
    np.testing.assert_allclose(run(layer, x, False), expected, atol=1e-5)


def test_gradients_of_a_class_are_the_sums_over_its_samples():
    layer, x = make((4, 5, 3))
    target = DRAW.standard_normal(x.shape)

    def loss():
        y = layer([x, LABELS], training=True)
        return ops.sum(ops.multiply(y, target.astype("float32"))), ()

    _, gradients = backend.value_and_grad(loss, layer.trainable_variables)
    x = x.astype(np.float64)
    normalized = normalize(x, x.mean((0, 1, 2)), x.var((0, 1, 2)), 1e-3)
    for gradient, terms in zip(gradients, (normalized * target, target), strict=True):
        expected = np.zeros((4, 3))
        np.add.at(expected, LABELS, terms.sum((1, 2)))
        np.testing.assert_allclose(
            ops.convert_to_numpy(gradient), expected, rtol=1e-4, atol=1e-4
        )


def test_a_frozen_layer_uses_and_keeps_the_averages():
    layer, x = make((3,))
    layer.trainable = False
    expected = run(layer, x, False)
    np.testing.assert_array_equal(run(layer, x, True), expected)
    mean = ops.convert_to_numpy(layer.normalization.moving_mean.value)
    np.testing.assert_array_equal(mean, np.zeros(3))


def test_statistics_keep_float32_under_mixed_precision():
    layer, x = make((8, 8, 3), dtype="mixed_bfloat16")
    run(layer, x, True)
    rounded = ops.convert_to_numpy(ops.cast(ops.cast(x, "bfloat16"), "float32"))
    mean = ops.convert_to_numpy(layer.normalization.moving_mean.value)
    np.testing.assert_allclose(mean, 0.01 * rounded.mean((0, 1, 2)), rtol=1e-4)


@pytest.mark.parametrize("num_classes", [0, -1, 2.0, True])
def test_a_bad_number_of_classes_is_named(num_classes):
    with pytest.raises(ValueError, match="`num_classes` is .* Received: num_classes="):
        ConditionalBatchNormalization(num_classes)


def test_labels_of_another_shape_are_refused():
    inputs = [keras.Input((3,)), keras.Input((1,), dtype="int32")]
    with pytest.raises(ValueError, match=r"Expected \[x, labels\].*Received: shapes="):
        ConditionalBatchNormalization(2)(inputs)


@pytest.mark.parametrize(
    "arguments",
    [{"momentum": 1.0}, {"momentum": -0.1}, {"epsilon": 0.0}, {"epsilon": "1e-3"}],
)
def test_bad_arguments(arguments):
    with pytest.raises(ValueError, match="Received: "):
        ConditionalBatchNormalization(3, **arguments)


def test_labels_are_integers():
    layer = ConditionalBatchNormalization(3)
    labels = np.zeros(2, "float32")
    with pytest.raises(ValueError, match="integer labels. Received: dtype=float32"):
        layer([np.zeros((2, 4), "float32"), labels])
