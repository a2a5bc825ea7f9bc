"""Gated PixelCNN on Fashion-MNIST, conditional on the 10 classes, 256 levels.

    kerasgen train gated_pixel_cnn_fashion_mnist --backend torch

6 blocks of 32 channels; Adam with a cosine decay, moving average of the weights; the
epoch of the fewest bits per dimension on 5,000 held-out training images is kept.
"""

from kerasgen.models import GatedPixelCNN

from .. import pixels

PARAMETERS = {**pixels.PARAMETERS, "epochs": 6}
QUICK = {**pixels.QUICK}


def build(p):
    """The run of these parameters."""

    def make(data):
        return GatedPixelCNN(
            data.image_shape,
            num_levels=p["num_levels"],
            num_blocks=p["num_blocks"],
            filters=p["filters"],
            num_classes=data.num_classes,
            ema_decay=p["ema_decay"],
            seed=p["seed"],
        )

    return pixels.pixel_run(
        p,
        make,
        "Gated PixelCNN, conditional on 10 classes,",
        "van den Oord et al. 2016, arXiv:1606.05328",
        is_conditional=True,
    )
