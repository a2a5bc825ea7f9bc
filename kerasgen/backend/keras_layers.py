"""What Keras itself does well on backends that compile a step."""

import functools

import keras


def call_network(network, inputs, training):
    """`network(inputs, training=training)`.

    Args:
        network: Keras model or layer, after `fuse`.
        inputs: What it takes: a tensor, or a list of them.
        training: bool.
    """
    return network(inputs, training=training)


def accumulate(variable, value):
    """Adds to a variable.

    Args:
        variable: Scalar `keras.Variable`.
        value: Scalar tensor of its dtype, or a number.
    """
    variable.assign_add(value)


def elementwise(fn):
    """`fn` on tensors.

    Args:
        fn: Pure function of a namespace, `keras.ops` or NumPy, of tensors of it and of
            other values.

    Returns:
        A function of the arguments after the namespace.
    """
    return functools.wraps(fn)(functools.partial(fn, keras.ops))


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
