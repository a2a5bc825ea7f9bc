"""Ends a process that waits too long for the others, or that they have left.

No engine bounds every wait: a process that hangs would keep all others for ever, and
on TensorFlow outlive them.
"""

import contextlib
import os
import threading
import time

# "Temporary failure" of sysexits.h: started again, the run may well succeed.
EXIT_CODE = 75
POLLS = 20


class Watch:
    """Exits with code 75 where something takes too long that should have ended.

    The exit is at once, of the whole process: the main thread is stuck.

    Args:
        seconds: Number > 0, the longest wait.
        name: What the process calls itself in its last message.
        others_are_there: Function without arguments that tells whether the other
            processes answer. It is asked when nothing has begun or ended for `seconds`.
        take_leave: Function without arguments that tells the others of an exit.
    """

    def __init__(self, seconds, name, others_are_there, take_leave):
        self.seconds = seconds
        self.name = name
        self.others_are_there = others_are_there
        self.take_leave = take_leave
        # (when, what): one value, for the thread reads it at any instant.
        self._begun = None
        self._stopped = None
        self._others_may_end = lambda: False

    def begin(self, what):
        """Bounds what begins now, in place of what began before.

        Args:
            what: What it is, for the message.
        """
        self._begun = time.monotonic(), what
        if self._stopped is None:
            self._stopped = threading.Event()
            arguments = (self._stopped,)
            threading.Thread(target=self._run, args=arguments, daemon=True).start()

    def end(self):
        """Bounds nothing until the next `begin`."""
        self._begun = time.monotonic(), None

    @contextlib.contextmanager
    def bounded(self, what):
        """Within it `what` is bounded, where anything has been since `stop`."""
        if self._stopped is not None:
            self.begin(what)
        try:
            yield
        finally:
            self.end()

    def let_others_end(self, when):
        """Does not ask for them where they may be done before this process is.

        Args:
            when: Function without arguments that tells whether they may.
        """
        self._others_may_end = when

    def stop(self):
        """Ends the thread that watches."""
        self.end()
        if self._stopped is not None:
            self._stopped.set()
            self._stopped = None

    def _run(self, stopped):
        while not stopped.wait(self.seconds / POLLS):
            begun_at, bounded = self._begun
            if time.monotonic() < begun_at + self.seconds:
                continue
            if bounded is not None:
                self._exit(f"{bounded} within {self.seconds:g} seconds")
            elif not (self._others_may_end() or self.others_are_there()):
                self._exit("the others to be there")

    def _exit(self, expected):
        message = (
            f"kerasgen: {self.name} ends. Expected {expected}; another process has "
            "raised an error of its own, has died or hangs, or data came more slowly "
            "than that. Started again, the run goes on from its newest checkpoint; "
            "where processes wait longer for each other or for data, raise `timeout` "
            f"of `data_parallel`. Received: timeout={self.seconds!r}\n"
        )
        os.write(2, message.encode())
        self.take_leave()
        os._exit(EXIT_CODE)


class NoWatch:
    """A `Watch` of a process that waits for no other."""

    def begin(self, what):
        """Bounds nothing."""

    def end(self):
        """Bounds nothing."""

    def bounded(self, what):
        """Bounds nothing."""
        return contextlib.nullcontext()

    def let_others_end(self, when):
        """Asks for none."""

    def stop(self):
        """Bounds nothing."""
