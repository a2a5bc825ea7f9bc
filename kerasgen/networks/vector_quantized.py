"""Encoder and decoder of VQ-VAE: strided convolutions and residual blocks.

Shapes: x (B, H, W, C), grids of vectors (B, H / s, W / s, code_dim), where s is
2^num_halvings.
"""

import keras
from keras import layers

from kerasgen.arguments import check_positive_integer
from kerasgen.networks.shapes import check_image_shape
from kerasgen.networks.strided import double, halve


def vq_encoder(
    image_shape, code_dim, filters=64, num_blocks=2, num_halvings=2, name="encoder"
):
    """Stride-2 convolutions, residual blocks, and a vector at each place.

    Args:
        image_shape: (height, width, channels), multiples of s from 8 to 128.
        code_dim: Size of a vector.
        filters: Filters of every layer; the first has half of them.
        num_blocks: Residual blocks.
        num_halvings: Stride-2 convolutions, 2 in the paper.
        name: Name of the network.

    Returns:
        Functional `keras.Model`, (B, H, W, C) -> float32 (B, H / s, W / s, code_dim).

    Raises:
        ValueError: The architecture does not admit the image shape.

    Reference: van den Oord et al. 2017, "Neural Discrete Representation Learning",
    section 4.1.
    """
    check_divisible(image_shape, num_halvings)
    x = image = keras.Input(tuple(image_shape), name="x")
    widths = [max(filters // 2, 1), *[filters] * (num_halvings - 1)]
    x = halve(x, widths)
    x = layers.Conv2D(filters, 3, padding="same", name="features")(x)
    x = _residual_blocks(x, filters, num_blocks)
    x = layers.Conv2D(code_dim, 1, dtype="float32", name="vectors")(x)
    return keras.Model(image, x, name=name)


def vq_decoder(
    image_shape,
    code_dim,
    num_parameters=1,
    filters=64,
    num_blocks=2,
    num_halvings=2,
    name="decoder",
):
    """Residual blocks, then transposed convolutions up to the image size.

    Args:
        image_shape: As in `vq_encoder`.
        code_dim: Size of a vector.
        num_parameters: Parameters of the likelihood for each channel.
        filters: As in `vq_encoder`.
        num_blocks: Residual blocks.
        num_halvings: As in `vq_encoder`.
        name: Name of the network.

    Returns:
        Functional `keras.Model`, (B, H / s, W / s, code_dim) -> float32
        (B, H, W, C * num_parameters).

    Raises:
        ValueError: The architecture does not admit the image shape.

    Reference: van den Oord et al. 2017, section 4.1.
    """
    height, width, channels = check_divisible(image_shape, num_halvings)
    scale = 2**num_halvings
    x = grid = keras.Input((height // scale, width // scale, code_dim), name="vectors")
    x = layers.Conv2D(filters, 3, padding="same", name="features")(x)
    x = _residual_blocks(x, filters, num_blocks)
    widths = [*[filters] * (num_halvings - 2), max(filters // 2, 1)]
    x = double(x, widths[: num_halvings - 1], channels * num_parameters)
    return keras.Model(grid, x, name=name)


def check_divisible(image_shape, num_halvings):
    """Returns (height, width, channels) of sizes that some halvings divide.

    Args:
        image_shape: (height, width, channels).
        num_halvings: Integer >= 1.

    Raises:
        ValueError: Another rank, or a size that cannot be halved so often.
    """
    check_positive_integer("num_halvings", num_halvings)
    height, width, channels = check_image_shape(image_shape)
    scale = 2**num_halvings
    if height % scale or width % scale:
        raise ValueError(
            f"num_halvings={num_halvings} need a height and width that are multiples "
            f"of {scale}. Received: image_shape={tuple(image_shape)}"
        )
    return height, width, channels


def _residual_blocks(x, filters, num_blocks):
    """ReLU, 3x3 to half the filters, ReLU, 1x1 back, added; a last ReLU."""
    for index in range(num_blocks):
        y = layers.Activation("relu", name=f"block_{index}_relu")(x)
        y = layers.Conv2D(
            max(filters // 2, 1),
            3,
            padding="same",
            activation="relu",
            name=f"block_{index}_narrow",
        )(y)
        y = layers.Conv2D(filters, 1, name=f"block_{index}_wide")(y)
        x = layers.Add(name=f"block_{index}")([x, y])
    return layers.Activation("relu", name="blocks_relu")(x)
