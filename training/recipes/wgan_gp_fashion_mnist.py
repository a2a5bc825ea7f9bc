"""WGAN-GP on Fashion-MNIST: Wasserstein loss, gradient penalty, five critic steps.

    kerasgen train wgan_gp_fashion_mnist --backend torch

An epoch holds a fifth as many generator steps as one of `dcgan_fashion_mnist`, hence
more epochs; the epoch of the lowest FID in the features of `features_fashion_mnist` is
kept. Both learning rates are twice the paper's 1e-4, to get further in the steps that
two cores take in an evening.
"""

from kerasgen import models

from .. import gans

PARAMETERS = {
    **gans.PARAMETERS,
    "epochs": 48,
    "learning_rate": 2e-4,
    "beta_1": 0.0,
    "beta_2": 0.9,
}
QUICK = {**gans.QUICK}


def build(p):
    """The run of these parameters."""
    return gans.gan_run(
        p,
        models.wgan_gp,
        "WGAN-GP, unconditional,",
        "Gulrajani et al. 2017, arXiv:1704.00028",
    )
