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

from kerasgen.files import write_atomically
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
    return _read_json(preset_folder(name) / "card.json")


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
    config = _read_json(folder / "config.json")
    if config["preset_format"] > FORMAT:
        raise PresetError(
            f"Expected preset format {FORMAT} or older. Received: format "
            f"{config['preset_format']} in {folder}, which needs kerasgen "
            f"{config['kerasgen']} or newer"
        )
    path = folder / config["weights"]["file"]
    data = read_weights(path, config["weights"]["sha256"], config["weights"]["bytes"])
    model = keras.saving.deserialize_keras_object(config["model"])
    networks = _networks_of(model)
    if describe_weights(networks) != config["variables"]:
        raise PresetError(
            f"Expected a config.json that makes the variables it lists. "
            f"Received: another architecture in {folder}"
        )
    assign_weights(networks, data, path)
    return model


def save_to_preset(model, path, **card):
    """Writes a model as a preset folder.

    Args:
        model: `GenerativeModel`, or a built Keras model.
        path: Folder to write; files of an earlier preset there are replaced.
        **card: Fields of card.json, JSON values.

    Returns:
        `pathlib.Path` of the folder.

    Raises:
        OSError: The folder cannot be written.
    """
    folder = Path(path)
    folder.mkdir(parents=True, exist_ok=True)
    model_config = keras.saving.serialize_keras_object(model)
    for key in ("compile_config", "build_config"):
        model_config.pop(key, None)
    networks = _networks_of(model)
    data = encode_weights(networks)
    write_atomically(folder / "model.weights.h5", data)
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
    write_atomically(folder / "card.json", _to_json({"name": folder.name, **card}))
    write_atomically(folder / "config.json", _to_json(config))
    return folder


def _networks_of(model):
    if isinstance(model, GenerativeModel):
        return model.networks
    return {"model": model}


def _read_json(path):
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise PresetError(
            f"Expected a JSON file. Received: {path} ({error})"
        ) from error


def _to_json(value):
    return (json.dumps(value, indent=1, sort_keys=False) + "\n").encode()
