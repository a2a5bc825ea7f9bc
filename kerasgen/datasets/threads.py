"""Work on many samples at once, for decoders that let other threads run."""

import os
from concurrent.futures import ThreadPoolExecutor

MAX_WORKERS = 8


def map_in_threads(fn, items):
    """List of `fn(item)`, in the order of the items.

    The threads end with the call, so that who makes one may be copied, pickled and
    forked.

    Args:
        fn: Function that threads may run side by side.
        items: Sequence.
    """
    workers = max(1, min(MAX_WORKERS, os.cpu_count() or 1, len(items)))
    with ThreadPoolExecutor(workers, "kerasgen read") as pool:
        return list(pool.map(fn, items))
