"""Noise for computations on the host: drawn on the device, some rows at a time."""

import functools

import keras
import numpy as np
from keras import ops

from kerasgen import backend, random, seeds
from kerasgen.models.row_batches import row_batches

MAX_ROWS = 1024


def uniform_rows(stream, shape, num_rows, seed, step):
    """Uniform numbers of the first rows; see `kerasgen.random.uniform`.

    Args:
        stream: Name of what the draw is for.
        shape: Tuple, shape of one row.
        num_rows: Integer >= 1.
        seed: Integer in [0, 2**32).
        step: Integer.

    Returns:
        float32 array (num_rows, *shape).

    Example:

    >>> uniform_rows("component", (), 3, seed=0, step=1).shape
    (3,)
    """
    draw = _compiled_uniform(stream, shape)
    step = np.int32(step)
    return map_rows(lambda rows, word: draw(rows, word, step), num_rows, seed)


def map_rows(draw, num_rows, seed, *arrays):
    """`draw(rows, seed, *arrays)` of many rows, with few shapes to compile for.

    Args:
        draw: Function of int32 row numbers (B,), an int32 seed and arrays with B rows
            that returns a tensor with B rows.
        num_rows: Integer >= 1.
        seed: Integer in [0, 2**32).
        *arrays: Arrays with `num_rows` rows.

    Returns:
        NumPy array with `num_rows` rows.
    """
    parts = []
    for rows in row_batches(num_rows, MAX_ROWS):
        part = draw(rows, seeds.seed_word(seed), *[array[rows] for array in arrays])
        parts.append(ops.convert_to_numpy(part))
    return np.concatenate(parts)[:num_rows]


@functools.cache
def _compiled_uniform(stream, shape):
    def draw(rows, seed, step):
        return random.Noise(seed, step, rows).uniform(stream, shape)

    # It reads no weights, so that one compilation serves every model.
    return backend.compiled(draw, keras.layers.Identity())
