"""Encoders and decoders: dense and convolutional.

Shapes: x (B, *data_shape), codes (B, num_outputs), which are z or the mean and the
log-variance of z, z (B, latent_dim), labels int32 (B,).
"""

import math

import keras
from keras import layers, ops

from kerasgen.arguments import check_positive_integer
from kerasgen.networks.shapes import (
    check_data_shape,
    check_hidden,
    check_image_shape,
    count_halvings,
)
from kerasgen.networks.strided import double, halve

MAX_FILTERS = 256


def dense_coders(
    data_shape,
    latent_dim,
    hidden,
    num_parameters,
    codes_per_latent=1,
    num_classes=None,
    activation=None,
):
    """A dense encoder and the decoder that mirrors it.

    Args:
        data_shape: Shape of one sample: (height, width, channels) or (features,).
        latent_dim: Size of z.
        hidden: Units of the encoder's hidden layers.
        num_parameters: Parameters of the likelihood for each channel.
        codes_per_latent: 2 for an encoder that emits means and log-variances.
        num_classes: Number of classes of conditional networks, or None.
        activation: Of the codes; linear by default.

    Returns:
        Pair of Functional `keras.Model`; see `dense_encoder` and `dense_decoder`.

    Raises:
        ValueError: An argument is out of its range.
    """
    shape = check_data_shape(data_shape)
    latent_dim = check_positive_integer("latent_dim", latent_dim)
    check_hidden(hidden)
    num_classes = _check_classes(num_classes)
    num_codes = codes_per_latent * latent_dim
    parameters = (*shape[:-1], shape[-1] * num_parameters)
    return (
        dense_encoder(shape, num_codes, hidden, num_classes, activation),
        dense_decoder(parameters, latent_dim, hidden[::-1], num_classes),
    )


def conv_coders(
    image_shape,
    latent_dim,
    filters,
    num_parameters,
    codes_per_latent=1,
    num_classes=None,
    activation=None,
):
    """A convolutional encoder and the decoder that mirrors it.

    Args:
        image_shape: (height, width, channels), even sizes from 8 to 128.
        latent_dim: Size of z.
        filters: Filters next to the image; they double at each smaller size.
        num_parameters: As in `dense_coders`.
        codes_per_latent: As in `dense_coders`.
        num_classes: As in `dense_coders`.
        activation: As in `dense_coders`.

    Returns:
        Pair of Functional `keras.Model`; see `conv_encoder` and `conv_decoder`.

    Raises:
        ValueError: An argument is out of its range, or the architecture does not admit
            the image shape.
    """
    latent_dim = check_positive_integer("latent_dim", latent_dim)
    check_positive_integer("filters", filters)
    num_classes = _check_classes(num_classes)
    num_codes = codes_per_latent * latent_dim
    return (
        conv_encoder(image_shape, num_codes, filters, num_classes, activation),
        conv_decoder(image_shape, latent_dim, num_parameters, filters, num_classes),
    )


def dense_encoder(
    data_shape,
    num_outputs,
    hidden=(512, 256),
    num_classes=None,
    activation=None,
    name="encoder",
):
    """Flattens, then ReLU layers, then `num_outputs` units.

    A conditional one takes the one-hot label beside the flat sample.

    Args:
        data_shape: Shape of one sample.
        num_outputs: Units of the last layer.
        hidden: Units of each hidden layer, from the data on.
        num_classes: Number of classes of a conditional network, or None.
        activation: Of the outputs; linear by default.
        name: Name of the network.

    Returns:
        Functional `keras.Model`, x or [x, labels] -> float32 (B, num_outputs).
    """
    x = sample = keras.Input(tuple(data_shape), name="x")
    x = layers.Flatten(name="flatten")(x)
    inputs, x = _beside_label(sample, x, num_classes)
    for index, units in enumerate(hidden):
        x = layers.Dense(units, activation="relu", name=f"hidden_{index}")(x)
    x = _codes(x, num_outputs, activation)
    return keras.Model(inputs, x, name=name)


