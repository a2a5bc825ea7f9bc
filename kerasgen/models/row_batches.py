"""Batches of rows in few sizes, so that compilers see few shapes."""

import numpy as np


def row_batches(num_rows, batch_size):
    """Numbers of rows, in batches of one size.

    The size is a power of two, at most `batch_size`, which need be none. What a row
    gives must not depend on the batch that it is in: the last one is filled up with
    rows of its own, whose results are to be cut off.

    Args:
        num_rows: Integer >= 1.
        batch_size: Integer >= 1.

    Returns:
        List of int32 arrays, of equal size.

    Example:

    >>> [rows.tolist() for rows in row_batches(3, 256)]
    [[0, 1, 2, 0]]
    >>> [rows.tolist() for rows in row_batches(5, 3)]
    [[0, 1, 2], [3, 4, 3]]
    """
    size = min(batch_size, 1 << (num_rows - 1).bit_length())
    rows = np.arange(num_rows, dtype=np.int32)
    return [
        np.resize(rows[start : start + size], size)
        for start in range(0, num_rows, size)
    ]
