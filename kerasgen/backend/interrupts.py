"""Ctrl-C that comes where it would leave something half done."""

import contextlib
import signal
import threading


@contextlib.contextmanager
def interrupts_held():
    """Lets an interrupt from the keyboard wait for the end of a step."""
    handler = signal.getsignal(signal.SIGINT)
    is_main = threading.current_thread() is threading.main_thread()
    if not (is_main and callable(handler)):
        yield
        return
    told = []
    signal.signal(signal.SIGINT, lambda *arguments: told.append(arguments))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)
        if told:
            handler(*told[0])
