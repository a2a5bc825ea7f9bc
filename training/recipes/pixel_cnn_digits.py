"""PixelCNN on scikit-learn's 8x8 digits, whose ink has 17 levels.

    kerasgen train pixel_cnn_digits --backend torch

The epoch of the fewest bits per dimension on 137 held-out training images is kept.
"""

from kerasgen.models import PixelCNN

from .. import pixels

PARAMETERS = {
    **pixels.PARAMETERS,
    "dataset": "digits",
    "split": "train[:1300]",
    "validation_split": "train[1300:]",
    "extractor": "features_digits",
    "epochs": 100,
    "batch_size": 32,
    "num_levels": 17,
    "num_blocks": 5,
    "filters": 64,
    "learning_rate": 1e-3,
    "ema_decay": 0.99,
    "mixture_components": 10,
    "mixture_factors": 10,
    "num_test_samples": 1437,
}
QUICK = {**pixels.QUICK}


def build(p):
    """The run of these parameters."""

    def make(data):
        return PixelCNN(
            data.image_shape,
            num_levels=p["num_levels"],
            num_blocks=p["num_blocks"],
            filters=p["filters"],
            first_kernel_size=5,
            ema_decay=p["ema_decay"],
            seed=p["seed"],
        )

    return pixels.pixel_run(
        p, make, "PixelCNN", "van den Oord et al. 2016, arXiv:1601.06759"
    )
