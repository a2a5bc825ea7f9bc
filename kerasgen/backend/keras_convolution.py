"""The convolution of backends whose layout is Keras's own."""

import keras


def convolve(inputs, kernel, pads, stride=1):
    """Convolution of a padded map.

    Args:
        inputs: (B, H, W, channels).
        kernel: (rows, columns, channels, filters), of the same dtype.
        pads: Zeros before and after the rows, and before and after the columns:
            `((top, bottom), (left, right))`.
        stride: Integer.

    Returns:
        Tensor (B, H', W', filters).
    """
    padded = keras.ops.pad(inputs, ((0, 0), *pads, (0, 0)))
    return keras.ops.conv(padded, kernel, stride, padding="valid")
