"""Networks shared by several models: functions that build Keras models."""

from kerasgen.networks.autoencoding import (
    conv_decoder,
    conv_encoder,
    dense_decoder,
    dense_encoder,
)
from kerasgen.networks.backbone import backbone_discriminator
from kerasgen.networks.classifier import classifier
from kerasgen.networks.conditional import (
    classifying_discriminator,
    concatenation_discriminator,
    concatenation_generator,
)
from kerasgen.networks.dcgan import dcgan_discriminator, dcgan_generator
from kerasgen.networks.fid_inception import fid_inception_network

__all__ = [
    "backbone_discriminator",
    "classifier",
    "classifying_discriminator",
    "concatenation_discriminator",
    "concatenation_generator",
    "conv_decoder",
    "conv_encoder",
    "dcgan_discriminator",
    "dcgan_generator",
    "dense_decoder",
    "dense_encoder",
    "fid_inception_network",
]
