"""`FeatureExtractor`: a Keras model with its preprocessing, and a digest of both."""

import hashlib
import json
import math
from typing import NamedTuple

import keras
import numpy as np
from keras import ops

from kerasgen.arguments import check_positive_integer
from kerasgen.metrics.resize import check_mode, resize_images


class Features(NamedTuple):
    """Features float32 (N, D), and logits float32 (N, num_classes) or None."""

    features: np.ndarray
    logits: np.ndarray | None


class FeatureExtractor:
    """Images to features, and to logits where the network has them.

    Images are uint8, since a generator's floats round differently from library to
    library. They are resized where the network takes another size, repeated to three
    channels where it takes three, and preprocessed; the network runs in inference
    mode.

    Args:
        network: Functional or Sequential `keras.Model` of images.
        layer: Name of the layer whose output (B, D) are the features; None for the
            network's own output.
        logits_layer: Name of the layer whose output (B, num_classes) are the logits
            that the inception score takes; None where there are none.
        resize: "clean", "tensorflow" or "pytorch"; see `resize_images`.
        preprocess: Function of float32 images in [0, 255] that returns the network's
            input; None for `x / 127.5 - 1`. It must be a named function of a module,
            as its name goes into the digest.
        input_size: `(height, width)`, for a network that leaves them open.
        name: Name in protocols; the network's by default.

    Attributes:
        dimension: D, the number of features.
        digest: sha256 over architecture, weights, layers and preprocessing: scores of
            two extractors compare only if it is equal.
        protocol: Dict of what a reader needs to repeat a score.

    Raises:
        ValueError: If the network is of another kind, has no such layer, its output is
            not (B, D), or `preprocess` is no named function.

    Example:

    >>> import numpy as np
    >>> from kerasgen import metrics, networks
    >>> network = networks.classifier((8, 8, 1), num_classes=10, feature_dim=64)
    >>> extractor = metrics.FeatureExtractor(network, "features", "logits")
    >>> features, logits = extractor(np.zeros((5, 12, 12, 1), "uint8"))
    >>> features.shape, logits.shape
    ((5, 64), (5, 10))
    """

    def __init__(
        self,
        network,
        layer=None,
        logits_layer=None,
        resize="clean",
        preprocess=None,
        input_size=None,
        name=None,
    ):
        check_mode(resize)
        _check_network(network)
        outputs = [_output(network, layer)]
        if logits_layer is not None:
            outputs.append(_output(network, logits_layer))
        self.network = network
        self.resize = resize
        self.preprocess = preprocess or to_unit_range
        self._preprocess_name = _importable_name(self.preprocess)
        self.name = name or network.name
        self.layer, self.logits_layer = layer, logits_layer
        *size, self.channels = network.inputs[0].shape[1:]
        self.size = tuple(size) if input_size is None else tuple(input_size)
        if len(self.size) != 2 or None in self.size or self.channels not in (1, 3):
            raise ValueError(
                "Expected a network on images of a fixed size, or an `input_size`, "
                f"with 1 or 3 channels. Received: input_shape={network.input_shape}"
            )
        self._forward = keras.Model(network.inputs[0], outputs)
        self.dimension = outputs[0].shape[1]
        self.digest = self._digest()

    @property
    def protocol(self):
        return {
            "extractor": self.name,
            "extractor_digest": self.digest,
            "layer": self.layer or "output",
            "logits_layer": self.logits_layer,
            "input_size": list(self.size),
            "resize": self.resize,
        }

    def __call__(self, images, batch_size=128):
        """Features of images.

        Args:
            images: uint8 array (N, H, W, C) in [0, 255], N at least 1.
            batch_size: Images in one forward pass.

        Returns:
            `Features`.

        Raises:
            TypeError: If `images` is not uint8.
            ValueError: If the shape does not fit.
        """
        images = self._check(images)
        check_positive_integer("batch_size", batch_size)
        batch_size = min(batch_size, len(images))
        parts = []
        for index in range(math.ceil(len(images) / batch_size)):
            part = images[index * batch_size : (index + 1) * batch_size]
            # Another size of batch would compile the network once more.
            filled = np.pad(part, [(0, batch_size - len(part))] + [(0, 0)] * 3)
            outputs = self.forward(filled.astype("float32"))
            parts.append([output[: len(part)] for output in outputs])
        arrays = [np.concatenate(part) for part in zip(*parts, strict=True)]
        return Features(arrays[0], arrays[1] if len(arrays) > 1 else None)

    def forward(self, images):
        """Outputs for float images in [0, 255], without a check or rounding.

        Args:
            images: float32 array (N, H, W, C).

        Returns:
            List of float32 arrays: the features, then the logits.
        """
        if images.shape[1:3] != self.size:
            images = resize_images(images, self.size, self.resize)
        if images.shape[3] != self.channels:
            images = np.repeat(images, self.channels, axis=3)
        # A copy: Keras's own functions for it work in place.
        x = np.ascontiguousarray(self.preprocess(np.array(images)), "float32")
        outputs = self._forward.predict_on_batch(x)
        outputs = outputs if isinstance(outputs, list | tuple) else [outputs]
        return [ops.convert_to_numpy(output).astype("float32") for output in outputs]

    def _check(self, images):
        images = np.asarray(images)
        if images.dtype != np.uint8:
            raise TypeError(
                "images must be uint8 in [0, 255], the data domain. "
                f"Received: dtype={images.dtype}"
            )
        channels = (1, 3) if self.channels == 3 else (1,)
        if images.ndim != 4 or 0 in images.shape or images.shape[3] not in channels:
            raise ValueError(
                f"images must have shape (N, H, W, C) with N at least 1 and C one of "
                f"{channels} for {self.name}. Received: shape={images.shape}"
            )
        return images

    def _digest(self):
        sha = hashlib.sha256()
        how = {
            "layer": self.layer,
            "logits_layer": self.logits_layer,
            "resize": self.resize,
            "size": self.size,
            "preprocess": self._preprocess_name,
        }
        sha.update(json.dumps([_describe(self._forward), how], sort_keys=True).encode())
        for variable in self.network.weights:
            value = ops.convert_to_numpy(variable)
            sha.update(f"{value.shape}{value.dtype}".encode())
            sha.update(np.ascontiguousarray(value).tobytes())
        return sha.hexdigest()


