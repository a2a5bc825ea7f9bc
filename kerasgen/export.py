"""SavedModels for TF Serving, from every backend.

On TensorFlow the model is traced in process. From JAX and PyTorch, and from a strategy
of TensorFlow, whose variables are of many devices, it goes through a TensorFlow process
as config and weights. Either way the SavedModel is built in a hidden folder beside the
target, compared with the live model, flushed to disk and renamed, so that a server that
polls the parent sees a whole version or none.
"""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
from keras import ops

from kerasgen import distribution
from kerasgen.files import publish, staging_folder
from kerasgen.models.base import GenerativeModel

REFERENCE_ROWS = 3
REFERENCE_SEED = 20140610
STDERR_LINES = 20


def export_saved_model(model, path, overwrite=False):
    """Writes a SavedModel with a dynamic batch and named signatures.

    Of several processes the first one does, and the others do not wait for it.

    - `serve`, also `serving_default`: z float32 (B, latent_dim) -> images uint8
      (B, H, W, C), or samples float32 (B, D) for vectors.
    - `generate`: num int32 and seed int64, both scalars, num in [1, 1024] and seed in
      [0, 2**32) -> the images of `model.generate(num, seed)`, to 1 grey level.
    - What else the model's `export_signatures` names; for a VAE `encode` (images ->
      mean, log_var) and `reconstruct` (images -> images).

    The moving average of the weights is used where there is one. A request with an
    empty batch, NaN or a number out of range is refused with InvalidArgumentError.

    Args:
        model: `GenerativeModel`. From JAX, PyTorch and several devices its classes
            are registered in modules that a TensorFlow process can import.
        path: The version folder itself, such as "serving/dcgan/1"; TF Serving takes
            names that are integers.
        overwrite: Replace an existing SavedModel. The new one is swapped in by two
            renames; the old one comes back if that fails.

    Returns:
        `pathlib.Path` of the version folder.

    Raises:
        TypeError: `model` is not a `GenerativeModel`.
        ValueError: A class of the model cannot be seen by the TensorFlow process.
        FileExistsError: `path` exists.
        OSError: The folder cannot be written.
        ExportError: The TensorFlow process failed, or the SavedModel's outputs
            differ from the model's. In each case nothing is left behind.

    Example:

    >>> import kerasgen, tempfile
    >>> vae = kerasgen.models.dense_vae((8, 8, 1), latent_dim=2, hidden=(4,))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     kerasgen.export.export_saved_model(vae, f"{folder}/vae/1").name
    '1'
    """
    if not isinstance(model, GenerativeModel):
        raise TypeError(
            f"Expected a GenerativeModel. Received: model of type {type(model)}"
        )
    if not model.export_signatures():
        raise ValueError(
            "Expected a model that defines `export_signatures`, as `SamplingModel` "
            f"does. Received: {type(model).__name__}, which has none"
        )
    if not distribution.is_first_process():
        return Path(path)
    target = Path(os.path.abspath(path))
    _check_target(target, overwrite)
    is_tensorflow = keras.backend.backend() == "tensorflow"
    in_process = is_tensorflow and distribution.num_devices() == 1
    classes = [] if in_process else _user_classes(model)
    with staging_folder(target.parent) as staging:
        if in_process:
            from kerasgen.export_process import write_saved_model

            write_saved_model(
                model, staging / "saved_model", _references(model), _is_exact(model)
            )
        else:
            _run_tensorflow(model, staging, classes)
        # Another export may have made it meanwhile.
        _check_target(target, overwrite)
        publish(staging / "saved_model", target)
    return Path(path)


def _check_target(target, overwrite):
    if not os.path.lexists(target):
        return
    if not overwrite:
        raise FileExistsError(
            "Expected a new version folder; pass overwrite=True to replace it. "
            f"Received: {target}, which exists"
        )
    is_ours = target.is_dir() and not target.is_symlink()
    if not is_ours or (
        not (target / "saved_model.pb").is_file() and any(target.iterdir())
    ):
        raise FileExistsError(
            "Expected a SavedModel or an empty folder to replace. "
            f"Received: {target}, which is something else"
        )


# What is written, and against what it is checked.


def _references(model):
    """Inputs and the live model's outputs for each signature."""
    rng = np.random.default_rng(REFERENCE_SEED)
    references = {}
    for name, signature in model.export_signatures().items():
        inputs = {key: _example(rng, spec) for key, spec in signature.inputs.items()}
        if signature.reference is None:
            outputs = _run_signature(model, name, signature, inputs)
        else:
            outputs = signature.reference(**inputs)
        references[name] = (
            inputs,
            {key: ops.convert_to_numpy(value) for key, value in outputs.items()},
        )
    return references


