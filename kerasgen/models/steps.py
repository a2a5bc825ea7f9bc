"""A step as this process reads it: of the global batch only its own rows."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Step:
    """What one step sees.

    num_rows: Samples of the step, on all processes together.
    shares: List of `(x, rows)` or `(x, rows, labels)`, NumPy arrays: one for each
        replica of this process. `rows` number the samples of the global batch.
    """

    num_rows: int
    shares: list

    @property
    def dtype(self):
        return self.shares[0][0].dtype


def read_step(batches, num_rows, shares, offset=0):
    """Reads the rows of this process, each once, and nothing else.

    Args:
        batches: List of `Batch`es, which follow each other in the step.
        num_rows: Samples of the step, on all processes together; the batches may hold
            more.
        shares: List of int32 arrays (n,), the rows of each replica of this process in
            the step, not decreasing.
        offset: Integer that is added to their numbers.

    Returns:
        `Step`.
    """
    own = np.unique(np.concatenate(shares))
    x, labels = _read_rows(batches, own)
    arrays = (x,) if labels is None else (x, labels)
    parts = []
    for rows in shares:
        part = arrays
        if len(rows) != len(own):
            positions = np.searchsorted(own, rows)
            part = tuple(array[positions] for array in arrays)
        parts.append((part[0], rows + np.int32(offset), *part[1:]))
    return Step(num_rows, parts)


def _read_rows(batches, rows):
    """Copies of rows of consecutive batches, of which nothing else is read."""
    parts, start = [], 0
    for batch in batches:
        own = rows[(rows >= start) & (rows < start + batch.num_rows)] - start
        if len(own):
            parts.append(batch.read(own))
        start += batch.num_rows
    if len(parts) == 1:
        return parts[0]
    x, labels = zip(*parts, strict=True)
    return np.concatenate(x), None if labels[0] is None else np.concatenate(labels)
