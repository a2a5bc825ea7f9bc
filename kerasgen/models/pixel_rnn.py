"""PixelRNN."""

import keras

from kerasgen.arguments import check_multiple, check_positive_integer
from kerasgen.models.autoregressive import AutoregressiveModel
from kerasgen.networks.pixel_rnn import CELLS, PixelRNNNetwork
from kerasgen.networks.shapes import check_channels, check_kernels
from kerasgen.pixel_distributions import Categorical


@keras.saving.register_keras_serializable(package="kerasgen")
class PixelRNN(AutoregressiveModel):
    """PixelRNN: two-dimensional LSTMs, a softmax over the levels of each value.

    A Row LSTM runs from row to row and sees a triangle above a pixel, which leaves
    pixels above and to the sides unseen. A Diagonal BiLSTM runs along diagonals from
    both sides and sees every earlier pixel; it takes H + W - 1 steps in order instead
    of H, twice.

    Deviations from the paper: the maps of a Diagonal BiLSTM have one column more than
    the image, without which most pixels would not see the last one of the row above;
    states beyond the image are zero; there are none of the optional skip connections
    from each layer to the output; binary images have a softmax over two levels rather
    than a sigmoid; the first 1x1 convolution after the layers has 2 * filters channels
    whatever the data; the multi-scale variant is not here.

    Args:
        image_shape: (height, width, channels), any size, 1 or 3 channels; those of a
            pixel are modelled in the order R, G, B.
        num_levels: Grey levels of the images, 2 (binary) to 256.
        cell: "row_lstm" (`kerasgen.networks.row_lstm.RowLSTM`) or "diagonal_bilstm"
            (`kerasgen.networks.diagonal_bilstm.DiagonalBiLSTM`).
        num_layers: LSTM layers after the first convolution.
        filters: Channels h of the LSTMs' states, a multiple of the image's; between
            layers there are 2h.
        kernel_size: Odd width of a Row LSTM's input-to-state and state-to-state
            kernels; None for 3. A Diagonal BiLSTM has none.
        first_kernel_size: Odd size of the first convolution, at least 3.
        ema_decay: See `AutoregressiveModel`.
        seed: See `GenerativeModel`.
        name: Name of the model.

    Raises:
        ValueError: An argument is out of its range.

    Example:

    >>> import numpy as np
    >>> from kerasgen.models import PixelRNN
    >>> model = PixelRNN((4, 4, 1), num_levels=2, num_layers=1, filters=2)
    >>> model.generate(2, seed=0).shape
    (2, 4, 4, 1)
    >>> model.log_likelihood(np.zeros((3, 4, 4, 1), "uint8")).shape
    (3,)

    Reference: van den Oord et al. 2016, "Pixel Recurrent Neural Networks", sections
    3.1-3.5.
    """

    def __init__(
        self,
        image_shape,
        num_levels=256,
        cell="row_lstm",
        num_layers=7,
        filters=16,
        kernel_size=None,
        first_kernel_size=7,
        ema_decay=None,
        seed=None,
        name=None,
    ):
        check_channels(image_shape)
        _check_cell(cell, kernel_size)
        check_positive_integer("num_layers", num_layers)
        check_multiple("filters", filters, image_shape[2])
        check_kernels(first_kernel_size, 3 if kernel_size is None else kernel_size)
        distribution = Categorical(num_levels)
        self._arguments = {
            "image_shape": list(image_shape),
            "cell": cell,
            "num_layers": num_layers,
            "filters": filters,
            "kernel_size": kernel_size,
            "first_kernel_size": first_kernel_size,
        }
        network = PixelRNNNetwork(
            num_parameters=distribution.num_parameters,
            name="network",
            **self._arguments,
        )
        super().__init__(network, distribution, None, ema_decay, seed, name)


def _check_cell(cell, kernel_size):
    if not isinstance(cell, str) or cell not in CELLS:
        raise ValueError(f"`cell` is one of {(*CELLS,)}. Received: cell={cell!r}")
    if kernel_size is not None and cell != "row_lstm":
        raise ValueError(
            "`kernel_size` is that of a Row LSTM; a Diagonal BiLSTM has none. "
            f"Received: cell={cell!r}, kernel_size={kernel_size!r}"
        )
