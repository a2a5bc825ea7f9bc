"""DCGAN on Fashion-MNIST, with a moving average of the generator.

    kerasgen train dcgan_fashion_mnist --backend torch

60,000 training images, 32 epochs; the epoch of the lowest FID in the features of
`features_fashion_mnist` is kept. See the card for time and scores.
"""

from kerasgen import models

from .. import gans

PARAMETERS = {**gans.PARAMETERS}
QUICK = {**gans.QUICK}


def build(p):
    """The run of these parameters."""
    return gans.gan_run(
        p,
        models.dcgan,
        "DCGAN, unconditional,",
        "Radford et al. 2016, arXiv:1511.06434",
    )
