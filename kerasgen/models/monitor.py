"""What `fit` watches on behalf of every model."""

import warnings

import keras

from kerasgen import distribution


class FitMonitor(keras.callbacks.Callback):
    """Keeps the order of the data, stops at what is not finite, and waits in bounds.

    A step that waits too long for other processes ends this one, as
    `kerasgen.distribution.data_parallel` says; steps that may have to be compiled, the
    first two and the last of the first epoch, take their time.

    Args:
        feed: The `Feed` that `fit` trains on.
        check_every: Batches between two looks at the model's fault flag. The update
            itself is masked at once; a look costs a synchronisation.
        max_skipped_steps: Steps of the run that may be skipped.
    """

    def __init__(self, feed, check_every, max_skipped_steps):
        super().__init__()
        self.feed = feed
        self.check_every = check_every
        self.max_skipped_steps = max_skipped_steps

    def set_params(self, params):
        # 0 stands for an unknown number: see `Feed.num_batches`.
        params["steps"] = params["steps"] or None
        super().set_params(params)

    def on_train_begin(self, logs=None):
        # A fit that failed may be tried again, with a lower learning rate.
        self.model.faults.clear()
        self._is_first_epoch = True
        self._is_first_evaluation = True
        self._watch = distribution.watch()
        self.model.after_fit.callback(self._watch.stop)

    def on_epoch_begin(self, epoch, logs=None):
        self.feed.epoch = epoch
        self._looked_at = 0
        self._num_steps = 0
        if self._is_first_epoch:
            # By now a checkpoint has brought the number of the run that it is of.
            self.model.faults.allow(self.max_skipped_steps)

    def on_train_batch_begin(self, batch, logs=None):
        if not (self._is_first_epoch and self._may_compile()):
            self._watch.begin("a training step")

    def _may_compile(self):
        is_last = self.feed.steps_served == self.feed.epoch_length
        return self._num_steps < 2 or is_last

    def on_train_batch_end(self, batch, logs=None):
        self._num_steps += 1
        # With `steps_per_execution` the numbers of batches have gaps.
        if batch + 1 - self._looked_at >= self.check_every:
            self._looked_at = batch + 1
            self.model.raise_if_not_finite()
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
        self._is_first_epoch = False
        self.model.raise_if_not_finite()
        if self.max_skipped_steps:
            logs["skipped_steps"] = self.model.skipped_steps
        is_last = epoch + 1 >= self.params["epochs"]
        if is_last:
            self._watch.let_others_end()
        if self.feed.ended_early or (self.feed.is_exhausted and not is_last):
            wanted = self.feed.steps_per_epoch
            of_how_many = "" if wanted is None else f" of {wanted}"
            warnings.warn(
                f"The data ended after {self.feed.steps_served}{of_how_many} steps in "
                f"epoch {epoch + 1} of {self.params['epochs']}; training stops after "
                "this epoch.",
                stacklevel=2,
            )
            self.model.stop_training = True
