"""Trains a recipe in a run folder; started again, it goes on where it stopped.

A mixture that EM fits in minutes starts anew.

The run folder holds recipe.json (the resolved parameters), metrics.csv, samples/ or
reconstructions/ (a grid for each epoch, of models of images), checkpoints/, best/
(where a score selects the epoch), and at the end preset/. A classifier's has state.npz
in place of the last four.
"""

import json
import tempfile
from pathlib import Path

import keras

from kerasgen import distribution
from kerasgen.files import check_folder_path, read_json, write_atomically
from kerasgen.presets import save_to_preset

from .clock import Clock
from .metrics_log import MetricsLog
from .provenance import describe_environment, training_command
from .recipe import load_recipe, resolve_parameters

RECIPE_SCHEMA = {
    "type": "object",
    "required": ["recipe", "parameters"],
    "properties": {"recipe": {"type": "string"}, "parameters": {"type": "object"}},
}


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
        ValueError: Unknown recipe or value, a folder with a run of others, or a recipe
            that one device trains, where there are several.
        OSError: The folder cannot be written.
    """
    folder = check_folder_path(folder)
    recipe = load_recipe(name)
    parameters = resolve_parameters(recipe, overrides, quick)
    resolved = {"recipe": name, "parameters": parameters}
    _check_folder(folder, resolved)
    keras.utils.set_random_seed(parameters["seed"])
    run = recipe.build(parameters)
    if distribution.num_devices() > 1 and not run.shares_batches:
        raise ValueError(
            f"Expected one device for {name}, whose training does not share batches. "
            f"Received: {distribution.num_devices()} devices"
        )
    clock = Clock(folder / "seconds.json")
    # Now: a checkout may change while a model trains.
    environment = describe_environment()
    distribution.on_first_process(lambda: _begin(folder, resolved))
    own = [clock, MetricsLog(folder / "metrics.csv")]
    outcome = run.fit(folder, parameters["epochs"], own, verbose)
    card = {
        "name": name,
        **run.card,
        **run.judge(),
        **outcome,
        "recipe": training_command(
            name,
            parameters,
            environment["backend"],
            quick,
            distribution.num_devices(),
        ),
        "parameters": parameters,
        **environment,
        "training_seconds": round(clock.seconds),
        "pictures": run.captions,
    }
    preset = folder / "preset"
    distribution.on_first_process(lambda: save_to_preset(run.model, preset, **card))
    with tempfile.TemporaryDirectory() as spare:
        # All processes draw samples together.
        run.save_pictures(preset if distribution.is_first_process() else Path(spare))
    return preset


def _begin(folder, resolved):
    folder.mkdir(parents=True, exist_ok=True)
    content = (json.dumps(resolved, indent=1) + "\n").encode()
    write_atomically(folder / "recipe.json", content)


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
