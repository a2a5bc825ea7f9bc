"""Layers that Keras lacks, or has with other behaviour on each backend.

Noise, the same on every backend and number of devices:

- `Dropout`: sets a fraction of the inputs to zero in training.
- `InstanceNoise`: adds Gaussian noise in training, less and less.

Normalization:

- `ConditionalBatchNormalization`: factors and offsets for each class.
- `InstanceNormalization`: each channel of each sample on its own.
- `SpectralNormalization`: divides a kernel by its largest singular value on the fly.
- `VirtualBatchNormalization`, `ReferenceBatch`, `DropReference`: statistics of a
  fixed reference batch.

Parts of a discriminator:

- `MinibatchDiscrimination`, `MinibatchStdDev`: features of how samples differ.
- `ProjectionHead`: logits of features and a class.
- `SelfAttention2D`: attention between the positions of an image.

Parts of networks over pixels in order:

- `MaskedConv2D`, `MaskedDense`: see earlier pixels, and earlier channels, only.

Parts of an autoencoder:

- `VectorQuantizer`: replaces vectors by the nearest of a codebook.
"""

from kerasgen.layers.conditional_batch_normalization import (
    ConditionalBatchNormalization,
)
from kerasgen.layers.dropout import Dropout
from kerasgen.layers.instance_noise import InstanceNoise
from kerasgen.layers.instance_normalization import InstanceNormalization
from kerasgen.layers.masked_conv import MaskedConv2D
from kerasgen.layers.masked_dense import MaskedDense
from kerasgen.layers.minibatch_discrimination import MinibatchDiscrimination
from kerasgen.layers.minibatch_std_dev import MinibatchStdDev
from kerasgen.layers.projection_head import ProjectionHead
from kerasgen.layers.self_attention import SelfAttention2D
from kerasgen.layers.spectral_normalization import SpectralNormalization
from kerasgen.layers.vector_quantizer import VectorQuantizer
from kerasgen.layers.virtual_batch_normalization import (
    DropReference,
    ReferenceBatch,
    VirtualBatchNormalization,
)

__all__ = [
    "ConditionalBatchNormalization",
    "DropReference",
    "Dropout",
    "InstanceNoise",
    "InstanceNormalization",
    "MaskedConv2D",
    "MaskedDense",
    "MinibatchDiscrimination",
    "MinibatchStdDev",
    "ProjectionHead",
    "ReferenceBatch",
    "SelfAttention2D",
    "SpectralNormalization",
    "VectorQuantizer",
    "VirtualBatchNormalization",
]