def dense_decoder(
    output_shape, latent_dim, hidden=(256, 512), num_classes=None, name="decoder"
):
    """ReLU layers, then a linear layer shaped like the output.

    A conditional one takes the one-hot label beside z.

    Args:
        output_shape: Shape of the likelihood's parameters for one sample.
        latent_dim: Size of z.
        hidden: Units of each hidden layer, from z on.
        num_classes: Number of classes of a conditional network, or None.
        name: Name of the network.

    Returns:
        Functional `keras.Model`, z or [z, labels] -> float32 (B, *output_shape).
    """
    z = keras.Input((latent_dim,), name="z")
    inputs, x = _beside_label(z, z, num_classes)
    for index, units in enumerate(hidden):
        x = layers.Dense(units, activation="relu", name=f"hidden_{index}")(x)
    x = layers.Dense(math.prod(output_shape), dtype="float32", name="flat")(x)
    x = layers.Reshape(tuple(output_shape), dtype="float32", name="parameters")(x)
    return keras.Model(inputs, x, name=name)


def conv_encoder(
    image_shape,
    num_outputs,
    filters=32,
    num_classes=None,
    activation=None,
    name="encoder",
):
    """Stride-2 convolutions, a dense layer, then `num_outputs` units.

    A conditional one takes the one-hot label beside the features of the last
    convolution.

    Args:
        image_shape: (height, width, channels), even sizes from 8 to 128.
        num_outputs: Units of the last layer.
        filters: Filters of the first layer; they double at each smaller size.
        num_classes: Number of classes of a conditional network, or None.
        activation: Of the outputs; linear by default.
        name: Name of the network.

    Returns:
        Functional `keras.Model`, x or [x, labels] -> float32 (B, num_outputs).

    Raises:
        ValueError: The architecture does not admit the image shape.
    """
    halvings = count_halvings(image_shape)
    x = image = keras.Input(tuple(image_shape), name="x")
    x = halve(x, _widths(filters, halvings))
    x = layers.Flatten(name="flatten")(x)
    inputs, x = _beside_label(image, x, num_classes)
    x = layers.Dense(256, activation="relu", name="hidden")(x)
    x = _codes(x, num_outputs, activation)
    return keras.Model(inputs, x, name=name)


def conv_decoder(
    image_shape,
    latent_dim,
    num_parameters=1,
    filters=32,
    num_classes=None,
    name="decoder",
):
    """Dense layers, then transposed convolutions up to the image size.

    A conditional one takes the one-hot label beside z.

    Args:
        image_shape: (height, width, channels), even sizes from 8 to 128.
        latent_dim: Size of z.
        num_parameters: Parameters of the likelihood for each channel.
        filters: Filters of the last hidden layer; they double at each smaller size.
        num_classes: Number of classes of a conditional network, or None.
        name: Name of the network.

    Returns:
        Functional `keras.Model`, z or [z, labels] -> float32
        (B, H, W, C * num_parameters).

    Raises:
        ValueError: The architecture does not admit the image shape.
    """
    height, width, channels = check_image_shape(image_shape)
    halvings = count_halvings(image_shape)
    widths = _widths(filters, halvings)[::-1]
    base = (height >> halvings, width >> halvings, widths[0])
    z = keras.Input((latent_dim,), name="z")
    inputs, x = _beside_label(z, z, num_classes)
    x = layers.Dense(256, activation="relu", name="hidden")(x)
    x = layers.Dense(math.prod(base), activation="relu", name="project")(x)
    x = layers.Reshape(base, name="reshape")(x)
    x = double(x, widths[1:], channels * num_parameters, first_index=1)
    return keras.Model(inputs, x, name=name)


def _check_classes(num_classes):
    if num_classes is None:
        return None
    return check_positive_integer("num_classes", num_classes)


def _codes(x, num_outputs, activation):
    return layers.Dense(
        num_outputs, activation=activation, dtype="float32", name="codes"
    )(x)


def _beside_label(first_input, x, num_classes):
    """Inputs of a network, and features (B, D) with the one-hot label beside them."""
    if num_classes is None:
        return first_input, x
    labels = keras.Input((), dtype="int32", name="labels")
    one_hot = ops.one_hot(labels, num_classes, dtype="float32")
    x = layers.Concatenate(name="features_and_label")([x, one_hot])
    return [first_input, labels], x


def _widths(filters, halvings):
    return [min(filters * 2**index, MAX_FILTERS) for index in range(halvings)]
