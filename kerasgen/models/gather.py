"""All samples of a source of data, for what is fitted to them at once."""

import numpy as np

from kerasgen.models.sources import is_array, make_source

BATCH_SIZE = 256


def gather_samples(model, x, y=None, value_range=None):
    """Reads a source whole.

    Args:
        model: `GenerativeModel`, whose data it is.
        x: As in `GenerativeModel.fit`.
        y: As in `GenerativeModel.fit`.
        value_range: As in `GenerativeModel.fit`.

    Returns:
        `(samples, labels)`: a checked array, and int32 labels or None.

    Raises:
        TypeError: The data's dtype is not accepted.
        ValueError: The data does not fit the model, there is none, or it is too large
            to be in memory at once.
    """
    source = source_of(model, x, y, value_range)
    source.check_whole()
    parts, labels = zip(*_read(source), strict=True)
    return np.concatenate(parts), None if labels[0] is None else np.concatenate(labels)


def gather_codes(encode, source):
    """Codes of all samples of a source, of which a batch is in memory at a time.

    Args:
        encode: Function of checked samples, their int32 labels or None, and the number
            of the first of them, that returns an array with a row a sample.
        source: What `source_of` returns.

    Returns:
        Array (N, ...).

    Raises:
        TypeError: A batch's dtype is not accepted.
        ValueError: A batch does not fit the model, or there is none.
    """
    parts, first_row = [], 0
    for samples, labels in _read(source):
        parts.append(encode(samples, labels, first_row))
        first_row += len(samples)
    return np.concatenate(parts)


def source_of(model, x, y=None, value_range=None):
    """The `Source` of samples in their order; arrays are checked whole.

    Args:
        model: `GenerativeModel`, whose data it is.
        x: As in `GenerativeModel.fit`.
        y: As in `GenerativeModel.fit`.
        value_range: As in `GenerativeModel.fit`.

    Raises:
        TypeError: The data's dtype is not accepted.
        ValueError: The data does not fit the model.
    """
    batch_size = BATCH_SIZE if is_array(x) else None
    return make_source(
        x, y, batch_size, model.seed, False, model.data_spec(value_range)
    )


def _read(source):
    """Pairs of checked samples and labels, batch by batch."""
    is_empty = True
    for batch in source.batches(0, 0):
        yield batch.read(np.arange(batch.num_rows))
        is_empty = False
    if is_empty:
        raise ValueError("Expected at least one sample. Received: no batch")
