"""Ctrl-C that comes where it would be lost, or would leave something half done."""

import contextlib
import signal
import sys
import threading


@contextlib.contextmanager
def no_interrupt_lost():
    """Keeps interrupts from the keyboard that Python drops, and raises them at the end.

    It drops what is raised in a destructor, in a generator that is thrown away and in
    callbacks of the garbage collector, of which JAX has one. Loops within this context
    call `raise_lost_interrupt`.
    """
    keeper = before = sys.unraisablehook
    # Within another verb there is one.
    if _is_main_thread() and not isinstance(before, _Keeper):
        sys.unraisablehook = keeper = _Keeper(before)
    try:
        yield
        raise_lost_interrupt()
    finally:
        # A callback may have set its own.
        if sys.unraisablehook is keeper:
            sys.unraisablehook = before


def raise_lost_interrupt():
    """Raises KeyboardInterrupt if one was dropped within `no_interrupt_lost`."""
    keeper = sys.unraisablehook
    if isinstance(keeper, _Keeper) and keeper.has_one and _is_main_thread():
        keeper.has_one = False
        raise KeyboardInterrupt


class _Keeper:
    """A hook for dropped exceptions that keeps interrupts and reports the others."""

    def __init__(self, report):
        self.report = report
        self.has_one = False

    def __call__(self, unraisable):
        if issubclass(unraisable.exc_type, KeyboardInterrupt):
            self.has_one = True
        else:
            self.report(unraisable)


@contextlib.contextmanager
def interrupts_held():
    """Lets an interrupt from the keyboard wait for the end of a step."""
    handler = signal.getsignal(signal.SIGINT)
    if not (_is_main_thread() and callable(handler)):
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


def _is_main_thread():
    return threading.current_thread() is threading.main_thread()
