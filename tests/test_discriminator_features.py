"""Features of a discriminator: pooled as the paper says, of the layers asked for."""

import keras
import numpy as np
import pytest
from keras import ops

from kerasgen import discriminator_features, models
from tests.models.tiny_gan import images, make_gan


@pytest.fixture(scope="module")
def gan():
    keras.utils.set_random_seed(0)
    return models.dcgan((28, 28, 1), latent_dim=4, filters=4)


def pixels(num=5):
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (num, 28, 28, 1)).astype("uint8")


def test_pools_each_map_to_the_grid(gan):
    found = discriminator_features(gan, pixels(), batch_size=2)
    assert found.shape == (5, 16 * (4 + 8)) and found.dtype == np.float32
    layers = [gan.discriminator.get_layer(n) for n in ("down_0_relu", "down_1_relu")]
    outputs = [layer.output for layer in layers]
    network = keras.Model(gan.discriminator.inputs[0], outputs)
    x = pixels().astype("float32") / 127.5 - 1
    maps = [ops.convert_to_numpy(m) for m in network(x, training=False)]
    expected = []
    for values in maps:
        bounds = np.round(np.arange(5) * values.shape[1] / 4).astype(int)
        cells = [
            [
                values[:, a:b, c:d].max(axis=(1, 2))
                for c, d in zip(bounds[:-1], bounds[1:], strict=True)
            ]
            for a, b in zip(bounds[:-1], bounds[1:], strict=True)
        ]
        expected.append(np.stack([np.stack(row, 1) for row in cells], 1).reshape(5, -1))
    np.testing.assert_allclose(found, np.concatenate(expected, 1), atol=1e-5)


def test_chosen_layers_and_vectors():
    gan = make_gan()
    x = images(3)
    assert discriminator_features(gan, x).shape == (3, 8)
    np.testing.assert_array_equal(
        discriminator_features(gan, x), discriminator_features(gan, x, ["features"])
    )


def test_labels_go_to_a_discriminator_that_takes_them():
    gan = models.projection_gan((8, 8, 1), 3, latent_dim=4, filters=4)
    assert discriminator_features(gan, images(3), labels=[0, 1, 2]).shape[0] == 3
    with pytest.raises(ValueError, match="expected labels"):
        discriminator_features(gan, images(3))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"layer_names": ["nothing"]}, "down_0_relu.*Received: .*nothing"),
        ({"layer_names": "down_0_relu"}, "a list of names.*Received"),
        ({"layer_names": []}, "a list of names.*Received"),
        ({"grid": 0}, "grid"),
        ({"batch_size": 0}, "batch_size"),
    ],
)
def test_bad_arguments_are_refused(gan, arguments, message):
    with pytest.raises(ValueError, match=message):
        discriminator_features(gan, pixels(), **arguments)
