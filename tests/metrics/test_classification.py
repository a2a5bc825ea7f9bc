import keras
import numpy as np
import pytest
from keras import layers

from kerasgen import networks
from kerasgen.metrics import accuracy


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


@pytest.mark.parametrize("batch_size", [2, 256])
def test_accuracy(images, batch_size):
    kernel = np.random.default_rng(1).normal(size=(64, 3)).astype("float32")
    model = linear_model(kernel, name="logits")
    logits = (images.reshape(11, 64).astype("float64") / 127.5 - 1.0) @ kernel
    labels = logits.argmax(-1)
    assert accuracy(model, images, labels, batch_size) == 1.0
    labels[:3] = (labels[:3] + 1) % 3
    assert accuracy(model, images, labels, batch_size) == pytest.approx(8 / 11)


class TestBadImages:
    @pytest.mark.parametrize("dtype", ["float32", "int64"])
    def test_dtype(self, model, images, dtype):
        with pytest.raises(TypeError, match="Received: dtype="):
            accuracy(model, images.astype(dtype), np.zeros(11, "int64"))

    @pytest.mark.parametrize(
        "shape", [(0, 8, 8, 1), (2, 8, 9, 1), (2, 8, 8, 3), (8, 8, 1)]
    )
    def test_shape(self, model, shape):
        with pytest.raises(ValueError, match="Received: shape="):
            accuracy(model, np.zeros(shape, "uint8"), np.zeros(shape[0], "int64"))

    def test_batch_size(self, model, images):
        with pytest.raises(ValueError, match="Received: batch_size=0"):
            accuracy(model, images, np.zeros(11, "int64"), batch_size=0)


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
