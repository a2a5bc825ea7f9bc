"""Functions of samples, applied batch by batch."""

import numpy as np
from keras import ops

from kerasgen.datasets.rows import as_rows


def map_batches(
    model, fn, x, labels=None, value_range=None, batch_size=256, first_row=0
):
    """Applies `fn(x, rows, labels)` to checked batches.

    Args:
        model: `GenerativeModel`, whose data the samples are.
        fn: Function of samples, their int32 numbers and int32 labels or None that
            returns a tuple of tensors with a row a sample.
        x: Samples, as in `fit`.
        labels: As in `fit`; None for a model or a function without labels.
        value_range: As in `fit`.
        batch_size: Samples in one call of `fn`.
        first_row: Number of the first sample, of which more came before.

    Returns:
        Tuple of NumPy arrays.
    """
    spec = model.data_spec(value_range)
    x = spec.check(as_rows(x), first_row)
    if labels is not None:
        labels = spec.check_labels(labels, len(x), first_row)
    parts = []
    for start in range(0, len(x), batch_size):
        part = slice(start, start + batch_size)
        rows = np.arange(start, start + len(x[part]), dtype=np.int32) + first_row
        given = None if labels is None else labels[part]
        parts.append([ops.convert_to_numpy(out) for out in fn(x[part], rows, given)])
    return tuple(np.concatenate(out) for out in zip(*parts, strict=True))


def map_compiled(model, name, fn, x, labels=None, value_range=None, batch_size=256):
    """Applies `fn(x, labels)`, tensors to a tuple of tensors, compiled.

    Args:
        model: `GenerativeModel`, whose data the samples are.
        name: Of the compiled function.
        fn: Function of samples and int32 labels or None.
        x: Samples, as in `fit`.
        labels: int (B,) for a conditional model, None for another.
        value_range: As in `fit`.
        batch_size: Samples in one call of `fn`.

    Returns:
        Tuple of NumPy arrays.

    Raises:
        TypeError: The samples are sparse.
        ValueError: Labels are missing, or given to an unconditional model.
    """
    x = as_rows(x)
    check_given_labels(model, labels, len(x))
    compiled = model.compiled_function(name, fn)
    return map_batches(
        model,
        lambda part, rows, given: compiled(part, given),
        x,
        labels,
        value_range,
        batch_size,
    )


def check_given_labels(model, labels, num_samples):
    """Raises ValueError unless labels are given to a conditional model only.

    Args:
        model: `GenerativeModel`.
        labels: int (B,), or None.
        num_samples: B.
    """
    if labels is None:
        # The spec of a conditional model says what was expected.
        model.data_spec().check_labels(None, num_samples)
    elif model.num_classes is None:
        raise ValueError(
            "This model is unconditional: expected labels=None. "
            f"Received: labels of type {type(labels).__name__}"
        )
