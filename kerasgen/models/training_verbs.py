"""`TrainingVerbs`: `fit`, `evaluate` and their like, from a user's data to logs."""

import contextlib

import keras
import numpy as np

from kerasgen import backend, distribution
from kerasgen.arguments import check_integer, check_positive_integer
from kerasgen.interrupts import no_interrupt_lost
from kerasgen.models.bounded_waits import BoundedWaits
from kerasgen.models.epoch_order import EpochOrder
from kerasgen.models.fault_monitor import FaultMonitor
from kerasgen.models.feed import Feed
from kerasgen.models.player_training import PlayerTraining
from kerasgen.models.training_data import (
    make_batch,
    make_evaluation_feed,
    make_training_feed,
    make_validation_feed,
    no_end_of_data_warning,
    split_arrays,
)


class TrainingVerbs(PlayerTraining):
    """The part of `GenerativeModel` that users call with data to train on."""

    # An ExitStack within `fit`.
    after_fit = None

    @no_interrupt_lost()
    def fit(
        self,
        x=None,
        y=None,
        batch_size=None,
        epochs=1,
        verbose="auto",
        callbacks=None,
        validation_split=0.0,
        validation_data=None,
        shuffle=True,
        initial_epoch=0,
        steps_per_epoch=None,
        validation_steps=None,
        validation_batch_size=None,
        validation_freq=1,
        value_range=None,
        check_every=1,
        max_skipped_steps=0,
    ):
        """Trains the model; arguments are those of `keras.Model.fit`, plus three.

        A step is one round of every player. A model with k discriminator steps takes
        k batches of `batch_size` fresh samples a step, so an epoch, one pass over
        the data, has 1/k as many steps. Arrays are shuffled anew each epoch in an
        order fixed by the model's seed and the epoch; other sources keep theirs.

        Args:
            x: uint8 images (N, H, W, C), float32 images in [-1, 1] or float vectors
                (N, D), in memory, in a mapped file or in an array-like on disk, of
                which a batch is read at a time; or a `keras.utils.PyDataset`,
                `tf.data.Dataset`, torch `DataLoader` or iterable of batches `x` or
                `(x, labels)`. The next few are read while a step runs, in a thread. A
                `tf.data.Dataset` is not tuned, since the end of tuning holds training
                up for seconds, unless its options say `autotune.enabled = True`;
                AUTOTUNE then means TensorFlow's first guess.
            y: int labels (N,) beside an array, for conditional models.
            batch_size: Samples in one discriminator (or VAE) step; 32 by default. A
                rest of one sample is left out beside BatchNormalization.
            epochs: Epoch at which training ends, at least 1.
            verbose: "auto", 0, 1 or 2.
            callbacks: List of `keras.callbacks.Callback`.
            validation_split: Share of arrays to hold out from their end, in [0, 1).
            validation_data: x, or the tuple (x, y), to `evaluate` after an epoch.
            shuffle: Whether arrays are shuffled.
            initial_epoch: Epoch at which training starts.
            steps_per_epoch: Training steps an epoch; None for a pass over the data. A
                `PyDataset`, or an iterable that can be started again, starts anew each
                epoch: hand in an iterator, such as `iter(dataset.repeat())`, to go on
                where the epoch before ended.
            validation_steps: Batches of validation data; None for all.
            validation_batch_size: `batch_size` by default.
            validation_freq: Epochs between two evaluations.
            value_range: (low, high) of float images in another range than [-1, 1].
            check_every: Batches between two looks for values that are not finite.
            max_skipped_steps: Steps of a run, over all its resumptions, that may be
                skipped because data, a loss or a gradient is NaN or infinite: the
                update and those that follow in the step are left out, of the logs, too.
                Above 0, data need not be finite, and the logs of each epoch hold the
                number so far as "skipped_steps".

        Returns:
            `keras.callbacks.History`.

        Raises:
            TypeError: The data's dtype is not accepted.
            ValueError: The data does not fit the model, or a value is not finite:
                before anything is trained, of arrays; with the step, of streams.
            FloatingPointError: A loss or gradient became NaN or infinite, or did so
                once more than may be skipped. Weights keep their last finite values.
        """
        self._assert_compile_called("fit")
        check_positive_integer("epochs", epochs)
        check_positive_integer("check_every", check_every)
        check_positive_integer("validation_freq", validation_freq)
        check_integer("initial_epoch", initial_epoch, 0)
        check_integer("max_skipped_steps", max_skipped_steps, 0)
        self.check_devices()
        self.check_trainable_variables()
        if validation_split:
            if validation_data is not None:
                raise ValueError(
                    "Expected `validation_split` or `validation_data`, not both. "
                    f"Received: validation_split={validation_split}"
                )
            x, y, validation_data = split_arrays(x, y, validation_split)
        feed = make_training_feed(
            self,
            x,
            y,
            batch_size,
            shuffle,
            steps_per_epoch,
            value_range,
            takes_nan=max_skipped_steps > 0,
        )
        if validation_data is not None:
            validation_data = make_validation_feed(
                self,
                validation_data,
                validation_batch_size,
                batch_size,
                validation_steps,
                value_range,
            )
        # Callbacks enter there what must be undone when `fit` raises, too.
        with contextlib.ExitStack() as self.after_fit:
            self.after_fit.callback(self._leave_fit)
            self.after_fit.enter_context(no_end_of_data_warning())
            self.after_fit.callback(feed.close)
            if validation_data is not None:
                self.after_fit.callback(validation_data.close)
            self.feed = feed
            # Where nothing may be skipped, the host has checked what it has read.
            is_float = feed.first_step.dtype != np.uint8
            self.check_data(is_float and max_skipped_steps > 0)
            backend.distribution.share_state(
                [*self.variables, *self.optimizer.variables]
            )
            monitor = FaultMonitor(check_every, max_skipped_steps)
            own_callbacks = distribution.callbacks_of_this_process(callbacks)
            are_read = bool(verbose) or any(map(_reads_logs, own_callbacks))
            self.expect_log_readers(are_read)
            return super().fit(
                feed,
                epochs=epochs,
                verbose=verbose if distribution.is_first_process() else 0,
                callbacks=[
                    EpochOrder(feed),
                    monitor,
                    BoundedWaits(feed, monitor),
                    *own_callbacks,
                ],
                validation_data=validation_data,
                shuffle=False,
                initial_epoch=initial_epoch,
                validation_freq=validation_freq,
            )

    @no_interrupt_lost()
    def evaluate(
        self,
        x=None,
        y=None,
        batch_size=None,
        verbose="auto",
        sample_weight=None,
        steps=None,
        callbacks=None,
        return_dict=False,
        value_range=None,
        **kwargs,
    ):
        """Evaluates on held-out data with fixed noise; updates nothing.

        Args:
            x: As in `fit`.
            y: As in `fit`.
            batch_size: Samples a batch, for arrays; 32 by default.
            verbose: As in `keras.Model.evaluate`.
            sample_weight: Not supported; None.
            steps: Batches to evaluate; None for all.
            callbacks: As in `keras.Model.evaluate`.
            return_dict: Return a dict of the terms rather than a list.
            value_range: As in `fit`.
            **kwargs: What Keras's own `fit` passes.

        Returns:
            The model's `evaluation_terms`, means over the samples.
        """
        # Keras's fit evaluates the feed that `fit` above has made.
        if not isinstance(x, Feed) and not kwargs:
            self._assert_compile_called("evaluate")
            if sample_weight is not None:
                raise ValueError("`sample_weight` is not supported. Received: an array")
            x = make_evaluation_feed(self, x, y, batch_size, steps, value_range)
        with no_end_of_data_warning(), contextlib.closing(x):
            return super().evaluate(
                x,
                verbose=verbose,
                callbacks=callbacks,
                return_dict=return_dict,
                **kwargs,
            )

    def train_on_batch(self, x, y=None, return_dict=False):
        """One train step on one batch of `batch_size` (times k) samples.

        Args:
            x: One batch, as in `fit`.
            y: int labels (B,), for conditional models.
            return_dict: Return a dict of the terms rather than a list.

        Raises:
            FloatingPointError: As in `fit`; the next call trains on.
        """
        self.check_devices()
        self.check_trainable_variables()
        # In the middle of `fit`, where a callback calls it, what `fit` allows holds.
        if self.after_fit is None:
            self.faults.allow(0)
        self.expect_log_readers(True)
        logs = super().train_on_batch(
            *make_batch(self, x, y, training=True), return_dict=return_dict
        )
        try:
            self.raise_if_not_finite()
        except FloatingPointError:
            self.faults.clear()
            raise
        return logs

    def test_on_batch(self, x, y=None, return_dict=False):
        """Evaluates one batch; see `evaluate`.

        Args:
            x: One batch, as in `fit`.
            y: int labels (B,), for conditional models.
            return_dict: Return a dict of the terms rather than a list.
        """
        return super().test_on_batch(
            *make_batch(self, x, y, training=False), return_dict=return_dict
        )

    @property
    def skipped_steps(self):
        """Training steps of the run that were skipped so far: see `fit`."""
        return int(backend.peek(self, self.faults.skipped))

    def raise_if_not_finite(self):
        """Raises FloatingPointError if a training step met NaN or infinity."""
        self.faults.raise_if_any(self)

    # Internals.

    def _leave_fit(self):
        self.feed = None
        self.after_fit = None
        self.expect_log_readers(True)
        # Where a callback let `fit` start; Keras would start there again.
        self._initial_epoch = None


def _reads_logs(callback):
    """Whether a callback may read the logs of each batch."""
    # Of a subclass nobody knows.
    if vars(type(callback)).get("ignores_batch_logs", False):
        return False
    methods = "on_batch_end", "on_train_batch_end"
    return any(
        getattr(getattr(callback, name), "__func__", None)
        is not getattr(keras.callbacks.Callback, name)
        for name in methods
    )
