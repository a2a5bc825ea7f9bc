"""All samples of a source of data, for what is fitted to them at once."""

import numpy as np

from kerasgen.models.sources import make_source


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
        ValueError: The data does not fit the model, or there is none.
    """
    spec = model.data_spec(value_range)
    source = make_source(x, y, None, model.seed, False, spec)
    parts, labels, num_rows = [], [], 0
    for part, given in source.batches(0, 0):
        parts.append(part if source.checked else spec.check(part, num_rows))
        if spec.num_classes is not None:
            labels.append(spec.check_labels(given, len(part), num_rows))
        num_rows += len(part)
    if not parts:
        raise ValueError("Expected at least one sample. Received: no batch")
    return np.concatenate(parts), np.concatenate(labels) if labels else None
