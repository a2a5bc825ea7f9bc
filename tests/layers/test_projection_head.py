import keras
import numpy as np
import pytest
from keras import ops

from kerasgen import backend
from kerasgen.layers import ProjectionHead, SpectralNormalization
from tests.contracts import check_layer

DRAW = np.random.RandomState(0)
FEATURES = DRAW.standard_normal((5, 4)).astype("float32")
LABELS = np.array([2, 0, 2, 1, 2], "int32")


def make(spectral_normalization=False):
    """A built head of three classes, and its kernel, bias and vectors in float64."""
    head = ProjectionHead(3, spectral_normalization)
    head.build([FEATURES.shape, LABELS.shape])
    for variable in head.trainable_variables:
        variable.assign(DRAW.standard_normal(variable.shape))
    return head, [w.astype(np.float64) for w in head.get_weights()]


def logits_of(kernel, bias, vectors):
    return FEATURES @ kernel + bias + (FEATURES * vectors[LABELS]).sum(1)[:, None]


@pytest.mark.parametrize("num_classes", [3, 1])
def test_contract(num_classes, tmp_path):
    check_layer(
        lambda: ProjectionHead(num_classes, spectral_normalization=True),
        [(4,), ()],
        (1,),
        tmp_path,
        num_categories=[None, num_classes],
    )


def test_logits_equal_numpy():
    head, weights = make()
    got = ops.convert_to_numpy(head([FEATURES, LABELS]))
    np.testing.assert_allclose(got, logits_of(*weights), atol=1e-5)


def test_gradients_equal_numpy():
    head, _ = make()

    def loss():
        return ops.sum(head([FEATURES, LABELS])), ()

    _, gradients = backend.value_and_grad(loss, head.trainable_variables)
    vectors = np.zeros((3, 4))
    np.add.at(vectors, LABELS, FEATURES)
    expected = [FEATURES.sum(0)[:, None], [5.0], vectors]
    for gradient, wanted in zip(gradients, expected, strict=True):
        gradient = ops.convert_to_numpy(gradient)
        np.testing.assert_allclose(gradient, wanted, rtol=1e-5, atol=1e-5)


def test_spectral_normalization_divides_both_by_their_largest_singular_values():
    head, _ = make(spectral_normalization=True)
    assert isinstance(head.linear, SpectralNormalization)
    for _ in range(100):
        head([FEATURES, LABELS], training=True)
    kernel, bias, vectors = (
        ops.convert_to_numpy(v.value).astype(np.float64)
        for v in head.trainable_variables
    )
    kernel = kernel / np.linalg.norm(kernel)
    vectors = vectors / np.linalg.svd(vectors, compute_uv=False)[0]
    got = ops.convert_to_numpy(head([FEATURES, LABELS], training=False))
    np.testing.assert_allclose(got, logits_of(kernel, bias, vectors), atol=1e-4)


def test_the_gradient_of_the_features_sees_the_class():
    head, (kernel, _, vectors) = make()
    gradient = backend.input_gradient(lambda x: head([x, LABELS]), FEATURES)
    expected = kernel[:, 0] + vectors[LABELS]
    np.testing.assert_allclose(ops.convert_to_numpy(gradient), expected, rtol=1e-5)


@pytest.mark.parametrize("num_classes", [0, -1, 2.0, True])
def test_a_bad_number_of_classes_is_named(num_classes):
    with pytest.raises(ValueError, match="`num_classes` is .* Received: num_classes="):
        ProjectionHead(num_classes)
    with pytest.raises(ValueError, match="True or False. Received: spectral"):
        ProjectionHead(3, spectral_normalization="no")


@pytest.mark.parametrize(("features", "labels"), [((4,), (1,)), ((2, 2, 4), ())])
def test_inputs_of_other_shapes_are_refused(features, labels):
    inputs = [keras.Input(features), keras.Input(labels, dtype="int32")]
    with pytest.raises(ValueError, match=r"\[features, labels\].*Received: shapes="):
        ProjectionHead(2)(inputs)
