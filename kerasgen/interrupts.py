"""Ctrl-C that comes where it would be lost, or would leave something half done."""

import contextlib
import signal
import threading

# Those of the verbs that run, the innermost last.
_recorders = []


@contextlib.contextmanager
def no_interrupt_lost():
    """Lets an interrupt from the keyboard come through, whatever drops it on its way.

    Python drops what is raised in a destructor, a generator that is thrown away or a
    callback of the garbage collector; Keras, where it makes numbers of logs; and in the
    midst of a lock, another error takes its place. What the handler has raised is
    raised once more by `raise_lost_interrupt`, or at the end.
    """
    handler = signal.getsignal(signal.SIGINT)
    if not (_is_main_thread() and callable(handler)):
        yield
        return
    recorder = _Recorder(handler)
    _recorders.append(recorder)
    try:
        signal.signal(signal.SIGINT, recorder)
        yield
    except Exception as error:
        if recorder.raised is None or recorder.raised is error:
            raise
        raise recorder.raised from error
    else:
        recorder.raise_again()
    finally:
        # With what an interrupt at this very place may have left there.
        del _recorders[_recorders.index(recorder) :]
        # A callback may have set one of its own.
        if signal.getsignal(signal.SIGINT) is recorder:
            signal.signal(signal.SIGINT, handler)


def raise_lost_interrupt():
    """Raises what was dropped within `no_interrupt_lost`, if anything was."""
    if _recorders and _is_main_thread():
        _recorders[-1].raise_again()


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


class _Recorder:
    """A handler that remembers what another one raises."""

    def __init__(self, handler):
        self._handler = handler
        self.raised = None

    def __call__(self, *arguments):
        try:
            self._handler(*arguments)
        except BaseException as error:
            self.raised = error
            raise

    def raise_again(self):
        if self.raised is not None:
            raise self.raised


def _is_main_thread():
    return threading.current_thread() is threading.main_thread()
