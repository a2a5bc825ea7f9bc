"""LSGAN on Fashion-MNIST, with a moving average of the generator.

    kerasgen train lsgan_fashion_mnist --backend torch

The networks and optimizers of `dcgan_fashion_mnist`, with the least squares loss; the
epoch of the lowest FID in the features of `features_fashion_mnist` is kept.
"""

from kerasgen import models

from .. import gans

PARAMETERS = {**gans.PARAMETERS}
QUICK = {**gans.QUICK}


def build(p):
    """The run of these parameters."""
    return gans.gan_run(
        p, models.lsgan, "LSGAN, unconditional,", "Mao et al. 2017, arXiv:1611.04076"
    )
