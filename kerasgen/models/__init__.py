"""Models: one class for each training procedure, one function for each paper."""

from kerasgen.models.base import GenerativeModel
from kerasgen.models.batch import Batch
from kerasgen.models.conditional_builders import (
    acgan,
    conditional_gan,
    projection_gan,
)
from kerasgen.models.gan import GAN
from kerasgen.models.gan_builders import dcgan, lsgan, sngan, wgan_gp
from kerasgen.models.gaussian_mixture import GaussianMixture
from kerasgen.models.latent_model import LatentModel
from kerasgen.models.mode_ensemble import ModeEnsembleGAN
from kerasgen.models.pixel_cnn import GatedPixelCNN, PixelCNN
from kerasgen.models.pixel_cnn_plus_plus import PixelCNNPlusPlus
from kerasgen.models.pixel_rnn import PixelRNN
from kerasgen.models.vae import VAE
from kerasgen.models.vae_builders import conv_vae, dense_vae

__all__ = [
    "Batch",
    "GAN",
    "GatedPixelCNN",
    "GaussianMixture",
    "PixelCNN",
    "PixelCNNPlusPlus",
    "PixelRNN",
    "VAE",
    "GenerativeModel",
    "LatentModel",
    "ModeEnsembleGAN",
    "acgan",
    "conditional_gan",
    "conv_vae",
    "dcgan",
    "dense_vae",
    "lsgan",
    "projection_gan",
    "sngan",
    "wgan_gp",
]
