"""The layers and penalties of an adversarial game, inside `GAN`."""

import keras
import numpy as np
import pytest
from keras import layers, ops

import kerasgen
from kerasgen.layers import (
    DropReference,
    InstanceNoise,
    InstanceNormalization,
    MinibatchDiscrimination,
    MinibatchStdDev,
    ReferenceBatch,
    SelfAttention2D,
    VirtualBatchNormalization,
)
from kerasgen.penalties import DRAGAN, R1, R2

REFERENCE = np.random.RandomState(0).standard_normal((4, 3)).astype("float32")
X = np.random.RandomState(1).uniform(-1, 1, (16, 4, 4, 2)).astype("float32")


def initializer(seed):
    return keras.initializers.RandomNormal(stddev=0.3, seed=seed)


def make_generator():
    z = keras.Input((3,))
    x = ReferenceBatch(REFERENCE)(z)
    x = layers.Dense(32, kernel_initializer=initializer(1))(x)
    x = VirtualBatchNormalization(4)(x)
    x = layers.Reshape((4, 4, 2))(x)
    x = SelfAttention2D(reduction=1, gamma_initializer="ones")(x)
    x = VirtualBatchNormalization(4)(x)
    x = DropReference(4)(x)
    return keras.Model(z, layers.Activation("tanh", dtype="float32")(x))


def make_discriminator(sees_the_batch):
    x = image = keras.Input((4, 4, 2))
    x = InstanceNoise(0.1, decay_steps=20, seed=0)(x)
    x = layers.Conv2D(4, 3, kernel_initializer=initializer(2))(x)
    x = layers.LeakyReLU()(InstanceNormalization()(x))
    if sees_the_batch:
        x = MinibatchStdDev()(x)
    x = layers.Flatten()(x)
    if sees_the_batch:
        x = MinibatchDiscrimination(3, 2, kernel_initializer=initializer(3))(x)
    return keras.Model(image, layers.Dense(1, kernel_initializer=initializer(4))(x))


@pytest.mark.parametrize(
    "sees_the_batch", [True, pytest.param(False, marks=pytest.mark.eager)]
)
def test_they_train_are_saved_and_go_on(sees_the_batch, tmp_path):
    penalties = [] if sees_the_batch else [R1(1.0), R2(1.0), DRAGAN(1.0)]
    gan = kerasgen.models.GAN(
        make_generator(),
        make_discriminator(sees_the_batch),
        latent_dim=3,
        penalties=penalties,
        ema_decay=0.9,
        seed=0,
    )
    gan.compile("adam", "adam")
    logs = gan.fit(X, batch_size=8, epochs=2, verbose=0).history
    assert set(logs) == {"d_loss", "g_loss", *(p.name for p in penalties)}
    assert all(np.isfinite(values).all() for values in logs.values())
    noise = next(
        layer for layer in gan.discriminator.layers if isinstance(layer, InstanceNoise)
    )
    # Four steps; in each on reals, on fakes, once a penalty, and for the generator.
    assert int(ops.convert_to_numpy(noise.step.value)) == 4 * (3 + len(penalties))
    gan.save(tmp_path / "gan.keras")
    loaded = keras.models.load_model(tmp_path / "gan.keras")
    np.testing.assert_array_equal(loaded.generate(4, seed=1), gan.generate(4, seed=1))
    histories = [m.fit(X, batch_size=8, verbose=0).history for m in (gan, loaded)]
    assert histories[0] == histories[1]
