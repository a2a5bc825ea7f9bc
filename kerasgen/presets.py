"""Presets: trained models as folders that load on every backend.

A preset holds `config.json` (architecture, digest of the weights), `model.weights.h5`,
`card.json` (what was trained and measured, and how), and, in the zoo, a README.md made
from the card and samples.png.
"""

import hashlib
import json
import os
import re
from pathlib import Path

import keras

from kerasgen import backend, distribution
from kerasgen.files import (
    check_folder_path,
    check_json,
    read_json,
    write_atomically,
)
from kerasgen.locations import zoo_folder
from kerasgen.models.base import GenerativeModel
from kerasgen.version import __version__
from kerasgen.weights_file import (
    PresetError,
    assign_weights,
    describe_weights,
    encode_weights,
    read_weights,
)

FORMAT = 1
NAME = re.compile(r"[a-z0-9][a-z0-9_]{0,63}")

# What may be said of every format, newer ones too.
FORMAT_SCHEMA = {
    "type": "object",
    "required": ["preset_format", "kerasgen"],
    "properties": {
        "preset_format": {"type": "integer", "minimum": 1},
        "kerasgen": {"type": "string"},
    },
}
CONFIG_SCHEMA = {
    "type": "object",
    "required": ["weights", "variables", "model"],
    "properties": {
        "weights": {
            "type": "object",
            "required": ["file", "bytes", "sha256"],
            "properties": {
                # A plain name: a preset reads nothing outside its folder.
                "file": {"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9_.-]*$"},
                "bytes": {"type": "integer", "minimum": 0},
                "sha256": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
            },
        },
        "variables": {
            "type": "object",
            "additionalProperties": {"type": "array", "items": {"type": "array"}},
        },
        "model": {"type": "object", "required": ["class_name", "config"]},
    },
}
CARD_SCHEMA = {
    "type": "object",
    "required": ["name"],
    "properties": {
        **dict.fromkeys(
            [
                *("name", "description", "family", "dataset", "split", "recipe"),
                *("backend", "usage"),
            ],
            {"type": "string"},
        ),
        "paper": {"type": ["string", "null"]},
        "parameters": {"type": "object"},
        "versions": {"type": "object"},
        "extractor": {"type": "object", "required": ["name", "weights_sha256"]},
        "training_seconds": {"type": "number", "minimum": 0},
        "pictures": {
            "type": "object",
            "propertyNames": {"pattern": "^[a-z0-9_]+[.]png$"},
            "additionalProperties": {"type": "string"},
        },
        "metrics": {
            "type": "object",
            "additionalProperties": {
                "type": "object",
                "required": ["value", "protocol"],
                "properties": {
                    "value": {"type": "number"},
                    "protocol": {"type": "string"},
                },
            },
        },
    },
}


def list_presets():
    """Names of the presets in the zoo, sorted.

    Returns:
        List of strings.
    """
    folder = zoo_folder()
    if not folder.is_dir():
        return []
    return sorted(p.parent.name for p in folder.glob("*/config.json"))


def preset_card(name):
    """A preset's card: what was trained, on what, and what was measured.

    Args:
        name: Name of a zoo preset, or path of a preset folder.

    Returns:
        Dict, as in card.json.

    Raises:
        ValueError: There is no such preset.
        PresetError: The card cannot be read.
    """
    return _read(preset_folder(name) / "card.json", CARD_SCHEMA)


def preset_digest(name):
    """The sha256 that a preset's weights must have.

    Args:
        name: Name of a zoo preset, or path of a preset folder.

    Returns:
        String of 64 hexadecimal digits.

    Raises:
        ValueError: There is no such preset.
        PresetError: Its config.json cannot be read.
    """
    return _read_config(preset_folder(name))["weights"]["sha256"]


def preset_folder(name):
    """Folder of a preset.

    Args:
        name: Name of a zoo preset, or path of a preset folder; a path contains a
            separator or is a `pathlib.Path`.

    Returns:
        `pathlib.Path`.

    Raises:
        ValueError: There is no such preset.
    """
    if isinstance(name, Path) or (isinstance(name, str) and os.sep in name):
        if not (Path(name) / "config.json").is_file():
            raise ValueError(
                "Expected a preset folder with a config.json. "
                f"Received: {str(name)[:200]!r}"
            )
        return Path(name)
    names = list_presets()
    if not isinstance(name, str) or not NAME.fullmatch(name) or name not in names:
        raise ValueError(
            f"Expected one of the presets {names}, or the path of a preset folder. "
            f"Received: {str(name)[:200]!r}"
        )
    return zoo_folder() / name


