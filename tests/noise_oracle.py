"""Counter-based noise in NumPy's unsigned integers and float64."""

import zlib

import numpy as np

ROTATIONS = (13, 15, 26, 6, 17, 29, 16, 24)


def threefry(key, counter):
    """Threefry-2x32 with 20 rounds on arrays of uint32."""
    key = [np.asarray(word, np.uint32).reshape(-1) for word in key]
    key.append(key[0] ^ key[1] ^ np.uint32(0x1BD11BDA))
    a, b = (np.asarray(word, np.uint32) for word in counter)
    a, b = np.broadcast_arrays(a + key[0], b + key[1])
    for round_index in range(20):
        a = a + b
        distance = np.uint32(ROTATIONS[round_index % 8])
        b = (b << distance | b >> (np.uint32(32) - distance)) ^ a
        if round_index % 4 == 3:
            injection = round_index // 4 + 1
            a = a + key[injection % 3]
            b = b + key[(injection + 1) % 3] + np.uint32(injection)
    return a, b


def key(seed, stream="", step=0, substep=0):
    """uint32 (2,)."""
    words = [zlib.crc32(stream.encode()), step % 2**32, substep % 2**32]
    stream, step, substep = (np.array([word], np.uint32) for word in words)
    return np.concatenate(threefry((seed, stream), (step, substep)))


def bits(key, rows, num, laps=None):
    """uint32 (B, num)."""
    num_blocks = -(-num // 2)
    laps = np.zeros(len(rows), np.uint32) if laps is None else np.asarray(laps)
    index = np.arange(num_blocks) + laps[:, None].astype(np.int64) * num_blocks
    rows = np.asarray(rows)[:, None]
    pair = threefry(key, (rows.astype(np.uint32), index.astype(np.uint32)))
    return np.stack(pair, axis=-1).reshape(len(rows), -1)[:, :num]


def uniform(key, rows, shape, laps=None):
    """float64 (B, *shape)."""
    words = bits(key, rows, int(np.prod(shape)), laps)
    return ((words >> np.uint32(8)) / 2.0**24).reshape(len(rows), *shape)


def normal(key, rows, shape, laps=None):
    """float64 (B, *shape)."""
    num = int(np.prod(shape))
    u = uniform(key, rows, (-(-num // 2), 2), laps)
    radius = np.sqrt(-2.0 * np.log(1.0 - u[..., 0]))
    angle = 2.0 * np.pi * u[..., 1]
    pair = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=-1)
    return pair.reshape(len(rows), -1)[:, :num].reshape(len(rows), *shape)
