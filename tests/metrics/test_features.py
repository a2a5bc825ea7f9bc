import keras
import numpy as np
import pytest
from keras import layers

from kerasgen import networks
from kerasgen.metrics import accuracy, extract_features


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).integers(0, 256, (11, 8, 8, 1), "uint8")


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    return networks.classifier((8, 8, 1), num_classes=3, width=4, feature_dim=6)


def linear_model(kernel, name="features"):
    """Features that are a known linear function of the pixels."""
    inputs = keras.Input((8, 8, 1))
    dense = layers.Dense(kernel.shape[1], use_bias=False, name=name)
    model = keras.Model(inputs, dense(layers.Flatten()(inputs)))
    dense.set_weights([kernel])
    return model


@pytest.mark.parametrize("batch_size", [1, 4, 11, 256])
def test_features_equal_numpy_on_model_domain_images(images, batch_size):
    kernel = np.random.default_rng(1).normal(size=(64, 5)).astype("float32")
    features = extract_features(linear_model(kernel), images, batch_size)
    expected = (images.reshape(11, 64).astype("float64") / 127.5 - 1.0) @ kernel
    assert isinstance(features, np.ndarray) and features.dtype == np.float32
    np.testing.assert_allclose(features, expected, atol=1e-4)


def test_features_do_not_depend_on_the_batch(model, images):
    features = extract_features(model, images)
    assert features.shape == (11, 6)
    order = np.random.default_rng(0).permutation(11)
    shuffled = extract_features(model, images[order], batch_size=3)
    np.testing.assert_allclose(shuffled, features[order], atol=1e-5)


def test_inference_mode_leaves_the_model_unchanged(images):
    inputs = keras.Input((8, 8, 1))
    x = layers.BatchNormalization()(inputs)
    x = layers.Dropout(0.5)(layers.Flatten()(x))
    model = keras.Model(inputs, layers.Dense(4, name="features")(x))
    before = model.get_weights()
    first, second = (extract_features(model, images) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_features_follow_the_weights(images):
    kernel = np.ones((64, 2), "float32")
    model = linear_model(kernel)
    first = extract_features(model, images)
    model.set_weights([2 * kernel])
    np.testing.assert_allclose(extract_features(model, images), 2 * first, rtol=1e-5)


@pytest.mark.parametrize("batch_size", [2, 256])
def test_accuracy(images, batch_size):
    kernel = np.random.default_rng(1).normal(size=(64, 3)).astype("float32")
    model = linear_model(kernel, name="logits")
    logits = (images.reshape(11, 64).astype("float64") / 127.5 - 1.0) @ kernel
    labels = logits.argmax(-1)
    assert accuracy(model, images, labels, batch_size) == 1.0
    labels[:3] = (labels[:3] + 1) % 3
    assert accuracy(model, images, labels, batch_size) == pytest.approx(8 / 11)


@pytest.mark.parametrize("function", ["extract_features", "accuracy"])
class TestBadImages:
    @staticmethod
    def call(function, model, images, **arguments):
        if function == "extract_features":
            return extract_features(model, images, **arguments)
        return accuracy(model, images, np.zeros(len(images), "int64"), **arguments)

    @pytest.mark.parametrize("dtype", ["float32", "int64"])
    def test_dtype(self, function, model, images, dtype):
        with pytest.raises(TypeError, match="Received: dtype="):
            self.call(function, model, images.astype(dtype))

    @pytest.mark.parametrize(
        "shape", [(0, 8, 8, 1), (2, 8, 9, 1), (2, 8, 8, 3), (8, 8, 1)]
    )
    def test_shape(self, function, model, shape):
        with pytest.raises(ValueError, match="Received: shape="):
            self.call(function, model, np.zeros(shape, "uint8"))

    def test_batch_size(self, function, model, images):
        with pytest.raises(ValueError, match="Received: batch_size=0"):
            self.call(function, model, images, batch_size=0)


def test_model_without_features(images):
    model = linear_model(np.ones((64, 2), "float32"), name="other")
    with pytest.raises(ValueError, match="a layer named 'features'.*'other'"):
        extract_features(model, images)


def test_features_of_another_rank(images):
    inputs = keras.Input((8, 8, 1))
    model = keras.Model(inputs, layers.Conv2D(2, 3, name="features")(inputs))
    with pytest.raises(ValueError, match=r"Received: shape=\(None, 6, 6, 2\)"):
        extract_features(model, images)


@pytest.mark.parametrize(
    "labels, error",
    [
        (np.zeros(10, "int64"), ValueError),
        (np.zeros((11, 1), "int64"), ValueError),
        (np.full(11, 3), ValueError),
        (np.full(11, -1), ValueError),
        (np.zeros(11), TypeError),
    ],
)
def test_bad_labels(model, images, labels, error):
    with pytest.raises(error, match="Received: "):
        accuracy(model, images, labels)
