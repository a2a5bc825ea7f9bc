"""Trains a recipe in a run folder; started again, it goes on where it stopped.

A mixture that EM fits in minutes starts anew.

The run folder holds recipe.json (the resolved parameters), metrics.csv, samples/ (a
grid for each epoch), checkpoints/, best/, and at the end preset/. A classifier's has
state.npz in place of the last four.
"""

import json
import time

import keras

from kerasgen.files import check_folder_path, read_json, write_atomically
from kerasgen.presets import save_to_preset

from .metrics_log import MetricsLog
from .provenance import describe_environment, training_command
from .recipe import load_recipe, resolve_parameters

RECIPE_SCHEMA = {
    "type": "object",
    "required": ["recipe", "parameters"],
    "properties": {"recipe": {"type": "string"}, "parameters": {"type": "object"}},
}
SECONDS_SCHEMA = {"type": "number", "minimum": 0}


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
    folder = check_folder_path(folder)
    recipe = load_recipe(name)
    parameters = resolve_parameters(recipe, overrides, quick)
    resolved = {"recipe": name, "parameters": parameters}
    _check_folder(folder, resolved)
    keras.utils.set_random_seed(parameters["seed"])
    run = recipe.build(parameters)
    clock = _Clock(folder / "seconds.json")
    # Now: a checkout may change while a model trains.
    environment = describe_environment()
    folder.mkdir(parents=True, exist_ok=True)
    content = (json.dumps(resolved, indent=1) + "\n").encode()
    write_atomically(folder / "recipe.json", content)
    log = MetricsLog(folder / "metrics.csv")
    outcome = run.fit(folder, parameters["epochs"], [clock, log], verbose)
    card = {
        "name": name,
        **run.card,
        **run.judge(),
        **outcome,
        "recipe": training_command(name, parameters, environment["backend"], quick),
        "parameters": parameters,
        **environment,
        "training_seconds": round(clock.seconds),
        "pictures": run.captions,
    }
    preset = save_to_preset(run.model, folder / "preset", **card)
    run.save_pictures(preset)
    return preset


def _check_folder(folder, resolved):
    """Refuses a file, and a folder with another run."""
    if folder.exists() and not folder.is_dir():
        raise NotADirectoryError(f"Expected a run folder. Received: the file {folder}")
    file = folder / "recipe.json"
    if file.is_file():
        found = read_json(file, RECIPE_SCHEMA)
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
        self.seconds = 0.0
        if file.is_file():
            self.seconds = read_json(file, SECONDS_SCHEMA)

    def on_epoch_begin(self, epoch, logs=None):
        self._start = time.monotonic()

    def on_epoch_end(self, epoch, logs=None):
        self.seconds += time.monotonic() - self._start
        write_atomically(self.file, json.dumps(self.seconds).encode())
