"""Where the zoo and the recipes lie: inside the wheel, or beside the package."""

import importlib
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent


def zoo_folder():
    """Folder of the presets that ship with kerasgen."""
    packaged = PACKAGE / "_zoo"
    return packaged if packaged.is_dir() else PACKAGE.parent / "zoo"


def import_training(module=""):
    """Imports the training package, or a module of it, by its relative name."""
    packaged = (PACKAGE / "_training").is_dir()
    root = "kerasgen._training" if packaged else "training"
    return importlib.import_module(f"{root}.{module}" if module else root)
