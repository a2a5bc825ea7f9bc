"""Where a preset came from: the command, the versions, the machine, the commit."""

import importlib.metadata
import os
import platform
import shlex
import subprocess
import tomllib
from pathlib import Path

import keras

from kerasgen.version import __version__

from .recipe import load_recipe, override_of, resolve_parameters

CHECKOUT = Path(__file__).resolve().parent.parent


def training_command(name, parameters, backend, quick=False, num_devices=1):
    """The command that trains a recipe with these parameters.

    Args:
        name: Name of the recipe.
        parameters: Dict, as `resolve_parameters` returns it.
        backend: "tensorflow", "jax" or "torch".
        quick: Whether the small configuration is meant.
        num_devices: Devices of one host.

    Returns:
        A line for the shell, with `--set` for each value that is not the recipe's own.
    """
    own = resolve_parameters(load_recipe(name), (), quick)
    words = ["kerasgen", "train", name, "--backend", backend]
    words += ["--quick"] if quick else []
    words += ["--devices", str(num_devices)] if num_devices > 1 else []
    for key, value in parameters.items():
        if value != own[key]:
            words += ["--set", override_of(key, value)]
    return shlex.join(words)


def describe_environment():
    """What a card says of the machine and the software.

    Returns:
        Dict of `backend`, `versions`, `hardware` and `commit`; the last is None where
        kerasgen does not run from its own git checkout.
    """
    backend = keras.backend.backend()
    return {
        "backend": backend,
        "versions": {
            "kerasgen": __version__,
            "keras": keras.__version__,
            backend: importlib.metadata.version(backend),
        },
        "hardware": f"{platform.machine()}, {os.cpu_count()} CPU cores; trained on "
        f"{', '.join(_devices())}",
        "commit": checkout_commit(),
    }


def checkout_commit(folder=CHECKOUT):
    """The git commit of kerasgen's own checkout.

    A package that was installed into a project's folder is not of that project's
    commit: only a folder with kerasgen's pyproject.toml at git's top level counts.

    Args:
        folder: Folder that holds kerasgen's packages.

    Returns:
        Abbreviated commit, with "-dirty" where tracked files differ from it; or None.
    """
    try:
        project = tomllib.loads((folder / "pyproject.toml").read_text("utf-8"))
        if project["project"]["name"] != "kerasgen":
            return None
        if Path(_git(folder, "rev-parse", "--show-toplevel")).resolve() != folder:
            return None
        commit = _git(folder, "rev-parse", "--short=12", "HEAD")
        changes = _git(folder, "status", "--porcelain", "--untracked-files=no")
    except (OSError, KeyError, tomllib.TOMLDecodeError, subprocess.CalledProcessError):
        return None
    return f"{commit}-dirty" if changes else commit


def _git(folder, *arguments):
    result = subprocess.run(
        ["git", "-C", str(folder), *arguments],
        capture_output=True,
        text=True,
        check=True,
    )
    return result.stdout.strip()


def _devices():
    if keras.backend.backend() != "torch":
        return keras.distribution.list_devices()
    # Keras lists none there, and computes on the device that new tensors are on.
    return [str(keras.ops.zeros(()).device)]
