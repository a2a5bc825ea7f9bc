"""Which data an epoch of `fit` is trained on, and where they end."""

import warnings

import keras


class EpochOrder(keras.callbacks.Callback):
    """Tells the feed the epoch, whose order it keeps, and stops where the data do.

    Args:
        feed: The `Feed` that `fit` trains on.
    """

    def __init__(self, feed):
        super().__init__()
        self.feed = feed

    def set_params(self, params):
        # 0 stands for an unknown number: see `Feed.num_batches`.
        params["steps"] = params["steps"] or None
        super().set_params(params)

    def on_epoch_begin(self, epoch, logs=None):
        self.feed.epoch = epoch

    def on_epoch_end(self, epoch, logs=None):
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
