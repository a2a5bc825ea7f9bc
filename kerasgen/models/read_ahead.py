"""Reads batches in a thread of its own, while the step before them runs."""

import contextlib
import queue
import threading

from kerasgen.interrupts import interrupts_held, raise_lost_interrupt

DEPTH = 2
# What is read when reading is stopped is waited for no longer.
CLOSE_SECONDS = 5.0


class ReadAhead:
    """An iterator whose next items are made in a thread.

    The thread starts with the first item that is asked for, and ends with the last
    one, with an error, or with `close`. The order is that of the iterator, and what
    it raises is raised where the item was due, the same object. An interrupt from the
    keyboard that was lost since the item before is raised there, too.

    Args:
        iterator: Iterator; no other thread may use it until this one is closed.
        depth: Most items that are kept ready.

    Example:

    >>> list(ReadAhead(iter("abc")))
    ['a', 'b', 'c']
    """

    def __init__(self, iterator, depth=DEPTH):
        self._iterator = iterator
        # Without locks in Python, in the midst of which an interrupt becomes an error.
        self._ready, self._room = queue.SimpleQueue(), queue.SimpleQueue()
        for _ in range(depth):
            self._room.put(None)
        self._is_stopped = False
        self._thread = None

    def __iter__(self):
        return self

    def __next__(self):
        raise_lost_interrupt()
        if self._is_stopped:
            raise StopIteration
        if self._thread is None:
            # A source that hangs must not keep the process from its end.
            self._thread = threading.Thread(
                target=self._work, name="kerasgen read ahead", daemon=True
            )
            with interrupts_held():
                self._thread.start()
        item, error = self._ready.get()
        if error is None:
            self._room.put(None)
            return item
        self.close()
        raise error

    def close(self):
        """Ends the thread; what it has read and nobody asked for is dropped."""
        self._is_stopped = True
        # A thread that waits to hand out an item must find room.
        self._room.put(None)
        # An interrupt may have come before it was started, when nobody can join it.
        if self._thread is not None and self._thread.is_alive():
            self._thread.join(CLOSE_SECONDS)
        self._iterator = None
        # Others may take items meanwhile.
        with contextlib.suppress(queue.Empty):
            while True:
                self._ready.get_nowait()
        # Another thread may wait for an item that was just dropped.
        self._ready.put((None, StopIteration()))

    def _work(self):
        iterator, self._iterator = self._iterator, None
        if iterator is None or self._is_stopped:
            return
        try:
            for item in iterator:
                self._room.get()
                if self._is_stopped:
                    return
                self._ready.put((item, None))
        except BaseException as error:
            self._ready.put((None, error))
        else:
            self._ready.put((None, StopIteration()))
