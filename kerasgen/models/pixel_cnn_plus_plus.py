"""PixelCNN++."""

import keras

from kerasgen.arguments import check_positive_integer, is_finite_number
from kerasgen.models.autoregressive import AutoregressiveModel
from kerasgen.networks.pixel_cnn_plus_plus import PixelCNNPlusPlusNetwork
from kerasgen.networks.shapes import check_channels


@keras.saving.register_keras_serializable(package="kerasgen")
class PixelCNNPlusPlus(AutoregressiveModel):
    """PixelCNN++: mixtures of discretised logistics from a network with shortcuts.

    The three colours of a pixel share one indicator of the mixture, and means of later
    colours are linear in the values of earlier ones. Feature maps are halved twice and
    doubled again, and the moving average of the weights is what samples and scores.

    Temperature divides the log-probabilities of each value's levels, given the values
    drawn before it, and they are normalised again.

    Deviations from the paper: no weight normalization and so no initialization by data;
    gates start with a tenth of Keras's usual deviation instead. The first layer of the
    pixel stream sees two rows above instead of one; transposed convolutions of that
    stream have a bias for each of the four places. Images may have any size
    (`kerasgen.networks.pixel_resampling.PixelResampling`) and fewer levels.

    Args:
        image_shape: (height, width, channels), any size, 1 or 3 channels; those of a
            pixel are modelled in the order R, G, B.
        num_levels: Grey levels of the images, 2 (binary) to 256.
        num_mixtures: Logistic densities of a value.
        filters: Channels of all feature maps.
        blocks_per_stage: Gated residual blocks of each stream at each of the three
            resolutions, on the way to the smallest; on the way back there is one more
            at the two larger ones.
        dropout: Fraction of features that a block drops in training, in [0, 1).
        num_classes: Number of classes, each of which adds biases of its own to the
            gates; None for an unconditional model.
        ema_decay: See `AutoregressiveModel`.
        seed: See `GenerativeModel`.
        name: Name of the model.

    Raises:
        ValueError: An argument is out of its range.

    Example:

    >>> from kerasgen.models import PixelCNNPlusPlus
    >>> model = PixelCNNPlusPlus((4, 4, 3), filters=4, blocks_per_stage=1)
    >>> model.network.distribution.num_outputs(channels=3)  # of each pixel
    100
    >>> model.data_shape
    (4, 4, 3)

    Reference: Salimans et al. 2017, "PixelCNN++: Improving the PixelCNN with
    Discretized Logistic Mixture Likelihood and Other Modifications", section 2.
    """

    def __init__(
        self,
        image_shape,
        num_levels=256,
        num_mixtures=10,
        filters=160,
        blocks_per_stage=5,
        dropout=0.5,
        num_classes=None,
        ema_decay=0.9995,
        seed=None,
        name=None,
    ):
        check_channels(image_shape)
        check_positive_integer("filters", filters)
        check_positive_integer("blocks_per_stage", blocks_per_stage)
        if not is_finite_number(dropout) or not 0 <= dropout < 1:
            raise ValueError(
                f"`dropout` is a float in [0, 1). Received: dropout={dropout!r}"
            )
        if num_classes is not None:
            check_positive_integer("num_classes", num_classes)
        self._arguments = {
            "image_shape": list(image_shape),
            "num_mixtures": num_mixtures,
            "filters": filters,
            "blocks_per_stage": blocks_per_stage,
            "dropout": dropout,
            "num_classes": num_classes,
        }
        network = PixelCNNPlusPlusNetwork(
            num_levels=num_levels, seed=seed, name="network", **self._arguments
        )
        super().__init__(
            network, network.distribution, num_classes, ema_decay, seed, name
        )
