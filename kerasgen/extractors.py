"""Feature extractors by name: FID's Inception, Keras applications, zoo presets."""

import hashlib
from pathlib import Path
from urllib.parse import urlsplit

import keras
import numpy as np
import pooch

from kerasgen.files import write_atomically
from kerasgen.metrics import FeatureExtractor
from kerasgen.networks.backbone import application
from kerasgen.networks.fid_inception import TAPS, fid_inception_network
from kerasgen.presets import from_preset
from kerasgen.weights_file import (
    HDF5_MAGIC,
    PresetError,
    assign_weights,
    encode_weights,
    read_weights,
)

_AXES = {4: (2, 3, 1, 0), 2: (1, 0)}
_BATCH_NORM = ("weight", "bias", "running_mean", "running_var")


def fid_inception(weights, sha256=None, features="2048", resize="tensorflow"):
    """The extractor that published FID, KID and IS are made with.

    The graph is verified: with random weights its outputs equal those of
    torch-fidelity's port on every backend. The published weights are not shipped and
    were not at hand for these tests: check `digest` against a run of your own.

    Args:
        weights: `pt_inception-2015-12-05-6726825d.pth` as the PyTorch libraries
            download it, or a file that `convert_inception_weights` has written: a
            path, or a URL.
        sha256: Expected digest of the file; needed for a URL.
        features: Which features: "64", "192", "768" or "2048".
        resize: "tensorflow" for FID as first published, "clean" for clean-fid's
            resizing, "pytorch" for that of pytorch-fid, which also scales a little
            differently.

    Returns:
        `FeatureExtractor` with 1008 logits.

    Raises:
        ValueError: There are no such features, or a URL comes without a digest.
        PresetError: The file is missing, damaged, or of another network.
    """
    if features not in TAPS:
        raise ValueError(f"features is one of {TAPS}. Received: features={features!r}")
    path = _local_file(weights, sha256)
    network = fid_inception_network()
    if path.read_bytes()[: len(HDF5_MAGIC)] == HDF5_MAGIC:
        networks = {"inception": network}
        assign_weights(networks, read_weights(path), path)
    else:
        _assign_torch_weights(network, path)
    return FeatureExtractor(
        network, features, "fc", resize, center_on_128, name="fid_inception"
    )


def convert_inception_weights(source, target, sha256=None):
    """Writes the PyTorch port's weights as a file that needs no PyTorch to read.

    Args:
        source: `pt_inception-2015-12-05-6726825d.pth`, path or URL.
        target: File to write, ending in .h5.
        sha256: Expected digest of the source; needed for a URL.

    Returns:
        sha256 of the written file.

    Raises:
        ValueError: The target has another ending.
        PresetError: The source is missing, damaged, or of another network.
    """
    if Path(target).suffix != ".h5":
        raise ValueError(f"Expected a target that ends in .h5. Received: {target}")
    network = fid_inception_network()
    _assign_torch_weights(network, _local_file(source, sha256))
    data = encode_weights({"inception": network})
    write_atomically(Path(target), data)
    return hashlib.sha256(data).hexdigest()


def from_application(name, weights="imagenet", input_size=None, resize="clean"):
    """A backbone of `keras.applications`, globally averaged, as an extractor.

    Args:
        name: Name of a class there, such as "MobileNetV2".
        weights: "imagenet", a path, or None for random weights.
        input_size: `(height, width)`; None for the network's own.
        resize: See `FeatureExtractor`.

    Returns:
        `FeatureExtractor` without logits.

    Raises:
        ValueError: There is no such network, or it does not take the size.
        PresetError: The weights cannot be downloaded.
    """
    network, preprocess = application(name, weights, input_size)
    return FeatureExtractor(
        network,
        resize=resize,
        preprocess=preprocess,
        name=f"keras.applications.{name}",
    )


def from_classifier_preset(name, resize="clean"):
    """A classifier of the zoo as an extractor of features and logits.

    Args:
        name: "features_digits", "features_fashion_mnist", or a preset folder of a
            classifier with layers "features" and "logits".
        resize: See `FeatureExtractor`.

    Returns:
        `FeatureExtractor`.

    Raises:
        ValueError: There is no such preset, or it is no classifier.
        PresetError: Its files are damaged.
    """
    network = from_preset(name)
    if not hasattr(network, "layers") or "features" not in {
        layer.name for layer in network.layers
    }:
        raise ValueError(
            "Expected a classifier preset with a layer 'features', such as "
            f"features_digits. Received: extractor={name!r}"
        )
    return FeatureExtractor(network, "features", "logits", resize, name=Path(name).name)


def center_on_128(images):
    """float32 images in [0, 255] as FID's Inception takes them: `(x - 128) / 128`."""
    return (images - 128.0) / 128.0


def _local_file(location, sha256):
    if urlsplit(str(location)).scheme not in ("http", "https"):
        path = Path(location)
        if not path.is_file():
            raise PresetError(f"Expected a file of weights. Received: {path}")
        if sha256 is not None:
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            if digest != sha256.lower():
                raise PresetError(
                    f"Expected {path} with sha256 {sha256}. Received: sha256 {digest}"
                )
        return path
    if sha256 is None:
        raise ValueError(f"Expected the sha256 of a URL. Received: {location}")
    folder = pooch.os_cache("kerasgen")
    try:
        return Path(pooch.retrieve(location, f"sha256:{sha256.lower()}", path=folder))
    except (OSError, ValueError) as error:
        raise PresetError(
            f"Expected {location} with sha256 {sha256}. Received: {error}"
        ) from error


def _assign_torch_weights(network, path):
    from kerasgen.backend.torch_files import read_state_dict

    state = read_state_dict(path)
    values = []
    for layer in network.layers:
        for variable, key in zip(layer.weights, _torch_keys(layer), strict=True):
            if key not in state:
                raise PresetError(f"Expected {key} in the weights. Received: {path}")
            value = np.transpose(state[key], _AXES.get(state[key].ndim))
            if value.shape != tuple(variable.shape):
                raise PresetError(
                    f"Expected {key} of shape {tuple(variable.shape)} in Keras's "
                    f"order. Received: {value.shape} in {path}"
                )
            if not np.isfinite(value).all():
                raise PresetError(f"Expected finite weights. Received: {key} in {path}")
            values.append(value)
    network.set_weights(values)


def _torch_keys(layer):
    """The PyTorch port's names of a layer's variables, in Keras's order."""
    prefix = layer.name.replace("__", ".")
    if isinstance(layer, keras.layers.BatchNormalization):
        return [f"{prefix}.{name}" for name in _BATCH_NORM]
    return [f"{prefix}.weight"] if layer.weights else []
