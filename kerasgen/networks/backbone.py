"""Networks of `keras.applications`: as a discriminator, or for features."""

import inspect

import keras
from keras import layers

from kerasgen.networks.shapes import check_channels
from kerasgen.weights_file import PresetError

LEAST_SIZE = 32


def application(name, weights="imagenet", input_size=None, input_tensor=None):
    """A network of `keras.applications` without its top, globally averaged.

    Args:
        name: Name of a function there, such as "MobileNetV2".
        weights: "imagenet", a path, or None for random weights.
        input_size: (height, width); None for the network's own.
        input_tensor: Symbolic images that the network goes on from, or None.

    Returns:
        The network, float32 (B, height, width, 3) -> (B, D), and the function that
        turns images in [0, 255] into its inputs.

    Raises:
        ValueError: There is no such network, or it does not take the size.
        PresetError: The weights cannot be downloaded.
    """
    build = _builder(name)
    if input_size is None:
        input_size = build(weights=None).input_shape[1:3]
    try:
        network = build(
            include_top=False,
            weights=weights,
            input_shape=(*input_size, 3),
            input_tensor=input_tensor,
            pooling="avg",
        )
    except Exception as error:
        # Keras raises a plain Exception where a download fails.
        if type(error) is not Exception and not isinstance(error, OSError):
            raise
        raise PresetError(
            f"Expected weights={weights!r} of {name} to load. Received: {error}"
        ) from error
    return network, preprocessing(name)


def preprocessing(name):
    """What turns images in [0, 255] into the inputs of an application, or None."""
    return getattr(inspect.getmodule(_builder(name)), "preprocess_input", None)


def _builder(name):
    build = getattr(keras.applications, str(name), None)
    if not inspect.isfunction(build):
        known = [n for n in dir(keras.applications) if n[0].isupper()]
        raise ValueError(f"Expected one of {known}. Received: {name!r}")
    return build


def backbone_discriminator(
    image_shape,
    backbone="MobileNetV2",
    weights="imagenet",
    input_size=None,
    trainable=True,
    name="discriminator",
):
    """A discriminator that judges by the features of a pretrained classifier.

    Images are resized (bilinear), grey ones repeated to three channels, and brought
    to the range the backbone was trained with; one logit is a linear function of its
    averaged features. The backbone's layers keep their names, by which techniques such
    as `FeatureMatching` find them.

    Args:
        image_shape: (height, width, channels), 1 or 3 channels.
        backbone: Name of a function of `keras.applications`.
        weights: "imagenet", which is downloaded, a path, or None for random weights.
        input_size: (height, width) that the backbone sees; None for the images' own
            size, at least 32 x 32.
        trainable: Whether the backbone is trained, or the logit alone.
        name: Name of the network.

    Returns:
        Functional `keras.Model`, (B, H, W, C) in [-1, 1] -> float32 logits (B, 1).

    Raises:
        ValueError: There is no such backbone, or it does not take the shape.
        PresetError: The weights cannot be downloaded.

    Example:

    >>> from kerasgen import networks
    >>> network = networks.backbone_discriminator((28, 28, 1), weights=None)
    >>> network.output_shape
    (None, 1)
    """
    image, features = _features(image_shape, backbone, weights, input_size, trainable)
    x = layers.Dense(1, name="logit")(features)
    logits = layers.Activation("linear", dtype="float32", name="float32_logit")(x)
    return keras.Model(image, logits, name=name)


def backbone_encoder(
    image_shape,
    num_outputs,
    backbone="MobileNetV2",
    weights="imagenet",
    input_size=None,
    trainable=True,
    name="encoder",
):
    """An encoder on the features of a pretrained classifier.

    Images are prepared as in `backbone_discriminator`; codes are a linear function of
    the backbone's averaged features.

    Args:
        image_shape: (height, width, channels), 1 or 3 channels.
        num_outputs: Units of the last layer.
        backbone: Name of a function of `keras.applications`.
        weights: "imagenet", which is downloaded, a path, or None for random weights.
        input_size: As in `backbone_discriminator`.
        trainable: Whether the backbone is trained, or the last layer alone.
        name: Name of the network.

    Returns:
        Functional `keras.Model`, (B, H, W, C) in [-1, 1] -> float32 (B, num_outputs).

    Raises:
        ValueError: There is no such backbone, or it does not take the shape.
        PresetError: The weights cannot be downloaded.
    """
    image, features = _features(image_shape, backbone, weights, input_size, trainable)
    codes = layers.Dense(num_outputs, dtype="float32", name="codes")(features)
    return keras.Model(image, codes, name=name)


def _check_input_size(input_size):
    is_pair = isinstance(input_size, list | tuple) and len(input_size) == 2
    if not is_pair or not all(isinstance(n, int) and n > 0 for n in input_size):
        raise ValueError(
            "`input_size` is (height, width), positive integers. "
            f"Received: input_size={input_size!r}"
        )


def _features(image_shape, backbone, weights, input_size, trainable):
    """Symbolic images in [-1, 1], and the backbone's features of them, (B, D)."""
    height, width, channels = check_channels(image_shape)
    if input_size is None:
        input_size = (max(height, LEAST_SIZE), max(width, LEAST_SIZE))
    _check_input_size(input_size)
    preprocess = preprocessing(backbone)
    image = x = keras.Input((height, width, channels), name="image")
    if (height, width) != tuple(input_size):
        x = layers.Resizing(*input_size, name="resize")(x)
    if channels == 1:
        x = layers.Concatenate(name="to_rgb")([x, x, x])
    x = layers.Rescaling(127.5, 127.5, name="to_grey_levels")(x)
    if preprocess is not None:
        x = preprocess(x)
    network = application(backbone, weights, input_size, x)[0]
    if not trainable:
        for layer in network.layers:
            layer.trainable = False
    return image, network.output
