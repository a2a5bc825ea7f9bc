"""health.json: the course of a GAN's training health, one measurement an entry."""

import json
import math

from kerasgen.files import read_json, write_atomically

_NUMBER = {"type": ["number", "null"]}
SCHEMA = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["epoch", "measures", "layers"],
        "properties": {
            "epoch": {"type": "integer", "minimum": 1},
            "measures": {"type": "object", "additionalProperties": _NUMBER},
            "layers": {
                "type": "object",
                "additionalProperties": {
                    "type": "object",
                    "additionalProperties": _NUMBER,
                },
            },
        },
    },
}


def write_history(path, history):
    """Writes measurements, whole or not at all.

    Args:
        path: `pathlib.Path` in an existing folder.
        history: List of `(epoch, measures)`, as `callbacks.TrainingHealth` keeps it.

    Raises:
        OSError: The file cannot be written.
    """
    entries = []
    for epoch, measures in history:
        layers = {}
        for (player, layer), norm in measures["layers"].items():
            layers.setdefault(player, {})[layer] = _to_json(norm)
        values = {k: _to_json(v) for k, v in measures.items() if k != "layers"}
        entries.append({"epoch": epoch, "measures": values, "layers": layers})
    write_atomically(path, json.dumps(entries, indent=1).encode())


def read_history(path):
    """Reads what `write_history` wrote.

    Args:
        path: File.

    Returns:
        List of `(epoch, measures)`.

    Raises:
        ValueError: The file is missing or damaged; names it.
    """
    history = []
    for entry in read_json(path, SCHEMA):
        measures = {k: _from_json(v) for k, v in entry["measures"].items()}
        measures["layers"] = {
            (player, layer): _from_json(norm)
            for player, norms in entry["layers"].items()
            for layer, norm in norms.items()
        }
        history.append((entry["epoch"], measures))
    return history


def _to_json(value):
    # JSON knows neither NaN nor infinity.
    return value if math.isfinite(value) else None


def _from_json(value):
    return math.nan if value is None else float(value)
