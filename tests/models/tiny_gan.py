"""A GAN that compiles and trains in a moment, of a user's own Sequential networks."""

import keras
import numpy as np
from keras import layers

from kerasgen.layers import Dropout, SpectralNormalization
from kerasgen.models import GAN

SHAPE = (8, 8, 1)
LATENT_DIM = 3


def images(num_samples, seed=0):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (num_samples, *SHAPE)).astype("uint8")


def make_gan(
    learning_rates=(0.01, 0.01), spectral=False, cls=GAN, run_eagerly=False, **arguments
):
    """A GAN of a user's own Sequential networks, from fixed weights."""
    keras.utils.set_random_seed(0)
    generator = keras.Sequential(
        [
            keras.Input((LATENT_DIM,)),
            layers.Dense(8, use_bias=False),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.Dense(64, activation="tanh"),
            layers.Reshape(SHAPE),
        ]
    )
    wrap = SpectralNormalization if spectral else lambda layer: layer
    discriminator = keras.Sequential(
        [
            keras.Input(SHAPE),
            layers.Flatten(),
            wrap(layers.Dense(8)),
            layers.LeakyReLU(name="features"),
            Dropout(0.2, seed=0),
            layers.Dense(1),
        ]
    )
    gan = cls(generator, discriminator, LATENT_DIM, **{"seed": 1, **arguments})
    generator_rate, discriminator_rate = learning_rates
    gan.compile(
        keras.optimizers.Adam(generator_rate, 0.5),
        keras.optimizers.Adam(discriminator_rate, 0.5),
        run_eagerly=run_eagerly,
    )
    return gan
