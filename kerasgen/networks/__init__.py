"""Networks shared by several models: functions that build Keras models."""

from kerasgen.networks.autoencoding import (
    conv_decoder,
    conv_encoder,
    dense_decoder,
    dense_encoder,
)
from kerasgen.networks.classifier import classifier
from kerasgen.networks.dcgan import dcgan_discriminator, dcgan_generator

__all__ = [
    "classifier",
    "conv_decoder",
    "conv_encoder",
    "dcgan_discriminator",
    "dcgan_generator",
    "dense_decoder",
    "dense_encoder",
]
