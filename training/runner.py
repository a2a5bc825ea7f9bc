"""Trains a recipe in a run folder; started again, it goes on where it stopped.

The run folder holds recipe.json (the resolved parameters), metrics.csv, samples/ (a
grid for each epoch), checkpoints/, best/, and at the end preset/.
"""

import json
import platform
import subprocess
import time
from pathlib import Path

import keras

from kerasgen.files import write_atomically
from kerasgen.presets import save_to_preset
from kerasgen.version import __version__

from .recipe import load_recipe, resolve_parameters


def train(name, folder, overrides=(), quick=False, verbose="auto"):
    """Trains a recipe and writes its preset.

    Args:
        name: Name of the recipe.
        folder: Run folder. An unfinished run of the same parameters is resumed.
        overrides: Strings "key=value", see `resolve_parameters`.
        quick: Use the recipe's small configuration.
        verbose: As in `keras.Model.fit`.

    Returns:
        Path of the preset folder, `folder/preset`.

    Raises:
        ValueError: Unknown recipe or value, or a folder with a run of others.
        OSError: The folder cannot be written.
    """
    folder = Path(folder)
    recipe = load_recipe(name)
    parameters = resolve_parameters(recipe, overrides, quick)
    resolved = {"recipe": name, "parameters": parameters}
    _check_folder(folder, resolved)
    keras.utils.set_random_seed(parameters["seed"])
    run = recipe.build(parameters)
    folder.mkdir(parents=True, exist_ok=True)
    content = (json.dumps(resolved, indent=1) + "\n").encode()
    write_atomically(folder / "recipe.json", content)
    clock = _Clock(folder / "seconds.json")
    log = keras.callbacks.CSVLogger(folder / "metrics.csv", append=True)
    outcome = run.fit(folder, parameters["epochs"], [clock, log], verbose)
    card = {
        "name": name,
        **run.card,
        "metrics": run.measure(run.model),
        **outcome,
        "recipe": f"kerasgen train {name}",
        "parameters": parameters,
        **describe_environment(),
        "training_seconds": round(clock.seconds),
    }
    preset = save_to_preset(run.model, folder / "preset", **card)
    run.save_pictures(preset)
    return preset


def describe_environment():
    """Versions, hardware and commit, for cards."""
    return {
        "backend": keras.backend.backend(),
        "versions": {"kerasgen": __version__, "keras": keras.__version__},
        "hardware": f"CPU, {platform.machine()}",
        "commit": _commit(),
    }


def _commit():
    try:
        result = subprocess.run(
            ["git", "rev-parse", "--short", "HEAD"],
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return result.stdout.strip()


def _check_folder(folder, resolved):
    """Refuses a file, and a folder with another run."""
    if folder.exists() and not folder.is_dir():
        raise NotADirectoryError(f"Expected a run folder. Received: the file {folder}")
    file = folder / "recipe.json"
    if file.is_file():
        found = json.loads(file.read_text())
        if found != json.loads(json.dumps(resolved)):
            raise ValueError(
                "Expected a new run folder, or one of this recipe with equal values. "
                f"Received: {folder} with {json.dumps(found)}"
            )


class _Clock(keras.callbacks.Callback):
    """Seconds of training, summed over interrupted runs."""

    def __init__(self, file):
        super().__init__()
        self.file = file
        self.seconds = json.loads(file.read_text()) if file.is_file() else 0.0

    def on_epoch_begin(self, epoch, logs=None):
        self._start = time.monotonic()

    def on_epoch_end(self, epoch, logs=None):
        self.seconds += time.monotonic() - self._start
        write_atomically(self.file, json.dumps(self.seconds).encode())
