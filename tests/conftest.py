"""What all tests share."""

import signal

import keras
import pytest

if keras.backend.backend() == "tensorflow":
    import tensorflow as tf

    # Graphs that run for milliseconds should not be optimised for seconds. Tests that
    # start programs of their own run them as users do.
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})


@pytest.fixture
def takes_interrupts():
    """A shell that starts tests in the background lets them ignore Ctrl-C."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
