"""Class-conditional GAN on Fashion-MNIST: projection discriminator, hinge loss.

    kerasgen train cgan_fashion_mnist --backend torch

10 classes; BatchNorm by class in the generator, spectral normalisation in the
discriminator. The epoch of the lowest FID over classes drawn uniformly, in the features
of `features_fashion_mnist`, is kept; the card says how often a classifier agrees with
the label that was asked for.
"""

from kerasgen import models

from .. import gans

PARAMETERS = {**gans.PARAMETERS}
QUICK = {**gans.QUICK}


def build(p):
    """The run of these parameters."""
    return gans.gan_run(
        p,
        models.projection_gan,
        "GAN with a projection discriminator, conditional on 10 classes,",
        "Miyato and Koyama 2018, arXiv:1802.05637",
        is_conditional=True,
    )