def from_preset(name):
    """Loads a trained model: architecture and every player's weights.

    Args:
        name: Name of a zoo preset (see `list_presets`), or path of a preset folder
            written by `save_to_preset`, with a separator in it.

    Returns:
        The model: a `GenerativeModel`, to sample or, once compiled, to train on; or
        a Keras model for the feature extractors.

    Raises:
        ValueError: There is no such preset.
        PresetError: Its files are damaged or need a newer kerasgen.

    Example:

    >>> import kerasgen
    >>> vae = kerasgen.from_preset("vae_digits")
    >>> vae.generate(2, seed=0).shape
    (2, 8, 8, 1)
    """
    folder = preset_folder(name)
    config = _read_config(folder)
    path = folder / config["weights"]["file"]
    data = read_weights(path, config["weights"]["sha256"], config["weights"]["bytes"])
    model = _build_model(config["model"], folder)
    networks = _networks_of(model)
    if describe_weights(networks) != config["variables"]:
        raise PresetError(
            f"Expected a config.json that makes the variables it lists. "
            f"Received: another architecture in {folder}"
        )
    assign_weights(networks, data, path)
    return model


def find_preset(name):
    """What a command line means: a preset of the zoo, or else a folder.

    Args:
        name: String. A name of the zoo stands before a folder of that name.

    Returns:
        The name, or the `pathlib.Path` of an existing folder.
    """
    is_folder = name not in list_presets() and Path(name).is_dir()
    return Path(name).resolve() if is_folder else name


def load_generative(name):
    """Loads a preset that samples; see `from_preset`.

    Raises:
        ValueError: There is no such preset, or it is a feature extractor.
        PresetError: Its files are damaged or need a newer kerasgen.
    """
    if preset_card(name).get("family") == "feature extractor":
        raise ValueError(
            f"Expected a generative preset. Received: {name}, a feature extractor"
        )
    return from_preset(name)


def save_to_preset(model, path, **card):
    """Writes a model as a preset folder.

    Of several processes the first one does, and the others do not wait for it.

    Args:
        model: `GenerativeModel`, or a built Keras model.
        path: Folder to write; files of an earlier preset there are replaced.
        **card: Fields of card.json, JSON values. `metrics` is a dict of name to
            `{"value": number, "protocol": string}`; `name` is the folder's by default.

    Returns:
        `pathlib.Path` of the folder.

    Raises:
        TypeError: The card has a value that JSON does not know.
        ValueError: The path is empty, or the card's fields are not such.
        OSError: The folder cannot be written.
    """
    folder = check_folder_path(path)
    card = {"name": folder.resolve().name, **card}
    check_json(card, CARD_SCHEMA, "the card")
    card_data = _to_json(card)
    if not distribution.is_first_process():
        return folder
    backend.sync(model)
    model_config = keras.saving.serialize_keras_object(model)
    for key in ("compile_config", "build_config"):
        model_config.pop(key, None)
    networks = _networks_of(model)
    data = encode_weights(networks)
    config = {
        "preset_format": FORMAT,
        "kerasgen": __version__,
        "keras": keras.__version__,
        "weights": {
            "file": "model.weights.h5",
            "bytes": len(data),
            "sha256": hashlib.sha256(data).hexdigest(),
        },
        "variables": describe_weights(networks),
        "model": model_config,
    }
    config_data = _to_json(config)
    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(folder / "model.weights.h5", data)
    write_atomically(folder / "card.json", card_data)
    write_atomically(folder / "config.json", config_data)
    return folder


def _networks_of(model):
    if isinstance(model, GenerativeModel):
        return model.networks
    return {"model": model}


def _build_model(config, folder):
    try:
        model = keras.saving.deserialize_keras_object(config)
    except Exception as error:  # Keras raises errors of many kinds for a bad config.
        raise PresetError(
            f"Expected a config.json whose model Keras can build. Received: {folder} "
            f"({type(error).__name__}: {str(error)[:500]})"
        ) from error
    if not isinstance(model, keras.Model):
        raise PresetError(
            "Expected a config.json of a Keras model. "
            f"Received: {type(model).__name__} in {folder}"
        )
    return model


def _read_config(folder):
    path = folder / "config.json"
    config = _read(path, FORMAT_SCHEMA)
    if config["preset_format"] > FORMAT:
        raise PresetError(
            f"Expected preset format {FORMAT} or older. Received: format "
            f"{config['preset_format']} in {folder}, which needs kerasgen "
            f"{config['kerasgen']} or newer"
        )
    return _read(path, CONFIG_SCHEMA)


def _read(path, schema):
    try:
        return read_json(path, schema)
    except ValueError as error:
        raise PresetError(str(error)) from error


def _to_json(value):
    return (json.dumps(value, indent=1, sort_keys=False) + "\n").encode()
