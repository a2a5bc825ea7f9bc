"""Logs as numbers, before Keras makes numbers of them.

Keras does so in a `try` that drops whatever is raised there. That is where a loop waits
for steps that are computed beside it, and an interrupt from the keyboard would be lost.
"""

import functools

import keras


def read(logs):
    """A dict whose tensors are NumPy arrays."""
    return {
        name: keras.ops.convert_to_numpy(value) if keras.ops.is_tensor(value) else value
        for name, value in logs.items()
    }


def reading(function):
    """A train or test function whose logs are read once it is done."""

    @functools.wraps(function)
    def run(*arguments):
        return read(function(*arguments))

    return run


class ReadsEpochs:
    """For a `keras.Model`: logs of epochs and evaluations are read here, too."""

    def _get_metrics_result_or_logs(self, logs):
        return read(super()._get_metrics_result_or_logs(logs))
