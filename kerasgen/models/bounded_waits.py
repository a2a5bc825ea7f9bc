"""Bounds how long `fit` waits for other processes."""

import math

import keras

from kerasgen import backend, distribution


class BoundedWaits(keras.callbacks.Callback):
    """Ends the process where a step waits too long for the others.

    See `kerasgen.distribution.data_parallel`. Steps that may have to be compiled, the
    first two and the last of the first epoch, take their time, where any are.

    Args:
        feed: The `Feed` that `fit` trains on.
        monitor: The `FaultMonitor` of this `fit`, a callback before this one.
    """

    def __init__(self, feed, monitor):
        super().__init__()
        self.feed = feed
        self.monitor = monitor

    def on_train_begin(self, logs=None):
        self._compiles = backend.compiles_steps(self.model)
        self._is_first_epoch = self._is_first_evaluation = self._compiles
        self._watch = distribution.watch()
        self.model.after_fit.callback(self._watch.stop)
        self._is_over = False
        # Others may, once they have trained what this process has.
        self._watch.let_others_end(lambda: self._is_over or self._model.stop_training)

    def on_epoch_begin(self, epoch, logs=None):
        self._num_steps = 0

    def on_train_batch_begin(self, batch, logs=None):
        if not (self._is_first_epoch and self._may_compile(batch)):
            self._watch.begin("a training step")

    def _may_compile(self, batch):
        # A stream tells its length when its last step is read.
        length = self.feed.epoch_length or self.params["steps"] or math.inf
        # `self.model` would bring all of JAX's variables up to date.
        reached = self.feed.steps_before + batch + self._model.steps_per_execution
        return self._num_steps < 2 or reached >= length

    def on_train_batch_end(self, batch, logs=None):
        self._num_steps += 1
        if self.monitor.num_seen == batch + 1:
            # Only now is the step done, on a backend that does not wait for it.
            self._watch.end()
        if batch + 1 == self.params["steps"] and not self._is_first_epoch:
            # Which Keras now reads, on TensorFlow from all processes.
            self._watch.begin("the logs of an epoch")

    def on_test_begin(self, logs=None):
        self._num_evaluated = 0
        self._watch.end()

    def on_test_batch_begin(self, batch, logs=None):
        if self._num_evaluated and not self._is_first_evaluation:
            self._watch.begin("a step of validation")
        self._num_evaluated += 1

    def on_test_end(self, logs=None):
        self._is_first_evaluation = False
        self._watch.end()

    def on_epoch_end(self, epoch, logs=None):
        self._watch.end()
        # The rest of a resumed epoch may not have had steps of every size.
        is_rest = self.feed.steps_before > 0
        self._is_first_epoch = self._is_first_epoch and is_rest
        self._is_over = epoch + 1 >= self.params["epochs"]
