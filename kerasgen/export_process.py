"""The part of an export that runs where Keras's backend is TensorFlow.

In process on the TensorFlow backend with one device; from JAX, PyTorch and several
devices as `python -m kerasgen.export_process FOLDER`, where FOLDER holds

- `request.json`: the classes that the model needs, with the modules they are in, and
  whether the live model computes in float32,
- `preset`: the model, as `save_to_preset` writes it,
- `references.npz`: inputs and outputs of the live model,

and gets `saved_model`.
"""

import importlib
import json
import os
import sys
import threading
from pathlib import Path

import keras
import numpy as np

# Largest differences, where the live model computes in float32.
GREY_LEVELS = 1
FLOAT_TOLERANCE = 1e-4
# Mean differences in half precision and TF32, which round at other places under
# another backend, to tens of grey levels in single pixels.
ROUNDED_GREY_LEVELS = 8
ROUNDED_FLOAT_TOLERANCE = 5e-2
UNSEEN_CLASS = 3


class ExportError(RuntimeError):
    """The SavedModel could not be made, or differs from the live model."""


def write_saved_model(model, path, references, is_exact):
    """Writes a SavedModel and compares its outputs with the live model's.

    Args:
        model: `GenerativeModel`, under the TensorFlow backend.
        path: Folder to write.
        references: Dict of signature name to `(inputs, outputs)`, each a dict of name
            to NumPy array.
        is_exact: Whether they were computed in float32.

    Raises:
        ExportError: The SavedModel's outputs differ from `references`.
    """
    import tensorflow as tf  # noqa: TID253

    signatures = model.export_signatures()
    graphs = {name: _trace(signature) for name, signature in signatures.items()}
    module = tf.Module()
    # What the graphs read and no more: no discriminator, no optimizer.
    module.weights = list(
        {v.ref(): v for graph in graphs.values() for v in graph.variables}.values()
    )
    graphs["serving_default"] = next(iter(graphs.values()))
    tf.saved_model.save(module, str(path), signatures=graphs)
    _compare(tf.saved_model.load(str(path)), signatures, references, is_exact)


def _trace(signature):
    import tensorflow as tf  # noqa: TID253

    def traced(**inputs):
        checked = {
            name: _check_request(name, inputs[name], spec)
            for name, spec in signature.inputs.items()
        }
        return signature.fn(**checked)

    specs = {
        name: tf.TensorSpec(spec.shape, spec.dtype, name=name)
        for name, spec in signature.inputs.items()
    }
    return tf.function(traced, autograph=False).get_concrete_function(**specs)


def _check_request(name, x, spec):
    """Refuses a bad request inside the graph, before anything is computed from it."""
    import tensorflow as tf  # noqa: TID253

    checks = []
    if spec.shape:
        message = f"`{name}` has at least one row."
        checks.append(tf.debugging.assert_positive(tf.shape(x)[0], message))
    if x.dtype.is_floating:
        checks.append(tf.debugging.assert_all_finite(x, f"`{name}` is finite."))
    if spec.low is not None:
        message = f"`{name}` is at least {spec.low}."
        checks.append(tf.debugging.assert_greater_equal(x, _like(x, spec.low), message))
    if spec.high is not None:
        message = f"`{name}` is at most {spec.high}."
        checks.append(tf.debugging.assert_less_equal(x, _like(x, spec.high), message))
    with tf.control_dependencies(checks):
        return tf.identity(x)


def _like(x, value):
    import tensorflow as tf  # noqa: TID253

    return tf.constant(value, x.dtype)


def _compare(loaded, signatures, references, is_exact):
    levels = GREY_LEVELS if is_exact else ROUNDED_GREY_LEVELS
    tolerance = FLOAT_TOLERANCE if is_exact else ROUNDED_FLOAT_TOLERANCE
    statistic = np.max if is_exact else np.mean
    for signature, (inputs, expected) in references.items():
        may_part = signatures[signature].may_part
        if may_part and not is_exact:
            # Nearly every row parts; the likelihood is compared instead.
            continue
        outputs = loaded.signatures[signature](**_constants(inputs))
        for name, reference in expected.items():
            output = np.asarray(outputs[name])
            if reference.dtype == np.uint8:
                allowed = levels
            else:
                allowed = tolerance * max(1.0, float(np.abs(reference).max()))
            errors = np.abs(output.astype(np.float64) - reference.astype(np.float64))
            difference = statistic(errors)
            if may_part:
                difference = np.median([statistic(row) for row in errors])
            # Written so that NaN fails.
            if not difference <= allowed:
                raise ExportError(
                    f"Expected the SavedModel's `{signature}` to return the live "
                    f"model's {name} to within {allowed:g}. "
                    f"Received: a {statistic.__name__} difference of {difference:g}"
                )


def _constants(inputs):
    import tensorflow as tf  # noqa: TID253

    return {name: tf.constant(value) for name, value in inputs.items()}


def main(folder):
    """Exports what lies in `folder`; see the top of this file.

    Args:
        folder: `pathlib.Path`.

    Returns:
        Exit code: 0, or `UNSEEN_CLASS` with the reason in `unseen.txt`.
    """
    from kerasgen.presets import from_preset

    threading.Thread(target=_exit_with_parent, daemon=True).start()
    request = json.loads((folder / "request.json").read_text())
    for registered_name, module in request["classes"]:
        reason = _reason_unseen(registered_name, module)
        if reason is not None:
            (folder / "unseen.txt").write_text(f"{registered_name} ({reason})")
            return UNSEEN_CLASS
    write_saved_model(
        from_preset(folder / "preset"),
        folder / "saved_model",
        load_references(folder / "references.npz"),
        request["is_exact"],
    )
    return 0


def _exit_with_parent():
    """The parent holds the other end of stdin; it closes when the parent dies."""
    sys.stdin.read()
    os._exit(1)


def _reason_unseen(registered_name, module):
    try:
        importlib.import_module(module)
    except Exception as error:  # A user's module can fail in any way.
        return f"importing {module} fails: {type(error).__name__}: {error}"
    if keras.saving.get_registered_object(registered_name) is None:
        return f"importing {module} does not register it"
    return None


def save_references(path, references):
    """Writes references as one `.npz`; see `write_saved_model`."""
    arrays = {
        f"{signature}/{kind}/{name}": array
        for signature, pair in references.items()
        for kind, part in zip(("inputs", "outputs"), pair, strict=True)
        for name, array in part.items()
    }
    np.savez(path, **arrays)


def load_references(path):
    """Reads what `save_references` wrote."""
    references = {}
    with np.load(path, allow_pickle=False) as archive:
        for key in archive.files:
            signature, kind, name = key.split("/")
            pair = references.setdefault(signature, ({}, {}))
            pair[kind == "outputs"][name] = archive[key]
    return references


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
