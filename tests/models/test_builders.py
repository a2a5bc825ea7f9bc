"""Builders: image sizes, wrong arguments, and training on real photographs."""

import keras
import numpy as np
import pytest
from sklearn.datasets import load_sample_images

from kerasgen import models

BUILDERS = {
    "dcgan": models.dcgan,
    "wgan_gp": models.wgan_gp,
    "sngan": models.sngan,
    "conv_vae": models.conv_vae,
}
TINY = {"latent_dim": 3, "filters": 2, "seed": 0}


@pytest.fixture(scope="module")
def photographs():
    """48 tiles of 16x16 from scikit-learn's two photographs."""
    tiles = [
        photograph[row : row + 64 : 4, column : column + 64 : 4]
        for photograph in load_sample_images().images
        for row in range(0, 384, 96)
        for column in range(0, 576, 96)
    ]
    tiles = np.stack(tiles)
    assert tiles.shape == (48, 16, 16, 3)
    return tiles


@pytest.mark.eager
@pytest.mark.parametrize("size", [8, 12, 28, 32, 64, 128])
@pytest.mark.parametrize("name", BUILDERS)
def test_admitted_sizes(name, size):
    channels = 1 if size in (8, 28) else 3
    shape = (size, size, channels)
    model = BUILDERS[name](shape, **TINY)
    assert model.data_shape == shape
    z = np.zeros((1, 3), "float32")
    assert tuple(model.decode(z, True).shape) == (1, *shape)


@pytest.mark.eager
def test_oblong_images():
    for build in BUILDERS.values():
        model = build((8, 24, 3), **TINY)
        assert tuple(model.decode(np.zeros((1, 3)), True).shape) == (1, 8, 24, 3)


@pytest.mark.parametrize(
    "shape",
    [
        (7, 7, 1),
        (27, 27, 1),
        (130, 130, 3),
        (6, 6, 1),
        (8, 8, 2),
        (8, 8, 4),
        (8, 9, 1),
        (8, 8),
        (8.0, 8.0, 1),
        (None, None, 1),
    ],
    ids=str,
)
@pytest.mark.parametrize("name", BUILDERS)
def test_refused_shapes(name, shape):
    with pytest.raises(ValueError, match=r"Received: image_shape=\("):
        BUILDERS[name](shape, **TINY)


@pytest.mark.parametrize("name", BUILDERS)
@pytest.mark.parametrize(
    ("argument", "value"),
    [("latent_dim", 0), ("latent_dim", -3), ("filters", 0), ("seed", 2**32)],
)
def test_wrong_arguments(name, argument, value):
    with pytest.raises(ValueError, match=f"Received: {argument}={value}"):
        BUILDERS[name]((8, 8, 1), **{**TINY, argument: value})


@pytest.mark.parametrize(
    ("name", "argument", "value", "message"),
    [
        ("wgan_gp", "penalty_weight", -1.0, "weight=-1.0"),
        ("wgan_gp", "discriminator_steps", 0, "discriminator_steps=0"),
        ("dcgan", "ema_decay", 1, "ema_decay=1"),
        ("dcgan", "loss", "least", "loss='least'"),
        ("conv_vae", "beta", -0.5, "beta=-0.5"),
        ("conv_vae", "likelihood", "normal", "likelihood='normal'"),
    ],
)
def test_wrong_arguments_of_one_builder(name, argument, value, message):
    with pytest.raises(ValueError, match=f"Received: {message}"):
        BUILDERS[name]((8, 8, 1), **TINY, **{argument: value})


@pytest.mark.parametrize("hidden", [(0,), (8, -1), (2.5,)], ids=str)
def test_wrong_hidden_layers(hidden):
    with pytest.raises(ValueError, match=r"Received: hidden\[\d\]="):
        models.dense_vae((4,), latent_dim=2, hidden=hidden)


def test_builders_are_the_papers():
    gan = models.wgan_gp((8, 8, 1), **TINY)
    assert gan.discriminator_steps == 5
    assert [penalty.weight for penalty in gan.penalties] == [10.0]
    for build in (models.wgan_gp, models.sngan):
        critic = build((8, 8, 1), **TINY).discriminator
        names = [type(layer).__name__ for layer in critic.layers]
        assert "BatchNormalization" not in names
    assert names.count("SpectralNormalization") == 2


@pytest.mark.eager
@pytest.mark.parametrize("player", ["discriminator", "generator"])
def test_dcgan_learns_photographs(photographs, player):
    """Each player alone lowers its loss on a fixed batch of real tiles."""
    keras.utils.set_random_seed(0)
    gan = models.dcgan((16, 16, 3), latent_dim=8, filters=8, seed=0)
    rates = {"discriminator": (0.0, 2e-3), "generator": (5e-3, 0.0)}[player]
    gan.compile(*(keras.optimizers.Adam(rate, 0.5) for rate in rates))
    term = "d_loss" if player == "discriminator" else "g_loss"
    history = gan.fit(photographs[:16], batch_size=16, epochs=30, verbose=0).history
    assert np.mean(history[term][-5:]) < 0.9 * np.mean(history[term][:3])


@pytest.mark.eager
def test_conv_vae_learns_photographs(photographs):
    keras.utils.set_random_seed(0)
    vae = models.conv_vae((16, 16, 3), 8, 8, "gaussian", seed=0)
    vae.compile(keras.optimizers.Adam(3e-3))
    history = vae.fit(photographs[:16], batch_size=16, epochs=40, verbose=0).history
    constant = 0.9189385 * 16 * 16 * 3
    # In squared error, that is without the Gaussian's constant.
    first, last = (history["loss"][index] - constant for index in (0, -1))
    assert last < 0.5 * first
    assert vae.reconstruct(photographs[:2]).shape == (2, 16, 16, 3)
