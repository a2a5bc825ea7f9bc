"""The two files of a checkpoint: what they hold, and what is refused."""

import hashlib
import io
import json
import zipfile

import numpy as np

from kerasgen.models.run_settings import first_difference
from kerasgen.npz_files import DAMAGE, read_member

FORMAT = 1
STATE, MANIFEST = "state.npz", "manifest.json"
_KINDS = "fiub"  # of NumPy's dtypes


class CheckpointError(RuntimeError):
    """A checkpoint cannot be read, or does not belong to this model."""


def encode_state(arrays):
    """Arrays, in their order, as the bytes of a file.

    Args:
        arrays: List of NumPy arrays.

    Returns:
        Buffer of bytes.
    """
    buffer = io.BytesIO()
    np.savez(buffer, **{str(i): array for i, array in enumerate(arrays)})
    return buffer.getbuffer()


def encode_manifest(manifest):
    """A dict of JSON values as the bytes of a file, with its own sha256."""
    digest = _digest_of(manifest)
    return json.dumps({"manifest_sha256": digest, **manifest}, indent=1).encode()


def read_manifest(folder):
    """What `encode_manifest` wrote.

    Args:
        folder: `pathlib.Path` of a checkpoint.

    Raises:
        CheckpointError: It is missing, damaged or of a newer format.
    """
    try:
        manifest = json.loads((folder / MANIFEST).read_text())
        if manifest["format"] > FORMAT:
            raise CheckpointError(
                f"Expected checkpoint format {FORMAT} or older; update kerasgen. "
                f"Received: format {manifest['format']} in {folder}"
            )
        expected = manifest.pop("manifest_sha256")
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise CheckpointError(
            f"Expected a checkpoint with a manifest. Received: {folder} ({error!r})"
        ) from error
    digest = _digest_of(manifest)
    if digest != expected:
        raise CheckpointError(
            f"Expected {folder / MANIFEST} with sha256 {expected}. Received: "
            f"sha256 {digest}; remove the folder to go on from an older checkpoint"
        )
    return manifest


def read_state(folder, manifest, variables):
    """What `encode_state` wrote of variables.

    Args:
        folder: `pathlib.Path` of a checkpoint.
        manifest: Its manifest.
        variables: List of `keras.Variable`, which the arrays must fit.

    Returns:
        List of NumPy arrays. Each is read only after its header was found to fit.

    Raises:
        CheckpointError: The file is missing or damaged, or holds something else.
    """
    path = folder / STATE
    try:
        state = path.read_bytes()
    except OSError as error:
        raise CheckpointError(
            f"Expected a checkpoint with a state. Received: {folder} ({error})"
        ) from error
    digest = hashlib.sha256(state).hexdigest()
    if digest != manifest["sha256"]:
        raise CheckpointError(
            f"Expected {path} of {manifest['bytes']} bytes with sha256 "
            f"{manifest['sha256']}. Received: {len(state)} bytes with sha256 {digest}; "
            "remove the folder to go on from an older checkpoint"
        )
    try:
        with zipfile.ZipFile(io.BytesIO(state)) as archive:
            return [
                read_member(archive, str(i), _KINDS, len(state), tuple(variable.shape))
                for i, variable in enumerate(variables)
            ]
    except DAMAGE as error:
        raise CheckpointError(
            f"Expected arrays of the variables in its manifest. Received: {path} "
            f"({error})"
        ) from error


def check_settings(settings, manifest, folder):
    """Raises CheckpointError unless a checkpoint is of a run with these settings.

    Args:
        settings: What `kerasgen.models.run_settings` says of the run.
        manifest: That of the checkpoint.
        folder: Path of the checkpoint, for the message.
    """
    saved = manifest["settings"]
    if saved is None:
        raise CheckpointError(
            "Expected a checkpoint that a run has saved, with its settings. "
            f"Received: {folder}, which has none"
        )
    path = first_difference(settings, saved)
    if path is not None:
        raise CheckpointError(
            f"Expected {path} = {settings.get(path)!r}, as in this run. "
            f"Received: {saved.get(path)!r} in {folder}"
        )


def check_variables(variables, manifest, folder):
    """Raises CheckpointError unless a checkpoint is of these variables.

    Args:
        variables: List of `keras.Variable`.
        manifest: That of the checkpoint.
        folder: Path of the checkpoint, for the message.
    """
    saved = manifest["variables"]
    for variable, (path, shape, dtype) in zip(variables, saved, strict=False):
        if list(variable.shape) != shape or not _same_dtype(variable.dtype, dtype):
            raise CheckpointError(
                f"Expected {variable.path}: {tuple(variable.shape)} {variable.dtype}, "
                "as in the compiled model. "
                f"Received: {path}: {tuple(shape)} {dtype} in {folder}"
            )
    if len(variables) != len(saved):
        raise CheckpointError(
            f"Expected {len(variables)} variables, as in the compiled model. "
            f"Received: {len(saved)} in {folder}"
        )


def _same_dtype(a, b):
    # Counters and seeds are integers of 32 or 64 bits, as the backend likes.
    return a == b or {a, b} <= {"int32", "int64", "uint32"}


def _digest_of(manifest):
    return hashlib.sha256(json.dumps(manifest).encode()).hexdigest()
