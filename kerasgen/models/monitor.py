"""What `fit` watches on behalf of every model."""

import warnings

import keras


class FitMonitor(keras.callbacks.Callback):
    """Keeps the order of the data, and stops at the first value that is not finite.

    Args:
        feed: The `Feed` that `fit` trains on.
        check_every: Batches between two looks at the model's fault flag. The update
            itself is masked at once; a look costs a synchronisation.
    """

    def __init__(self, feed, check_every):
        super().__init__()
        self.feed = feed
        self.check_every = check_every

    def set_params(self, params):
        # 0 stands for an unknown number: see `Feed.num_batches`.
        params["steps"] = params["steps"] or None
        super().set_params(params)

    def on_train_begin(self, logs=None):
        # A fit that failed may be tried again, with a lower learning rate.
        self.model.faults.clear()

    def on_epoch_begin(self, epoch, logs=None):
        self.feed.epoch = epoch
        self._looked_at = 0

    def on_train_batch_end(self, batch, logs=None):
        # With `steps_per_execution` the numbers of batches have gaps.
        if batch + 1 - self._looked_at >= self.check_every:
            self._looked_at = batch + 1
            self.model.raise_if_not_finite()

    def on_epoch_end(self, epoch, logs=None):
        self.model.raise_if_not_finite()
        is_last = epoch + 1 >= self.params["epochs"]
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
