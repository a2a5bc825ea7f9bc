"""Convolutional VAE on scikit-learn's 8x8 digits, exact likelihood of the 256 levels.

kerasgen train vae_digits --backend tensorflow
"""

from . import vae_fashion_mnist

PARAMETERS = {
    **vae_fashion_mnist.PARAMETERS,
    "dataset": "digits",
    "split": "train[:1300]",
    "validation_split": "train[1300:]",
    "extractor": "features_digits",
    "epochs": 200,
    "batch_size": 32,
    "latent_dim": 8,
    "filters": 32,
    "likelihood": "discretized_logistic",
    "num_test_samples": 1437,
    "num_bound_images": 360,
}
QUICK = {**vae_fashion_mnist.QUICK, "split": "train[:128]"}

build = vae_fashion_mnist.build
