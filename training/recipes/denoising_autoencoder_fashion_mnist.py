"""Denoising autoencoder on Fashion-MNIST: Gaussian noise of 64 grey levels.

    kerasgen train denoising_autoencoder_fashion_mnist --backend torch

The card has PSNR and SSIM of noisy test images, of a median filter's (3 x 3) and of the
model's.
"""

from scipy import ndimage

from kerasgen import models
from kerasgen.corruptions import GaussianNoise

from .. import autoencoders

PARAMETERS = {**autoencoders.PARAMETERS, "latent_dim": 64, "noise_std": 0.5}
QUICK = {**autoencoders.QUICK, "latent_dim": 8}


def build(p):
    """The run of these parameters."""

    def make_model(image_shape):
        return models.conv_autoencoder(
            image_shape,
            latent_dim=p["latent_dim"],
            filters=p["filters"],
            corruption=GaussianNoise(p["noise_std"]),
            seed=p["seed"],
            name="denoising_autoencoder",
        )

    run = autoencoders.reconstruction_run(
        p,
        make_model,
        f"Denoising convolutional autoencoder, Gaussian noise of std {p['noise_std']} "
        "in [-1, 1],",
        "Vincent et al. 2008, doi:10.1145/1390156.1390294",
        lambda model, data, test, extractor: denoising_scores(model, test.images),
    )
    run.caption = (
        "Noisy test images, each row above what the model makes of it, not selected"
    )
    run.card["usage"] = "images = model.denoise(x)  # uint8, as x"
    run.seen = autoencoders.noisy(run.model, run.shown)
    return run


def denoising_scores(model, images):
    """PSNR and SSIM of noisy images, of a median filter's, and of the model's."""
    seen = autoencoders.noisy(model, images)
    filtered = ndimage.median_filter(seen, size=(1, 3, 3, 1))
    what = "{} test images, noise of seed 0"
    scores = {}
    for name, made in (
        ("noisy_test", seen),
        ("median_filtered_test", filtered),
        ("denoised_test", model.denoise(seen)),
    ):
        scores |= autoencoders.pair_scores(name, made, images, what)
    return scores
