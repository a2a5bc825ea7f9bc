"""Layers that Keras lacks, or has with other behaviour on each backend.

- `Dropout`: the same masks on every backend and number of devices.
- `SpectralNormalization`: divides a kernel by its largest singular value on the fly.
"""

from kerasgen.layers.dropout import Dropout
from kerasgen.layers.spectral_normalization import SpectralNormalization

__all__ = ["Dropout", "SpectralNormalization"]
