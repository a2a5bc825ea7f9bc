"""Stops `fit` where a value of training is not finite."""

import math

import keras

from kerasgen import backend


class FaultMonitor(keras.callbacks.Callback):
    """Looks at the model's fault flag, and logs how many steps were skipped.

    The update itself is masked at once, and so are those after it, in which a backend
    that computes ahead of Python has a look at the flag.

    Args:
        check_every: Batches between two looks.
        max_skipped_steps: Steps of the run that may be skipped.

    Attributes:
        num_seen: Batches of the epoch that were trained before the last look.
    """

    def __init__(self, check_every, max_skipped_steps):
        super().__init__()
        self.check_every = check_every
        self.max_skipped_steps = max_skipped_steps
        self.num_seen = 0

    def on_train_begin(self, logs=None):
        # A fit that failed may be tried again, with a lower learning rate.
        self.model.faults.clear()
        self._is_first_epoch = True

    def on_epoch_begin(self, epoch, logs=None):
        self.num_seen = 0
        self._steps_before = self._steps()
        self._skipped_before = self.model.skipped_steps
        if self._is_first_epoch:
            # By now a checkpoint has brought the number of the run that it is of.
            self.model.faults.allow(self.max_skipped_steps)
        self._is_first_epoch = False

    def on_train_batch_end(self, batch, logs=None):
        # With `steps_per_execution` the numbers of batches have gaps.
        if batch + 1 - self.num_seen >= self.check_every:
            self.num_seen = batch + 1
            # `self.model` would bring all of JAX's variables up to date.
            is_last = self.num_seen == self.params["steps"]
            if is_last or backend.has_fault(self._model):
                self.model.raise_if_not_finite()

    def on_epoch_end(self, epoch, logs=None):
        self.model.raise_if_not_finite()
        if self.max_skipped_steps:
            skipped = self.model.skipped_steps
            logs["skipped_steps"] = skipped
            if skipped - self._skipped_before == self._steps() - self._steps_before:
                # Means of nothing, which read 0 and would be the best of all.
                logs |= dict.fromkeys(self.model.training_terms, math.nan)

    def _steps(self):
        return int(backend.peek(self.model, self.model.training_steps))