def to_unit_range(images):
    """float32 images in [0, 255] to [-1, 1]: `x / 127.5 - 1`."""
    return images / 127.5 - 1.0


def _importable_name(function):
    """What a function is called where it was defined, on every machine."""
    name = getattr(function, "__qualname__", "<")
    module = getattr(function, "__module__", None)
    if "<" in name or module is None:
        raise ValueError(
            "`preprocess` must be a named function of a module, as its name goes into "
            f"the digest of the extractor. Received: {function!r}"
        )
    return f"{module}.{name}"


def _check_network(network):
    is_graph = getattr(network, "inputs", None) and getattr(network, "outputs", None)
    if not is_graph or len(network.inputs) != 1:
        raise ValueError(
            "Expected a built Functional or Sequential keras.Model with one input. "
            f"Received: {network!r}"
        )


def _output(network, layer):
    if layer is None:
        outputs = network.outputs
    else:
        names = [item.name for item in network.layers]
        if layer not in names:
            raise ValueError(
                f"The network must have a layer named {layer!r}. "
                f"Received: layers {names[-20:]}"
            )
        outputs = keras.tree.flatten(network.get_layer(layer).output)
    if len(outputs) != 1 or len(outputs[0].shape) != 2:
        raise ValueError(
            "Features and logits must have shape (B, D). "
            f"Received: {[tuple(output.shape) for output in outputs]} of {layer!r}"
        )
    return outputs[0]


def _describe(network):
    """The graph as plain values, its layers numbered, since Keras counts up names."""
    config = keras.saving.serialize_keras_object(network)
    numbers = {}
    _number_layers(config, numbers)
    return _plain(config, numbers)


def _number_layers(value, numbers):
    """Numbers the names of layers, in the order in which the configuration has them."""
    if isinstance(value, dict):
        # A policy of dtypes has a name as well.
        if "class_name" in value and "DTypePolicy" not in value["class_name"]:
            name = (value.get("config") or {}).get("name")
            if name is not None:
                numbers.setdefault(name, f"layer {len(numbers)}")
        value = [value[key] for key in sorted(value)]
    if isinstance(value, list | tuple):
        for item in value:
            _number_layers(item, numbers)


def _plain(value, numbers):
    if isinstance(value, dict):
        return {k: _plain(v, numbers) for k, v in value.items() if k != "build_config"}
    if isinstance(value, list | tuple):
        return [_plain(item, numbers) for item in value]
    if isinstance(value, str):
        return numbers.get(value, value)
    return value if isinstance(value, int | float | None) else str(value)
