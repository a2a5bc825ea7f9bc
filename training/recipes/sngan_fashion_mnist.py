"""SNGAN on Fashion-MNIST: hinge loss, spectrally normalised discriminator.

    kerasgen train sngan_fashion_mnist --backend torch

The filters and optimizers of `dcgan_fashion_mnist`, no BatchNorm in the discriminator;
the epoch of the lowest FID in the features of `features_fashion_mnist` is kept.
"""

from kerasgen import models

from .. import gans

PARAMETERS = {**gans.PARAMETERS}
QUICK = {**gans.QUICK}


def build(p):
    """The run of these parameters."""
    return gans.gan_run(
        p,
        models.sngan,
        "SNGAN with the hinge loss, unconditional,",
        "Miyato et al. 2018, arXiv:1802.05957",
    )
