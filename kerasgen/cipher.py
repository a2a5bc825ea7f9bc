"""Threefry-2x32, the block cipher behind the noise of `kerasgen.random`.

Reference: Salmon et al. 2011, "Parallel Random Numbers: As Easy as 1, 2, 3".
"""

from keras import ops

from kerasgen import backend

_ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
_KEY_PARITY = 0x1BD11BDA


# About 200 operations: a graph of many draws would be traced for seconds.
@backend.traced_once
def threefry(key, counter):
    """Threefry-2x32 with 20 rounds, a block cipher.

    Args:
        key: Pair of int32 tensors.
        counter: Pair of int32 tensors that broadcast with the key and each other.

    Returns:
        Pair of int32 tensors, of the broadcast shape.

    Example:
        >>> zeros = ops.zeros((2, 1), dtype="int32")
        >>> [hex(int(word[0]) % 2**32) for word in threefry(zeros, zeros)]
        ['0x6b200159', '0x99ba4efe']

    Reference: Salmon et al. 2011, section 3.3; constants of Random123.
    """
    # Operators cost a quarter of `keras.ops` on eager tensors. Signed additions and
    # products wrap on every backend, so that a product shifts left.
    keys = (key[0], key[1], key[0] ^ key[1] ^ _KEY_PARITY)
    a, b = counter[0] + keys[0], counter[1] + keys[1]
    carry = (a + b * 0, b + a * 0, (keys[1], keys[2], keys[0]), _ROTATIONS)
    return backend.repeat(5, _four_rounds, carry)[:2]


def _four_rounds(index, carry):
    a, b, keys, (now, then) = carry
    for distance in now:
        a = a + b
        b = _rotate_left(b, distance) ^ a
    a = a + keys[0]
    b = b + (keys[1] + (index + 1))
    return a, b, (keys[1], keys[2], keys[0]), (then, now)


def _rotate_left(x, distance):
    # The right shift of int32 copies the sign bit on every backend, hence the mask.
    factor = _power_of_two(distance)
    low = backend.right_shift(x, 32 - distance) & (factor - 1)
    return x * factor | low


def _power_of_two(exponent):
    if isinstance(exponent, int):
        return 1 << exponent
    return ops.left_shift(ops.ones_like(exponent), exponent)
