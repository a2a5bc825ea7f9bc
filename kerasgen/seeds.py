"""Seeds: integers in [0, 2**32), and int32 words of the same bits for graphs."""

import random as python_random

import numpy as np
from keras import ops


def make_seed():
    """Draws a seed from Python's `random`.

    Returns:
        Integer in [0, 2**32), controlled by `keras.utils.set_random_seed`.

    Example:
        >>> python_random.seed(0)
        >>> make_seed()
        3626764237
    """
    return python_random.getrandbits(32)


def check_seed(seed):
    """Returns `seed` as an int.

    Args:
        seed: Integer in [0, 2**32).

    Returns:
        The seed as a Python int.

    Raises:
        ValueError: Not an integer, or out of range.

    Example:
        >>> check_seed(7)
        7
    """
    is_integer = isinstance(seed, int | np.integer) and not isinstance(seed, bool)
    if not is_integer or not 0 <= seed < 2**32:
        raise ValueError(f"`seed` is an integer in [0, 2**32). Received: seed={seed!r}")
    return int(seed)


def seed_word(seed):
    """A seed as the int32 with the same bits, an argument for compiled functions.

    Args:
        seed: Integer in [0, 2**32).

    Returns:
        NumPy int32 scalar.

    Example:
        >>> int(seed_word(2**32 - 1))
        -1
    """
    return np.uint32(seed).astype(np.int32)


def add_seed(layer, seed):
    """Adds a seed to a layer's or a model's state, so that a save carries it.

    Args:
        layer: `keras.Layer` or `keras.Model`.
        seed: Integer in [0, 2**32), or None to draw one.

    Returns:
        int32 `keras.Variable`, scalar, with the bits of the seed.
    """
    word = seed_word(make_seed() if seed is None else check_seed(seed))
    return layer.add_weight(
        shape=(),
        initializer=lambda shape, dtype: ops.full(shape, int(word), dtype),
        dtype="int32",
        trainable=False,
        aggregation="only_first_replica",
        name="seed",
    )


def seed_of_word(word):
    """The seed with the bits of an int32: the inverse of `seed_word`.

    Args:
        word: int32 scalar array.

    Returns:
        Integer in [0, 2**32).

    Example:
        >>> seed_of_word(seed_word(2**32 - 1)) == 2**32 - 1
        True
    """
    return int(np.asarray(word).astype(np.uint32))
