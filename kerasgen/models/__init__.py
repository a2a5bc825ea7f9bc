"""Models: one class for each training procedure, one function for each paper."""

from kerasgen.models.adversarial_autoencoder import AdversarialAutoencoder
from kerasgen.models.autoencoder import Autoencoder, DenoisingAutoencoder
from kerasgen.models.autoencoder_builders import (
    adversarial_autoencoder,
    autorec,
    backbone_autoencoder,
    conv_autoencoder,
    dense_autoencoder,
    vq_vae,
)
from kerasgen.models.base import GenerativeModel
from kerasgen.models.batch import Batch
from kerasgen.models.codec_bytes import CodecError
from kerasgen.models.conditional_builders import (
    acgan,
    conditional_gan,
    projection_gan,
)
from kerasgen.models.gan import GAN
from kerasgen.models.gan_builders import dcgan, lsgan, sngan, wgan_gp
from kerasgen.models.gaussian_mixture import GaussianMixture
from kerasgen.models.image_codec import ImageCodec
from kerasgen.models.iwae import IWAE
from kerasgen.models.latent_gmm import LatentGMM
from kerasgen.models.latent_model import LatentModel
from kerasgen.models.mode_ensemble import ModeEnsembleGAN
from kerasgen.models.pixel_cnn import GatedPixelCNN, PixelCNN
from kerasgen.models.pixel_cnn_plus_plus import PixelCNNPlusPlus
from kerasgen.models.pixel_rnn import PixelRNN
from kerasgen.models.vae import VAE
from kerasgen.models.vae_builders import conv_vae, dense_iwae, dense_vae
from kerasgen.models.vq_vae import VQVAE

__all__ = [
    "AdversarialAutoencoder",
    "Autoencoder",
    "Batch",
    "CodecError",
    "DenoisingAutoencoder",
    "GAN",
    "GatedPixelCNN",
    "GaussianMixture",
    "GenerativeModel",
    "IWAE",
    "ImageCodec",
    "LatentGMM",
    "LatentModel",
    "ModeEnsembleGAN",
    "PixelCNN",
    "PixelCNNPlusPlus",
    "PixelRNN",
    "VAE",
    "VQVAE",
    "acgan",
    "adversarial_autoencoder",
    "autorec",
    "backbone_autoencoder",
    "conditional_gan",
    "conv_autoencoder",
    "conv_vae",
    "dcgan",
    "dense_autoencoder",
    "dense_iwae",
    "dense_vae",
    "lsgan",
    "projection_gan",
    "sngan",
    "vq_vae",
    "wgan_gp",
]
