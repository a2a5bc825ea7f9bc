"""A VAE that compiles and trains in a moment, from fixed weights."""

import keras

import kerasgen

SHAPE = (8, 8, 1)


def make_vae():
    keras.utils.set_random_seed(0)
    vae = kerasgen.models.dense_vae(SHAPE, latent_dim=2, hidden=(8,), seed=1)
    vae.compile(keras.optimizers.Adam(1e-2))
    return vae
