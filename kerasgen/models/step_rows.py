"""Which rows of a step's global batch a process reads."""

import numpy as np


def all_rows(num_rows):
    """Every row: what a process reads that trains alone.

    Args:
        num_rows: Samples of the global batch.

    Returns:
        int32 array (num_rows,).
    """
    return np.arange(num_rows, dtype=np.int32)


def shard_rows(num_rows, shard, num_shards, parts=1):
    """The rows of one of several processes, as many for each.

    A step of k updates is k batches in one, each of which every process has its share
    of: the rows of its shares follow each other, and are again k parts of a size.

    Args:
        num_rows: Samples of the global batch, a multiple of `parts`.
        shard: Number of the process, in [0, num_shards).
        num_shards: Number of processes.
        parts: k.

    Returns:
        int32 array (num_rows / num_shards,), increasing.

    Raises:
        ValueError: A part cannot be split evenly.

    Example:

    >>> shard_rows(8, shard=1, num_shards=2, parts=2).tolist()
    [2, 3, 6, 7]
    """
    size = num_rows // parts
    if size % num_shards:
        raise ValueError(
            f"Expected a batch that {num_shards} processes can split evenly. "
            f"Received: {size} samples"
        )
    share = size // num_shards
    rows = np.arange(num_rows, dtype=np.int32).reshape(parts, size)
    return rows[:, shard * share : (shard + 1) * share].reshape(-1)
