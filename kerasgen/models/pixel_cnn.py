"""PixelCNN and its gated successor."""

import keras

from kerasgen.arguments import check_boolean, check_multiple, check_positive_integer
from kerasgen.models.autoregressive import AutoregressiveModel
from kerasgen.networks.gated_pixel_cnn import GatedPixelCNNNetwork
from kerasgen.networks.pixel_cnn import PixelCNNNetwork
from kerasgen.networks.shapes import check_channels, check_kernels
from kerasgen.pixel_distributions import Categorical


@keras.saving.register_keras_serializable(package="kerasgen")
class PixelCNN(AutoregressiveModel):
    """PixelCNN: masked convolutions, a softmax over the levels of each value.

    Args:
        image_shape: (height, width, channels), any size, 1 or 3 channels; those of a
            pixel are modelled in the order R, G, B.
        num_levels: Grey levels of the images, 2 (binary) to 256.
        num_blocks: Residual blocks after the first convolution.
        filters: Channels between blocks, a multiple of twice the image's.
        kernel_size: Odd size of the blocks' kernels.
        first_kernel_size: Odd size of the first layer's, at least 3.
        ema_decay: See `AutoregressiveModel`.
        seed: See `GenerativeModel`.
        name: Name of the model.

    Raises:
        ValueError: An argument is out of its range.

    Example:

    >>> import numpy as np
    >>> from kerasgen.models import PixelCNN
    >>> model = PixelCNN((4, 4, 1), num_levels=2, num_blocks=1, filters=4)
    >>> model.generate(2, seed=0).shape
    (2, 4, 4, 1)
    >>> model.log_likelihood(np.zeros((3, 4, 4, 1), "uint8")).shape
    (3,)

    Reference: van den Oord et al. 2016, "Pixel Recurrent Neural Networks".
    """

    def __init__(
        self,
        image_shape,
        num_levels=256,
        num_blocks=7,
        filters=64,
        kernel_size=3,
        first_kernel_size=7,
        ema_decay=None,
        seed=None,
        name=None,
    ):
        check_channels(image_shape)
        check_positive_integer("num_blocks", num_blocks)
        check_multiple("filters", filters, 2 * image_shape[2])
        check_kernels(first_kernel_size, kernel_size)
        distribution = Categorical(num_levels)
        self._arguments = {
            "image_shape": list(image_shape),
            "num_blocks": num_blocks,
            "filters": filters,
            "kernel_size": kernel_size,
            "first_kernel_size": first_kernel_size,
        }
        network = PixelCNNNetwork(
            num_parameters=distribution.num_parameters,
            name="network",
            **self._arguments,
        )
        super().__init__(network, distribution, None, ema_decay, seed, name)


@keras.saving.register_keras_serializable(package="kerasgen")
class GatedPixelCNN(AutoregressiveModel):
    """Gated PixelCNN: no blind spot, gates, conditional on labels.

    Args:
        image_shape: As in `PixelCNN`.
        num_levels: As in `PixelCNN`.
        num_blocks: Gated layers after the first.
        filters: Channels of each stack, a multiple of the image's.
        kernel_size: Odd size of the layers' kernels.
        first_kernel_size: Odd size of the first layer's, at least 3.
        num_classes: Number of classes; None for an unconditional model.
        one_hot: Whether the network reads a value as one of the levels and not as a
            number: for levels without an order, such as the codes of a `VQVAE`.
        ema_decay: See `AutoregressiveModel`.
        seed: See `GenerativeModel`.
        name: Name of the model.

    Raises:
        ValueError: An argument is out of its range.

    Example:

    >>> from kerasgen.models import GatedPixelCNN
    >>> model = GatedPixelCNN((4, 4, 1), num_blocks=1, filters=4, num_classes=2)
    >>> model.generate(2, seed=0, labels=[0, 1]).shape
    (2, 4, 4, 1)

    Reference: van den Oord et al. 2016, "Conditional Image Generation with PixelCNN
    Decoders".
    """

    def __init__(
        self,
        image_shape,
        num_levels=256,
        num_blocks=8,
        filters=64,
        kernel_size=3,
        first_kernel_size=7,
        num_classes=None,
        one_hot=False,
        ema_decay=None,
        seed=None,
        name=None,
    ):
        check_channels(image_shape)
        check_positive_integer("num_blocks", num_blocks)
        check_multiple("filters", filters, image_shape[2])
        check_kernels(first_kernel_size, kernel_size)
        if num_classes is not None:
            check_positive_integer("num_classes", num_classes)
        distribution = Categorical(num_levels)
        self._arguments = {
            "image_shape": list(image_shape),
            "num_blocks": num_blocks,
            "filters": filters,
            "kernel_size": kernel_size,
            "first_kernel_size": first_kernel_size,
            "num_classes": num_classes,
            "one_hot": check_boolean("one_hot", one_hot),
        }
        network = GatedPixelCNNNetwork(
            num_parameters=distribution.num_parameters,
            name="network",
            **self._arguments,
        )
        super().__init__(network, distribution, num_classes, ema_decay, seed, name)
