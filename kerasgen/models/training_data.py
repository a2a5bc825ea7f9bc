"""From the arguments of `fit` and `evaluate` to feeds of checked batches."""

import contextlib
import warnings

import keras
import numpy as np

from kerasgen.models.feed import Feed, make_source
from kerasgen.models.inputs import DataSpec, check_positive_integer


def make_training_feed(model, x, y, batch_size, shuffle, steps, value_range):
    """The feed that `fit` trains on; arguments as in `GenerativeModel.fit`."""
    spec = DataSpec(model.data_shape, model.num_classes, value_range)
    source = _make_source(model, x, y, batch_size, shuffle, steps, spec)
    return Feed(
        source, spec, model.batches_per_step, _min_rows(model), steps_per_epoch=steps
    )


def make_evaluation_feed(model, x, y, batch_size, steps, value_range):
    """The feed that `evaluate` reads; arguments as in `GenerativeModel.evaluate`."""
    spec = DataSpec(model.data_shape, model.num_classes, value_range)
    source = _make_source(model, x, y, batch_size, False, steps, spec)
    return Feed(source, spec, steps_per_epoch=steps, numbered=True)


def make_batch(model, x, y, training):
    """One checked batch `(x, rows, labels)` for `train_on_batch`, or to evaluate."""
    spec = DataSpec(model.data_shape, model.num_classes)
    x = spec.check(x)
    parts = model.batches_per_step if training else 1
    min_size = parts * _min_rows(model) if training else 1
    size = len(x) - len(x) % parts
    if size < min_size:
        raise ValueError(
            f"Expected a batch of at least {min_size} samples. Received: {len(x)}"
        )
    labels = spec.check_labels(y, len(x))
    rows = np.arange(size, dtype=np.int32)
    return x[:size], rows, None if labels is None else labels[:size]


def split_arrays(x, y, fraction):
    """Splits the last `fraction` of arrays off, as `validation_split` asks for.

    Args:
        x: Array (N, ...).
        y: Array (N,) or None.
        fraction: Float in (0, 1).

    Returns:
        x, y and the pair of held-out x and y.

    Raises:
        ValueError: `fraction` is out of range or `x` is not an array.
    """
    if not 0 < fraction < 1 or not isinstance(getattr(x, "shape", None), tuple):
        raise ValueError(
            "`validation_split` is a float in (0, 1), for arrays only. "
            f"Received: validation_split={fraction}, x of type {type(x).__name__}"
        )
    split = int(len(x) * (1 - fraction))
    held_out = (x[split:], None if y is None else y[split:])
    return x[:split], None if y is None else y[:split], held_out


@contextlib.contextmanager
def no_end_of_data_warning():
    """Keras warns at the normal end of a source of unknown length."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Your input ran out of data")
        yield


def _make_source(model, x, y, batch_size, shuffle, steps, spec):
    if batch_size is not None:
        check_positive_integer("batch_size", batch_size)
    if steps is not None:
        check_positive_integer("steps", steps)
    return make_source(x, y, batch_size, model.seed, shuffle, spec)


def _min_rows(model):
    """A batch of one has no variance for BatchNorm to divide by."""
    is_normalized = any(
        isinstance(layer, keras.layers.BatchNormalization)
        for networks in model.players.values()
        for network in networks
        for layer in network._flatten_layers()
    )
    return 2 if is_normalized else 1
