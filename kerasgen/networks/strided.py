"""Stride-2 convolutions by which encoders halve images and decoders double them."""

from keras import layers


def halve(x, widths):
    """A convolution with ReLU for each of `widths`, its filters.

    Args:
        x: Symbolic images (B, H, W, C).
        widths: Filters of each.

    Returns:
        Symbolic features (B, H / s, W / s, filters), s = 2^len(widths).
    """
    for index, filters in enumerate(widths):
        x = layers.Conv2D(
            filters,
            4,
            strides=2,
            padding="same",
            activation="relu",
            name=f"down_{index}",
        )(x)
    return x


def double(x, widths, num_outputs, first_index=0):
    """A transposed convolution with ReLU for each of `widths`, and a linear one.

    Args:
        x: Symbolic features (B, H, W, C).
        widths: Filters of each.
        num_outputs: Filters of the last one, which computes in float32.
        first_index: Number in the first one's name.

    Returns:
        Symbolic float32 (B, s H, s W, num_outputs), s = 2^(len(widths) + 1).
    """
    for index, filters in enumerate(widths, start=first_index):
        x = layers.Conv2DTranspose(
            filters,
            4,
            strides=2,
            padding="same",
            activation="relu",
            name=f"up_{index}",
        )(x)
    return layers.Conv2DTranspose(
        num_outputs, 4, strides=2, padding="same", dtype="float32", name="parameters"
    )(x)
