"""Counter-based noise: the same numbers on every backend, keyed by global row.

Every number is a pure function of (seed, step, stream, substep, row, element) through
the Threefry-2x32 block cipher, in int32 arithmetic. No two draws share numbers, a
data-parallel replica draws what a single device would, and the only state to save is
a step counter. Everything here runs eagerly and inside `tf.function` and `jax.jit`.
A draw is about 250 small operations, which PyTorch, without a compiler here to fuse
them, leaves to NumPy on a CPU: draw a step's noise at once.

Reference: Salmon et al. 2011, "Parallel Random Numbers: As Easy as 1, 2, 3".
"""

import contextlib
import contextvars
import math
import zlib

from keras import ops

from kerasgen import backend
from kerasgen.cipher import threefry
from kerasgen.seeds import check_seed, seed_word

_TWO_PI = 2.0 * math.pi

# A context variable, because tf.distribute traces each replica in a thread of its own.
_scope_rows = contextvars.ContextVar("kerasgen_rows", default=None)


def stream_id(name):
    """The number of a stream of noise.

    Args:
        name: What the draws are for, such as "latent".

    Returns:
        CRC-32 of the UTF-8 name, as a signed 32-bit integer.

    Example:
        >>> stream_id("latent")
        1827798387
    """
    return int(seed_word(zlib.crc32(name.encode())))


def key(seed, stream="", step=0, substep=0):
    """Derives the key of one draw.

    Args:
        seed: Integer in [0, 2**32), or an int32 scalar tensor with the same bits.
        stream: Name of what the draw is for.
        step: Integer or int32 scalar tensor.
        substep: Integer or int32 scalar tensor.

    Returns:
        int32 (2,): Threefry of (step, substep) under (seed, stream).

    Raises:
        ValueError: `seed` is a Python integer out of range.

    Example:
        >>> tuple(key(0, "latent", step=3).shape)
        (2,)
    """
    return _stacked_key(seed, stream, step, substep)


def bits(key, rows, num, laps=None):
    """Random 32-bit words.

    Args:
        key: int32 (2,), from `key`.
        rows: int32 (B,), global row numbers.
        num: Words a row.
        laps: int32 (B,) or None for zeros: tells samples with equal rows apart.

    Returns:
        int32 (B, num); words 2i and 2i + 1 are the cipher of (row, i).

    Example:
        >>> tuple(bits(key(0), ops.arange(3, dtype="int32"), 5).shape)
        (3, 5)
    """
    return _flat(_word_pairs(key, rows, laps, _num_blocks(num)), (num,))


def uniform(key, rows, shape, laps=None):
    """Uniform numbers in [0, 1), multiples of 2**-24, bit-equal on every backend.

    Args:
        key: int32 (2,), from `key`.
        rows: int32 (B,), global row numbers.
        shape: Shape of one row.
        laps: int32 (B,) or None; see `bits`.

    Returns:
        float32 (B, *shape).

    Example:
        >>> u = uniform(key(0), ops.arange(3, dtype="int32"), (2, 2))
        >>> bool(ops.all((u >= 0) & (u < 1)))
        True
    """
    num_blocks = _num_blocks(math.prod(shape))
    return _flat(_uniform_pairs(key, rows, laps, num_blocks), shape)


def normal(key, rows, shape, laps=None):
    """Standard normal numbers, within 1e-6 of each other on every backend.

    Args:
        key: int32 (2,), from `key`.
        rows: int32 (B,), global row numbers.
        shape: Shape of one row.
        laps: int32 (B,) or None; see `bits`.

    Returns:
        float32 (B, *shape), below 5.8 in magnitude.

    Example:
        >>> tuple(normal(key(0), ops.arange(3, dtype="int32"), (4,)).shape)
        (3, 4)

    Reference: Box and Muller 1958, "A Note on the Generation of Random Normal
    Deviates".
    """
    num_blocks = _num_blocks(math.prod(shape))
    return _flat(_normal_pairs(key, rows, laps, num_blocks), shape)


# What follows works in one namespace `xp`, `keras.ops` or NumPy, and arrays of it.


def _key_words(xp, seed, stream, step, substep):
    if isinstance(seed, int):
        seed = seed_word(check_seed(seed))
    words = seed, stream_id(stream), step, substep
    # The sum reads variables, which TensorFlow takes for arrays: its `threefry` would
    # be traced for the variables of the first model.
    seed, stream, step, substep = (xp.array(w, dtype="int32") + 0 for w in words)
    return threefry((seed, stream), (step, substep))


@backend.elementwise
def _stacked_key(xp, *words):
    return xp.stack(_key_words(xp, *words))


def _blocks(xp, key, rows, laps, num_blocks):
    """The cipher of each (row, block): a pair of int32 (B, num_blocks)."""
    index = xp.arange(num_blocks, dtype="int32")[None, :]
    if laps is not None:
        index = index + xp.array(laps, dtype="int32")[:, None] * num_blocks
    return threefry(key, (xp.array(rows, dtype="int32")[:, None], index))


def _to_words(xp, first, second):
    return xp.stack((first, second), axis=-1)


def _to_uniform(xp, first, second):
    return xp.stack((_unit(xp, first), _unit(xp, second)), axis=-1)


