"""SIGTERM in the middle of `fit`: noticed by one process, heeded by all at one step."""

import contextlib
import os
import signal
import threading
import time
from pathlib import Path

from kerasgen import distribution
from kerasgen._launch import ENDED

EXIT_CODE = 128 + signal.SIGTERM
# Between two talks about it, of processes that train together.
SECONDS_BETWEEN_TALKS = 1.0
MOST_STEPS_BETWEEN_TALKS = 1000
_TOLD = 2**16


class Termination:
    """Holds SIGTERM back until a step has ended.

    Only in the main thread, and only where nothing else handles the signal.
    """

    def __init__(self):
        self._is_told = False
        self._is_heeded = False
        self._steps_left = 1
        self._last_talk = time.monotonic()
        self._steps_between = 1

    def begin(self):
        """Handles the signal from now on, where nothing else does."""
        self._is_handled = (
            threading.current_thread() is threading.main_thread()
            and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
        )
        if self._is_handled:
            signal.signal(signal.SIGTERM, self._take)

    def _take(self, number, frame):
        self._is_told = True

    def end(self):
        """Handles it no longer; a signal that came too late ends the process now."""
        if self._is_handled:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            if self._is_told and not self._is_heeded:
                signal.raise_signal(signal.SIGTERM)

    def is_due(self):
        """Whether a process was told to end; all call this at the same steps.

        The processes talk about it about once a second by the clock of the first.

        Returns:
            bool, the same on all.
        """
        if distribution.num_processes() == 1:
            return self._is_told
        self._steps_left -= 1
        return self._steps_left == 0 and self.talk()

    def talk(self):
        """As `is_due`, but now."""
        if distribution.num_processes() == 1:
            return self._is_told
        steps = self._next_steps() if distribution.is_first_process() else 0
        total = distribution.process_sum(self._is_told * _TOLD + steps)
        self._steps_left = self._steps_between = total % _TOLD
        return total >= _TOLD

    def _next_steps(self):
        """As many steps as took a second since the last talk."""
        now = time.monotonic()
        seconds_a_step = (now - self._last_talk) / self._steps_between
        self._last_talk = now
        steps = SECONDS_BETWEEN_TALKS / max(seconds_a_step, 1e-9)
        return max(1, min(int(steps), MOST_STEPS_BETWEEN_TALKS))

    def exit(self):
        """Ends the process as SIGTERM does, but in good order.

        Raises:
            SystemExit: Always, with code 143.
        """
        self._is_heeded = True
        if ENDED in os.environ:
            # Nobody reads it where the command was killed.
            with contextlib.suppress(OSError):
                Path(os.environ[ENDED]).touch()
        raise SystemExit(EXIT_CODE)