def _run_signature(model, name, signature, inputs):
    def fn(*tensors):
        return signature.fn(**dict(zip(inputs, tensors, strict=True)))

    return model.compiled_function(f"export {name}", fn)(*inputs.values())


def _example(rng, spec):
    shape = tuple(REFERENCE_ROWS if size is None else size for size in spec.shape)
    if spec.dtype == "float32":
        return rng.standard_normal(shape, dtype=np.float32)
    low = 0 if spec.low is None else spec.low
    high = np.iinfo(spec.dtype).max if spec.high is None else spec.high
    if not shape:
        return np.asarray(min(REFERENCE_ROWS, high), spec.dtype)
    return rng.integers(low, high, shape, spec.dtype, endpoint=True)


def _is_exact(model):
    """Whether the live model computes in float32: no half precision, no TF32."""
    if any(
        layer.compute_dtype in ("float16", "bfloat16")
        for layer in model._flatten_layers()
    ):
        return False
    # Accelerators shorten the factors of products silently.
    rng = np.random.default_rng(REFERENCE_SEED)
    x = rng.standard_normal((64, 64), dtype=np.float32)
    product = ops.matmul(x, x)
    convolution = ops.conv(
        x[None, :, None], x[None, None], padding="valid", data_format="channels_last"
    )
    expected = x.astype(np.float64) @ x
    return all(
        np.abs(ops.convert_to_numpy(y).reshape(64, 64) - expected).max() < 1e-3
        for y in (product, convolution)
    )


# The TensorFlow process.


def _user_classes(model):
    """Registered name and module of each class and function not of Keras or ours.

    Raises:
        ValueError: One of them lies where another process cannot import it.
    """
    config = keras.saving.serialize_keras_object(model)
    config.pop("compile_config", None)
    found = {}
    _collect_classes(config, found)
    for name, (module, is_registered) in found.items():
        if not _is_importable(module):
            _raise_unseen(f"{name} (it is defined in {module})")
        if not is_registered:
            _raise_unseen(f"{name} of {module} (it is not registered)")
    return [(name, module) for name, (module, _) in sorted(found.items())]


def _collect_classes(node, found):
    if isinstance(node, dict):
        if {"module", "class_name", "config", "registered_name"} <= node.keys():
            _add_class(node, found)
        for value in node.values():
            _collect_classes(value, found)
    elif isinstance(node, list | tuple):
        for value in node:
            _collect_classes(value, found)


def _add_class(node, found):
    is_function = node["class_name"] == "function"
    name = node["config"] if is_function else node["registered_name"]
    registered = name and keras.saving.get_registered_object(name)
    module = registered.__module__ if registered else node["module"]
    if module.split(".")[0] not in ("keras", "kerasgen", "builtins"):
        found[name] = (module, registered is not None)


def _is_importable(module):
    if module == "__main__":
        return False
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):
        return False


def _raise_unseen(description):
    raise ValueError(
        "Expected classes and functions that the process of TensorFlow which exports "
        "them can import: registered with Keras, at the top of a module (a .py file on "
        "sys.path, not a notebook or the main script). "
        f"Received: {description}"
    )


def _run_tensorflow(model, staging, classes):
    from kerasgen.export_process import UNSEEN_CLASS, ExportError, save_references
    from kerasgen.presets import save_to_preset

    save_to_preset(model, staging / "preset")
    save_references(staging / "references.npz", _references(model))
    request = {"classes": classes, "is_exact": _is_exact(model)}
    (staging / "request.json").write_text(json.dumps(request))
    environment = {
        **os.environ,
        "KERAS_BACKEND": "tensorflow",
        "TF_CPP_MIN_LOG_LEVEL": "2",
        # The parent may hold the accelerator's memory.
        "CUDA_VISIBLE_DEVICES": "-1",
        "PYTHONPATH": os.pathsep.join(p or os.getcwd() for p in sys.path),
        "PYTHONSAFEPATH": "1",
    }
    # Flags for JAX's XLA can be unknown to TensorFlow's, which then aborts. And it is
    # no worker of a cluster.
    for name in ("XLA_FLAGS", "TF_CONFIG"):
        environment.pop(name, None)
    command = [sys.executable, "-m", "kerasgen.export_process", str(staging)]
    with open(staging / "stderr.txt", "wb") as stderr:
        # stdin stays open: the process ends when it closes, with this one.
        with subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=stderr,
        ) as process:
            code = process.wait()
    if code == UNSEEN_CLASS:
        _raise_unseen((staging / "unseen.txt").read_text())
    if code:
        lines = (staging / "stderr.txt").read_text(errors="replace").splitlines()
        raise ExportError(
            f"Expected the TensorFlow process to write {staging.parent}. "
            f"Received: exit code {code} and\n" + "\n".join(lines[-STDERR_LINES:])
        )
