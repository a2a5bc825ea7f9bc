"""From the arguments of `fit` and `evaluate` to feeds of checked batches."""

import contextlib
import warnings

import keras
import numpy as np

from kerasgen import distribution
from kerasgen.arguments import check_positive_integer
from kerasgen.datasets.array_dataset import ArrayDataset
from kerasgen.datasets.rows import as_rows
from kerasgen.models.feed import Feed
from kerasgen.models.sources import is_array, make_source


def make_training_feed(model, x, y, batch_size, shuffle, steps, value_range, takes_nan):
    """The feed that `fit` trains on; arguments as in `GenerativeModel.fit`.

    With `takes_nan` values need not be finite.
    """
    spec = model.data_spec(value_range)
    spec.takes_nan = takes_nan
    source = _make_source(model, x, y, batch_size, shuffle, steps, spec)
    return Feed(source, model.batches_per_step, _min_rows(model), steps_per_epoch=steps)


def make_evaluation_feed(model, x, y, batch_size, steps, value_range):
    """The feed that `evaluate` reads; arguments as in `GenerativeModel.evaluate`."""
    spec = model.data_spec(value_range)
    source = _make_source(model, x, y, batch_size, False, steps, spec)
    return Feed(
        source,
        model.batches_per_evaluation,
        steps_per_epoch=steps,
        numbered=True,
    )


def make_validation_feed(model, data, batch_size, default, steps, value_range):
    """The feed of `fit`'s validation data.

    Args:
        model: `GenerativeModel`.
        data: x, or the tuple (x, y).
        batch_size: For arrays, or None.
        default: The batch size of the training data, or None.
        steps: As in `evaluate`.
        value_range: As in `evaluate`.

    Raises:
        ValueError: `data` is a tuple of another length.
    """
    data = validation_pair(data)
    if batch_size is None and is_array(data[0]):
        batch_size = default
    return make_evaluation_feed(model, *data, batch_size, steps, value_range)


def validation_pair(data):
    """`(x, y)` of `validation_data`, y None where it is x alone.

    Raises:
        ValueError: It is a tuple of another length.
    """
    if not isinstance(data, tuple):
        return data, None
    if len(data) != 2:
        raise ValueError(
            "Expected `validation_data` to be x or the tuple (x, y), without weights. "
            f"Received: a tuple of {len(data)}"
        )
    return data


def make_batch(model, x, y, training):
    """One checked batch `(x, rows, labels)` for `train_on_batch`, or to evaluate."""
    spec = model.data_spec()
    x = spec.check(x)
    parts = model.batches_per_step if training else model.batches_per_evaluation
    min_size = parts * _min_rows(model) if training else 1
    size = len(x) - len(x) % parts
    distribution.check_batch_size(size // parts)
    if size < min_size:
        raise ValueError(
            f"Expected a batch of at least {min_size} samples. Received: {len(x)}"
        )
    labels = spec.check_labels(y, len(x))
    if model.arrange is not None:
        dataset = ArrayDataset(x, labels, batch_size=len(x), shuffle=False)
        x, labels = model.arrange(dataset).get_batch(0, 0)
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
    x = as_rows(x)
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
    return make_source(x, y, batch_size, model.seed, shuffle, spec, model.arrange)


def _min_rows(model):
    """Fewest samples of an update: one has no variance for BatchNorm to divide by."""
    is_normalized = any(
        isinstance(layer, keras.layers.BatchNormalization)
        for networks in model.players.values()
        for network in networks
        for layer in network._flatten_layers()
    )
    return max(model.min_rows, 2 if is_normalized else 1)
