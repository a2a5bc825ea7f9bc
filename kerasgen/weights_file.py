"""Files of weights: one HDF5 group a network, one dataset a variable, in order.

Only what was learned is in them, no optimizer and no counter of the engine, so that a
preset outlives changes of the engine.
"""

import hashlib
import io
from pathlib import Path

import h5py
import keras
import numpy as np

HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"


class PresetError(RuntimeError):
    """A preset's files are missing, damaged or made for another version."""


def encode_weights(networks):
    """The weights of some networks as the bytes of an HDF5 file.

    Args:
        networks: Dict of name to built Keras layer or model.

    Returns:
        Bytes, built in memory: HDF5 does not survive a disk that is full.
    """
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        for name, network in networks.items():
            group = file.create_group(name)
            for index, variable in enumerate(network.weights):
                value = keras.ops.convert_to_numpy(variable)
                group.create_dataset(f"{index:04d}", data=value)
    return buffer.getvalue()


def describe_weights(networks):
    """Shapes and dtypes: dict of name to a list of [shape, dtype]."""
    return {
        name: [[list(v.shape), str(v.dtype)] for v in network.weights]
        for name, network in networks.items()
    }


def read_weights(path, sha256=None, num_bytes=None):
    """The bytes of a file of weights, checked.

    Args:
        path: File.
        sha256: Expected digest, or None.
        num_bytes: Expected size, for the message.

    Returns:
        Bytes.

    Raises:
        PresetError: The file is missing, empty, not HDF5, cut off or changed.
    """
    path = Path(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise PresetError(
            f"Expected a file of weights. Received: {path} ({error.strerror})"
        ) from error
    if not data.startswith(HDF5_MAGIC):
        raise PresetError(
            f"Expected a file of weights in HDF5. Received: {path} of {len(data)} "
            f"bytes: {_guess(data[:64])}"
        )
    digest = hashlib.sha256(data).hexdigest()
    if sha256 is not None and digest != sha256:
        raise PresetError(
            f"Expected {path} of {num_bytes} bytes with sha256 {sha256}; is the file "
            f"truncated or changed? Received: {len(data)} bytes with sha256 {digest}"
        )
    return data


def assign_weights(networks, data, path):
    """Assigns the weights of a file, all or none.

    Args:
        networks: Dict of name to built Keras layer or model.
        data: Bytes of the file.
        path: Where they come from, for messages.

    Raises:
        PresetError: The file belongs to another architecture; nothing was assigned.
    """
    found = {}
    try:
        with h5py.File(io.BytesIO(data), "r") as file:
            for name, network in networks.items():
                found[name] = _read_group(file, name, network, path)
    except OSError as error:
        raise PresetError(
            f"Expected a whole HDF5 file. Received: {path} ({error})"
        ) from error
    for name, network in networks.items():
        network.set_weights(found[name])


def _read_group(file, name, network, path):
    names = [f"{index:04d}" for index in range(len(network.weights))]
    group = file.get(name)
    stored = sorted(group) if isinstance(group, h5py.Group) else []
    if stored != names:
        raise PresetError(
            f"Expected {len(names)} variables of the {name}. "
            f"Received: {len(stored)} in {path}"
        )
    arrays = []
    for key, variable in zip(names, network.weights, strict=True):
        dataset = group[key]
        if not isinstance(dataset, h5py.Dataset):
            raise PresetError(
                f"Expected values of {variable.path}. "
                f"Received: a group {name}/{key} in {path}"
            )
        if dataset.shape != tuple(variable.shape):
            raise PresetError(
                f"Expected {variable.path} of shape {tuple(variable.shape)}. "
                f"Received: shape {dataset.shape} in {path}"
            )
        values = np.asarray(dataset)
        if values.dtype.kind == "f" and not np.isfinite(values).all():
            raise PresetError(
                f"Expected finite values of {variable.path}. "
                f"Received: NaN or infinity in {path}"
            )
        arrays.append(values)
    return arrays


def _guess(head):
    if not head:
        return "it is empty; was a download or a copy cut off?"
    if head.lstrip().startswith(b"<"):
        return "it is a web page; was an error page saved as weights?"
    if head.startswith(b"version https://git-lfs"):
        return "it is a Git LFS pointer; fetch the file itself"
    return "it is not HDF5"
