"""Convolutional autoencoder on Fashion-MNIST, 16 latents.

    kerasgen train autoencoder_fashion_mnist --backend torch

Beside the errors of what it brings back the card has the continuity and completeness
of its latent space (`kerasgen.latent_space.latent_quality`), to be compared with those
of `vae_fashion_mnist`.
"""

from kerasgen import models

from .. import autoencoders

PARAMETERS = {**autoencoders.PARAMETERS, "latent_dim": 16}
QUICK = {**autoencoders.QUICK, "latent_dim": 4}


def build(p):
    """The run of these parameters."""

    def make_model(image_shape):
        return models.conv_autoencoder(
            image_shape,
            latent_dim=p["latent_dim"],
            filters=p["filters"],
            seed=p["seed"],
            name="autoencoder",
        )

    return autoencoders.reconstruction_run(
        p,
        make_model,
        f"Convolutional autoencoder of {p['latent_dim']} latents",
        "Hinton and Salakhutdinov 2006, doi:10.1126/science.1127647",
        lambda *of: {
            **autoencoders.split_scores(*of),
            **autoencoders.latent_scores(*of),
        },
    )
