"""Work on many samples at once, for decoders that let other threads run."""

import itertools
import os
import time
from concurrent.futures import ThreadPoolExecutor

MAX_WORKERS = 8
PARTS_PER_WORKER = 4
# Decoding a small image is mostly Python, in which threads wait for each other: two
# were slower than one for PNG files of 28 x 28.
QUICK_SECONDS = 1.5e-4
TRIALS = 3


def map_in_threads(fn, items):
    """List of `fn(item)`, in the order of the items.

    The caller does the first ones; where these are quick, it does all. The threads end
    with the call, so that who makes one may be copied, pickled and forked.

    Args:
        fn: Function that threads may run side by side.
        items: Sequence.
    """
    workers = min(MAX_WORKERS, os.cpu_count() or 1, len(items))
    if workers < 2:
        return [*map(fn, items)]
    done, are_quick = _try_first(fn, items)
    if are_quick:
        return [*done, *map(fn, items[len(done) :])]
    rest = items[len(done) :]
    size = -(-max(1, len(rest)) // (workers * PARTS_PER_WORKER))
    parts = [rest[start : start + size] for start in range(0, len(rest), size)]
    with ThreadPoolExecutor(workers, "kerasgen read") as pool:
        results = pool.map(lambda part: [fn(item) for item in part], parts)
        return [*done, *itertools.chain.from_iterable(results)]


def _try_first(fn, items):
    """Results of the first items, and whether all of these were quick."""
    done = []
    for item in items[:TRIALS]:
        begun = time.perf_counter()
        done.append(fn(item))
        if time.perf_counter() - begun > QUICK_SECONDS:
            return done, False
    return done, True
