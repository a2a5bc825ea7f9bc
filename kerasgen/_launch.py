"""Lets the `kerasgen` command choose a backend before Keras is imported.

Keras reads KERAS_BACKEND once, at import, and importing any part of this package
imports Keras. So the command's `--backend` is read here, ahead of everything else.
"""

import importlib.util
import os
import sys
from pathlib import Path

BACKENDS = ("tensorflow", "jax", "torch")


def apply_backend_option(argv=None):
    """Sets KERAS_BACKEND where this process is the kerasgen command.

    Exits with code 2 and one line where the backend is not installed.

    Args:
        argv: Command line; `sys.argv` by default.
    """
    argv = sys.argv if argv is None else argv
    name = Path(argv[0]).name if argv else ""
    if name.removesuffix(".exe") != "kerasgen":
        return
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    for position, word in enumerate(argv):
        option, equals, value = word.partition("=")
        if option != "--backend":
            continue
        if not equals:
            value = argv[position + 1] if position + 1 < len(argv) else ""
        if value in BACKENDS:
            os.environ["KERAS_BACKEND"] = value
    backend = os.environ.get("KERAS_BACKEND", "tensorflow")
    if backend not in BACKENDS or importlib.util.find_spec(backend) is None:
        sys.stderr.write(
            f"kerasgen: expected an installed backend of {', '.join(BACKENDS)}. "
            f"Received: {backend}\n"
        )
        sys.exit(2)
