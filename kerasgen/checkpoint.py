"""Atomic checkpoints of everything that training depends on.

A checkpoint is a folder `step-0000001234` with `state.npz` (every variable of model,
optimizers and metrics, by position) and `manifest.json` (where training stood, what it
was started with, versions, sha256). It is written beside, flushed to disk and renamed,
and renamed again before it is removed, so that a folder of that name is complete; a
kill at any instant leaves the one before it.
"""

import hashlib
import os
import platform
import re
import shutil

import filelock
import keras
import numpy as np

from kerasgen import distribution
from kerasgen.arguments import check_positive_integer
from kerasgen.checkpoint_files import (
    FORMAT,
    MANIFEST,
    STATE,
    CheckpointError,
    check_settings,
    check_variables,
    encode_manifest,
    encode_state,
    read_manifest,
    read_state,
)
from kerasgen.files import (
    TEMPORARY_PREFIX,
    check_folder_path,
    sync_folder,
    temporary_path,
    write_and_sync,
)

STEP_FOLDER = re.compile(r"step-(\d{10})")
REPLACED = ".replaced"


class CheckpointFolder:
    """A folder of checkpoints of one run.

    Args:
        path: Folder, created where missing.
        keep: Newest checkpoints to keep, at least 1. While one is written there is
            one more on disk.

    Raises:
        ValueError: `keep` is not a positive integer.

    Example:

    >>> import tempfile, kerasgen
    >>> vae = kerasgen.models.dense_vae((4,), latent_dim=1, hidden=(2,), seed=0)
    >>> vae.compile()
    >>> with tempfile.TemporaryDirectory() as path:
    ...     folder = CheckpointFolder(path)
    ...     _ = folder.save(vae, {"step": 12})
    ...     folder.steps(), folder.load(vae)
    ([12], {'step': 12})
    """

    def __init__(self, path, keep=2):
        check_positive_integer("keep", keep)
        self.path = check_folder_path(path)
        self.keep = keep
        self._lock = None

    def open(self):
        """Takes the folder for this run and clears what a kill left behind.

        Raises:
            CheckpointError: Another run holds the folder.
            OSError: The folder cannot be created or written.
            RuntimeError: One of these happened in the first process of a run of many,
                which alone opens and writes the folder.
        """
        distribution.on_first_process(self._open)

    def _open(self):
        if self.path.exists() and not self.path.is_dir():
            raise NotADirectoryError(
                f"Expected a folder for checkpoints. Received: the file {self.path}"
            )
        self.path.mkdir(parents=True, exist_ok=True)
        if not os.access(self.path, os.W_OK | os.X_OK):
            raise PermissionError(
                f"Expected a writable folder for checkpoints. Received: {self.path}"
            )
        # The system frees the lock when its holder dies, however it dies.
        lock = filelock.FileLock(self.path / ".lock")
        holder = self.path / ".holder"
        try:
            lock.acquire(blocking=False)
        except filelock.Timeout:
            raise CheckpointError(
                "Expected a checkpoint folder of its own for each run. Received: "
                f"{self.path}, held by process {_read_text(holder)}"
            ) from None
        self._lock = lock
        try:
            holder.write_text(f"{os.getpid()} on {platform.node()}")
        except OSError as error:
            self.close()
            raise OSError(
                error.errno, f"Could not write ({error.strerror})", str(holder)
            ) from error
        for orphan in self.path.glob(f"{TEMPORARY_PREFIX}*"):
            shutil.rmtree(orphan, ignore_errors=True)
        for old in self.path.glob(f"step-*{REPLACED}"):
            if old.with_suffix("").exists():
                shutil.rmtree(old, ignore_errors=True)
            else:
                os.replace(old, old.with_suffix(""))

    def close(self):
        """Gives the folder back."""
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def steps(self):
        """Training steps of the complete checkpoints, oldest first."""
        if not self.path.is_dir():
            return []
        names = (STEP_FOLDER.fullmatch(p.name) for p in self.path.iterdir())
        return sorted(int(match[1]) for match in names if match)

    def position(self):
        """The `position` of the newest checkpoint, or None where there is none."""
        steps = self.steps()
        if not steps:
            return None
        return read_manifest(self._folder(steps[-1]))["position"]

    def save(self, model, position, settings=None):
        """Writes one checkpoint, then removes those that it replaces.

        These are the oldest, and any of a later step, which an earlier run has left.

        Args:
            model: Compiled `GenerativeModel`.
            position: Dict of JSON values that says where training stands; "step" is
                the number of training steps done.
            settings: What `kerasgen.models.run_settings` says of the run.

        Returns:
            Path of the checkpoint.

        Raises:
            FloatingPointError: A weight is NaN or infinite; older checkpoints are
                intact.
            OSError: It could not be written; older checkpoints are intact.
            RuntimeError: That happened in the first process, which alone writes; all
                processes of a run call this together.
        """
        variables = state_of(model)
        # On TensorFlow the trackers of all processes are summed as they are read.
        with distribution.watch().bounded("the others to save"):
            arrays = [to_numpy(v) for v in variables]
        _check_finite(model.variables, arrays)
        state = encode_state(arrays)
        manifest = {
            "format": FORMAT,
            "position": position,
            "sha256": hashlib.sha256(state).hexdigest(),
            "bytes": len(state),
            "backend": keras.backend.backend(),
            "keras": keras.__version__,
            "variables": [[v.path, list(v.shape), str(v.dtype)] for v in variables],
            "settings": settings,
        }
        target = self._folder(position["step"])
        distribution.on_first_process(lambda: self._write(target, state, manifest))
        return target

    def _write(self, target, state, manifest):
        temporary = temporary_path(self.path)
        try:
            temporary.mkdir(parents=True)
            write_and_sync(temporary / STATE, state)
            write_and_sync(temporary / MANIFEST, encode_manifest(manifest))
            sync_folder(temporary)
            old = target.with_suffix(REPLACED)
            if target.exists():
                os.replace(target, old)
            os.replace(temporary, target)
            sync_folder(self.path)
            shutil.rmtree(old, ignore_errors=True)
        except OSError as error:
            shutil.rmtree(temporary, ignore_errors=True)
            raise OSError(
                error.errno,
                f"Could not write a checkpoint of {len(state)} bytes "
                f"({error.strerror}); older checkpoints are intact",
                str(target),
            ) from error
        steps = self.steps()
        older = [step for step in steps if step <= manifest["position"]["step"]]
        for step in (*steps[len(older) :], *older[: -self.keep]):
            self._remove(self._folder(step))

    def load(self, model, step=None, settings=None):
        """Reads a checkpoint into the model, whole or not at all.

        Args:
            model: Compiled `GenerativeModel`, built like the one that was saved.
            step: Training step of the checkpoint; None for the newest.
            settings: Where given, those of the checkpoint must be equal.

        Returns:
            The `position` it was saved with, or None where there is no checkpoint.

        Raises:
            CheckpointError: The checkpoint is damaged or belongs to another model or
                run; the model is as it was.
        """
        steps = self.steps()
        newest = steps[-1] if steps else 0
        if not distribution.is_equal_everywhere(newest):
            raise CheckpointError(
                "Expected one checkpoint folder that all processes read. Received: "
                f"{self.path} with step {newest} as the newest, and another elsewhere"
            )
        if not steps:
            return None
        folder = self._folder(newest if step is None else step)
        manifest = read_manifest(folder)
        # Keras may write other configs in another version.
        if settings is not None and manifest["keras"] == keras.__version__:
            check_settings(settings, manifest, folder)
        variables = state_of(model)
        check_variables(variables, manifest, folder)
        arrays = read_state(folder, manifest, variables)
        for variable, array in zip(variables, arrays, strict=True):
            variable.assign(array)
        return manifest["position"]

    def _folder(self, step):
        return self.path / f"step-{step:010d}"

    def _remove(self, folder):
        """Makes a checkpoint disappear at once, then frees its space."""
        temporary = temporary_path(self.path)
        os.replace(folder, temporary)
        shutil.rmtree(temporary, ignore_errors=True)


def state_of(model):
    """Variables that a checkpoint holds: the model's, the slots, those of the logs.

    Args:
        model: Compiled `GenerativeModel`.

    Returns:
        List of `keras.Variable`.
    """
    metrics = [v for tracker in model.trackers.values() for v in tracker.variables]
    # A model that EM fits has no optimizer.
    slots = [] if model.optimizer is None else model.optimizer.variables
    return [*model.variables, *slots, *metrics]


def to_numpy(variable):
    """Value of a variable, bfloat16 as float32: a NumPy array of its shape."""
    array = keras.ops.convert_to_numpy(variable)
    # NumPy's files have no bfloat16; float32 holds its values exactly.
    return array.astype("float32") if array.dtype.kind == "V" else array


def _check_finite(variables, arrays):
    """Of the first arrays, those of the model."""
    for variable, array in zip(variables, arrays, strict=False):
        if not np.isfinite(array).all():
            raise FloatingPointError(
                "Expected finite weights to save. Received: NaN or infinity in "
                f"{variable.path}; older checkpoints are intact"
            )


def _read_text(path):
    try:
        return path.read_text()
    except OSError:
        return "unknown"
