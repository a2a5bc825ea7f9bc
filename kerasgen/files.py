"""Files and folders: written whole or not at all, and checked when they are read."""

import contextlib
import json
import os
import shutil
import uuid
from pathlib import Path

import filelock

# Neither starts with the other: what one sweeps up, the other must not lose.
STAGING_PREFIX = ".staging-kerasgen-"
TEMPORARY_PREFIX = ".tmp-kerasgen-"
LOCK = ".lock"
REPLACED = "replaced"
LONGEST_QUOTE = 200  # characters of a wrong value in a message


def check_folder_path(path):
    """The path of a folder that a caller named.

    Args:
        path: String or `pathlib.Path`.

    Returns:
        `pathlib.Path`.

    Raises:
        ValueError: The path is empty; `Path("")` would be the current folder.
    """
    if str(path) == "":
        raise ValueError(
            f"Expected the path of a folder; '.' is the current one. Received: {path!r}"
        )
    return Path(path)


def make_folder(path, purpose):
    """Creates a folder where it is missing, and makes sure that it can be written.

    Args:
        path: `pathlib.Path`.
        purpose: What it is for, as the message says it: "sample grids".

    Raises:
        OSError: It is a file, or cannot be created or written.
    """
    expected = f"Expected a folder for {purpose} that can be written"
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise type(error)(f"{expected}. Received: {path} ({error.strerror})") from error
    if not os.access(path, os.W_OK | os.X_OK):
        raise PermissionError(f"{expected}. Received: {path}")


def read_json(path, schema):
    """Reads a JSON file and checks what it holds.

    Args:
        path: File.
        schema: JSON Schema, a dict.

    Returns:
        The value.

    Raises:
        ValueError: The file is missing, is no JSON, or does not fit the schema; names
            the file and the field.
    """
    try:
        value = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ValueError(f"Expected a JSON file. Received: {path} ({error})") from error
    check_json(value, schema, path)
    return value


def check_json(value, schema, source):
    """Checks a JSON value against a schema.

    Args:
        value: JSON value.
        schema: JSON Schema, a dict.
        source: Where the value is from, for the message.

    Raises:
        ValueError: The value does not fit; names the source and the field.
    """
    # With the format checkers that notebooks install its import takes a second or two.
    import jsonschema

    validator = jsonschema.Draft202012Validator(schema)
    error = jsonschema.exceptions.best_match(validator.iter_errors(value))
    if error is None:
        return
    field = error.json_path.removeprefix("$").removeprefix(".")
    where = f"{field} of {source}" if field else source
    wanted = error.validator_value
    expected = {
        "type": f"to be of type {wanted}",
        "required": f"to have {wanted}",
        "pattern": f"to match {wanted!r}",
        "minimum": f"to be at least {wanted}",
    }.get(error.validator, f"to fit {error.validator} {wanted!r}")
    quote = repr(error.instance)
    if len(quote) > LONGEST_QUOTE:
        quote = f"{quote[:LONGEST_QUOTE]}..."
    raise ValueError(f"Expected {where} {expected}. Received: {quote}")


def write_atomically(path, data):
    """Writes bytes beside `path`, flushes them to disk, and renames.

    Args:
        path: File to write; an old one is replaced at once or kept.
        data: Bytes.

    Raises:
        OSError: It could not be written; names the path and the bytes.
    """
    path = Path(path)
    temporary = temporary_path(path.parent)
    try:
        write_and_sync(temporary, data)
        os.replace(temporary, path)
        sync_folder(path.parent)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise OSError(
            error.errno,
            f"Could not write {len(data)} bytes ({error.strerror}); the old file, if "
            "any, is intact",
            str(path),
        ) from error


def temporary_path(folder):
    """A new name in `folder` for what is not yet, or no longer, to be seen."""
    return Path(folder) / f"{TEMPORARY_PREFIX}{uuid.uuid4().hex}"


def remove_orphans(folder):
    """Removes the temporary files that a killed process left behind.

    Only `folder` itself, and only while no other process writes there.
    """
    for path in Path(folder).glob(f"{TEMPORARY_PREFIX}*"):
        if path.is_file():
            path.unlink(missing_ok=True)


def write_and_sync(path, data):
    """Writes bytes to `path` and waits until they are on disk."""
    with open(path, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def sync_folder(path):
    """Waits until a folder's entries are on disk; where the system allows it."""
    if os.name == "nt":
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def staging_folder(parent):
    """A new hidden folder in `parent`, locked while in use and gone at the end.

    Folders that killed processes left in `parent` are cleared first. `parent` is
    made where missing, and unmade if nothing was put into it.

    Args:
        parent: `pathlib.Path`, absolute.

    Yields:
        `pathlib.Path` of the folder.

    Raises:
        OSError: `parent` cannot be written.
    """
    missing = [p for p in (parent, *parent.parents) if not os.path.lexists(p)]
    staging = parent / f"{STAGING_PREFIX}{uuid.uuid4().hex}"
    try:
        try:
            staging.mkdir(parents=True)
        except OSError as error:
            raise OSError(
                error.errno,
                f"Expected a folder that can be written ({error.strerror}). Received",
                str(parent),
            ) from error
        with filelock.FileLock(staging / LOCK):
            _clear_orphans(parent, staging)
            try:
                yield staging
            finally:
                _discard(staging)
    finally:
        with contextlib.suppress(OSError):
            # Stops at the first one that holds the new folder, or another's.
            for folder in missing:
                folder.rmdir()


def publish(source, target):
    """Moves a folder made in a staging folder to its final name.

    The renames are as close to atomic as POSIX has it. An old folder is set aside
    first; if the process fails or dies between the two renames, it comes back at the
    end of `staging_folder` or at the start of the next one beside it.

    Args:
        source: Folder in a `staging_folder` of `target.parent`.
        target: Final name.

    Raises:
        OSError: It could not be renamed; an old folder is kept.
    """
    try:
        for root, _, files in os.walk(source):
            for name in files:
                with open(os.path.join(root, name), "rb") as file:
                    os.fsync(file.fileno())
            sync_folder(root)
        if os.path.lexists(target):
            aside = source.parent / REPLACED
            aside.mkdir()
            os.rename(target, aside / target.name)
        os.rename(source, target)
        sync_folder(target.parent)
    except OSError as error:
        raise OSError(
            error.errno,
            f"Could not move a new folder into place ({error.strerror})",
            str(target),
        ) from error


def _clear_orphans(parent, own):
    for orphan in parent.glob(f"{STAGING_PREFIX}*"):
        # One without a lock is about to get it.
        if orphan == own or not (orphan / LOCK).is_file():
            continue
        with contextlib.suppress(filelock.Timeout):
            with filelock.FileLock(orphan / LOCK, blocking=False):
                _discard(orphan)


def _discard(staging):
    for old in staging.glob(f"{REPLACED}/*"):
        target = staging.parent / old.name
        if not os.path.lexists(target):
            os.rename(old, target)
    shutil.rmtree(staging, ignore_errors=True)
