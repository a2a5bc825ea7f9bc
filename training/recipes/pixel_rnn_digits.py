"""PixelRNN, Diagonal BiLSTM, on scikit-learn's 8x8 digits, whose ink has 17 levels.

    kerasgen train pixel_rnn_digits --backend torch

The epoch of the fewest bits per dimension on 137 held-out training images is kept.
"""

from kerasgen.models import PixelRNN

from .. import pixels
from . import pixel_cnn_digits

PARAMETERS = {
    **pixel_cnn_digits.PARAMETERS,
    "epochs": 60,
    "cell": "diagonal_bilstm",
    "num_blocks": 3,
    "filters": 32,
}
QUICK = {**pixels.QUICK}


def build(p):
    """The run of these parameters."""

    def make(data):
        return PixelRNN(
            data.image_shape,
            num_levels=p["num_levels"],
            cell=p["cell"],
            num_layers=p["num_blocks"],
            filters=p["filters"],
            first_kernel_size=5,
            ema_decay=p["ema_decay"],
            seed=p["seed"],
        )

    return pixels.pixel_run(
        p, make, "PixelRNN", "van den Oord et al. 2016, arXiv:1601.06759"
    )
