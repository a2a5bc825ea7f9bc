"""DCGAN on scikit-learn's 8x8 digits.

    kerasgen train dcgan_digits --backend torch

1,437 training images; the epoch of the lowest FID on `features_digits` is kept.
"""

from .. import gans
from . import dcgan_fashion_mnist

PARAMETERS = {
    **gans.PARAMETERS,
    "dataset": "digits",
    "extractor": "features_digits",
    "epochs": 300,
    "batch_size": 32,
    "latent_dim": 32,
    "filters": 64,
    "num_selection_samples": 1437,
    "num_test_samples": 1437,
}
QUICK = {**gans.QUICK, "split": "train[:128]"}

build = dcgan_fashion_mnist.build
