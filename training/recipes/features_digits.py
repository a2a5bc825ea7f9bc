"""A small classifier of scikit-learn's 8x8 digits whose features judge samples.

kerasgen train features_digits --backend torch
"""

from . import features_fashion_mnist

PARAMETERS = {
    **features_fashion_mnist.PARAMETERS,
    "dataset": "digits",
    "epochs": 20,
    "batch_size": 32,
    "width": 32,
}
QUICK = features_fashion_mnist.QUICK

build = features_fashion_mnist.build
