"""A learning-rate schedule for one player."""

import math

import keras


class PlayerLearningRate(keras.callbacks.Callback):
    """Sets one player's learning rate at the start of each epoch.

    Keras's own `LearningRateScheduler` sets the rate of every player.

    Args:
        player: Name of the player, such as "generator".
        schedule: Function `(epoch, learning_rate)` -> learning rate, finite and >= 0;
            epochs count from 0.

    Raises:
        TypeError: `schedule` is not callable, or the optimizer has a schedule.
        ValueError: The model has no such player, or `schedule` returned a rate out of
            range.

    Example:

    >>> import kerasgen
    >>> halve = kerasgen.callbacks.PlayerLearningRate(
    ...     "generator", lambda epoch, rate: rate / 2 if epoch else rate
    ... )
    """

    def __init__(self, player, schedule):
        super().__init__()
        if not callable(schedule):
            raise TypeError(
                "`schedule` is a function (epoch, learning_rate) -> learning rate. "
                f"Received: schedule={schedule!r}"
            )
        self.player = player
        self.schedule = schedule

    def on_train_begin(self, logs=None):
        if self.player not in self.model.players:
            raise ValueError(
                f"Expected one of the players {sorted(self.model.players)}. "
                f"Received: player={self.player!r}"
            )

    def on_epoch_begin(self, epoch, logs=None):
        optimizer = self.model.optimizer[self.player]
        rate = float(keras.ops.convert_to_numpy(optimizer.learning_rate))
        new_rate = float(self.schedule(epoch, rate))
        if not (math.isfinite(new_rate) and new_rate >= 0):
            raise ValueError(
                f"`schedule` returns a finite learning rate >= 0. Received: {new_rate} "
                f"in epoch {epoch}"
            )
        optimizer.learning_rate = new_rate

    def on_epoch_end(self, epoch, logs=None):
        if logs is not None:
            rate = self.model.optimizer[self.player].learning_rate
            logs[f"{self.player}_learning_rate"] = float(
                keras.ops.convert_to_numpy(rate)
            )