def _to_normal(xp, first, second):
    # 1 - u lies in (0, 1], so that the logarithm is finite.
    radius = xp.sqrt(xp.log(1.0 - _unit(xp, first)) * -2.0)
    angle = _unit(xp, second) * _TWO_PI
    return xp.stack((radius * xp.cos(angle), radius * xp.sin(angle)), axis=-1)


def _unit(xp, words):
    top = backend.right_shift(words, 8) & 0xFFFFFF
    return xp.array(top, dtype="float32") * 2.0**-24


def _pairs_of_key(to_numbers):
    """Function of (key, rows, laps, num_blocks): numbers (B, num_blocks, 2)."""

    @backend.elementwise
    def draw(xp, key, rows, laps, num_blocks):
        return to_numbers(xp, *_blocks(xp, key, rows, laps, num_blocks))

    return draw


def _pairs_of_step(to_numbers):
    """As `_pairs_of_key`, of what the key is made of, in one go."""

    @backend.elementwise
    def draw(xp, seed, stream, step, substep, rows, laps, num_blocks):
        key = _key_words(xp, seed, stream, step, substep)
        return to_numbers(xp, *_blocks(xp, key, rows, laps, num_blocks))

    return draw


_word_pairs = _pairs_of_key(_to_words)
_uniform_pairs = _pairs_of_key(_to_uniform)
_normal_pairs = _pairs_of_key(_to_normal)
_uniform_pairs_of_step = _pairs_of_step(_to_uniform)
_normal_pairs_of_step = _pairs_of_step(_to_normal)


def _num_blocks(num):
    return (num + 1) // 2


def _flat(pairs, shape):
    """(B, blocks, 2) to (B, *shape), without the last of an odd number."""
    num = math.prod(shape)
    if not isinstance(num, int) or num % 2:
        pairs = ops.reshape(pairs, (-1, 2 * _num_blocks(num)))[:, :num]
    return ops.reshape(pairs, (-1, *shape))


class Noise:
    """The noise of one training step.

    Args:
        seed: Integer in [0, 2**32), or an int32 scalar tensor with the same bits.
        step: Integer or int32 scalar tensor.
        rows: int32 (B,), global row numbers of the batch.
        laps: int32 (B,) or None for zeros: tells samples with equal rows apart.

    Example:
        >>> noise = Noise(seed=0, step=3, rows=ops.arange(8, dtype="int32"))
        >>> tuple(noise.normal("latent", (16,)).shape)
        (8, 16)
    """

    def __init__(self, seed, step, rows, laps=None):
        self.seed = seed
        self.step = step
        self.rows = rows
        self.laps = laps

    def of_rows(self, rows):
        """The same step's noise for other rows.

        Args:
            rows: int32 (B,), global row numbers.

        Returns:
            `Noise`.
        """
        return Noise(self.seed, self.step, rows)

    def normal(self, stream, shape, substep=0):
        """Standard normal numbers; see the function `normal`.

        Args:
            stream: Name of what the draw is for.
            shape: Shape of one row.
            substep: Integer or int32 scalar tensor, for repeated draws in one step.

        Returns:
            float32 (B, *shape).
        """
        return self._draw(_normal_pairs_of_step, stream, shape, substep)

    def uniform(self, stream, shape, substep=0):
        """Uniform numbers in [0, 1); see the function `uniform`.

        Args:
            stream: Name of what the draw is for.
            shape: Shape of one row.
            substep: Integer or int32 scalar tensor, for repeated draws in one step.

        Returns:
            float32 (B, *shape).
        """
        return self._draw(_uniform_pairs_of_step, stream, shape, substep)

    def _draw(self, pairs_of, stream, shape, substep):
        words = self.seed, stream, self.step, substep
        num_blocks = _num_blocks(math.prod(shape))
        return _flat(pairs_of(*words, self.rows, self.laps, num_blocks), shape)


@contextlib.contextmanager
def row_scope(rows):
    """Tells layers which global rows the current batch holds.

    Args:
        rows: int32 (B,).

    Example:
        >>> import numpy as np
        >>> with row_scope(np.array([4, 5], "int32")):
        ...     rows, laps = current_rows(4)
        >>> [int(row) for row in rows], [int(lap) for lap in laps]
        ([4, 5, 4, 5], [0, 0, 1, 1])
    """
    token = _scope_rows.set(rows)
    try:
        yield
    finally:
        _scope_rows.reset(token)


def current_rows(batch_size):
    """Global rows of a layer's input.

    Args:
        batch_size: Integer or int32 scalar tensor.

    Returns:
        Pair of int32 (B,): rows, and laps that tell samples apart where a layer is
        called on more rows than the scope has. Without a scope the rows count from 0.

    Example:
        >>> rows, laps = current_rows(3)
        >>> [int(row) for row in rows], [int(lap) for lap in laps]
        ([0, 1, 2], [0, 0, 0])
    """
    index = ops.arange(batch_size, dtype="int32")
    scope_rows = _scope_rows.get()
    if scope_rows is None:
        return index, ops.zeros_like(index)
    rows = ops.cast(scope_rows, "int32")
    num_rows = ops.shape(rows)[0]
    return ops.take(rows, index % num_rows, axis=0), index // num_rows
