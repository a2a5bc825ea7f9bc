"""Gated PixelCNN on Fashion-MNIST, conditional on the 10 classes, 256 levels.

    kerasgen train gated_pixel_cnn_fashion_mnist --backend torch

6 blocks of 32 channels that see 15 rows above; mixed_bfloat16, Adam with a cosine
decay, moving average of the weights; the epoch of the fewest bits per dimension on
5,000 held-out training images is kept, in float32.
"""

from kerasgen.models import GatedPixelCNN

from .. import pixels

PARAMETERS = {
    **pixels.PARAMETERS,
    "epochs": 6,
    "kernel_size": 5,
    "dtype_policy": "mixed_bfloat16",
}
QUICK = {**pixels.QUICK}


def build(p):
    """The run of these parameters."""

    def make(data):
        return GatedPixelCNN(
            data.image_shape,
            num_levels=p["num_levels"],
            num_blocks=p["num_blocks"],
            filters=p["filters"],
            kernel_size=p["kernel_size"],
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
        precision=p["dtype_policy"],
    )
