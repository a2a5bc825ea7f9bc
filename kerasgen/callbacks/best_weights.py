"""Keeps the best weights of a run, by a score or by a logged value."""

import math
import warnings

import keras

from kerasgen import backend, checkpoint, distribution
from kerasgen.arguments import check_positive_integer
from kerasgen.files import check_folder_path


class BestWeights(keras.callbacks.Callback):
    """Saves the state of the best epoch and restores it after training.

    The save is atomic and survives a kill, as a checkpoint does. Put this callback
    before `Checkpoint`: a resumed run then finds its best epoch, and scores those
    anew that came after the checkpoint.

    Args:
        path: Run folder; the state lies in `path/best`.
        score: Function of the model that returns a float, or the name of a logged
            value, such as "val_loss". Epochs with NaN are never the best, nor are
            epochs without validation for the name of such a value.
        name: Name of a function's score in logs and CSV files.
        every: Epochs between two scores, for a function.
        mode: "min" where lower is better, "max" where higher is.

    Attributes:
        best: Dict of "epoch" (counted from 1) and "score", None before the first.

    Raises:
        ValueError: An argument is out of its range, or no value of that name is
            logged.
    """

    def __init__(self, path, score, name="score", every=1, mode="min"):
        super().__init__()
        if not isinstance(score, str) and not callable(score):
            raise ValueError(
                "`score` is a function of the model or the name of a logged value. "
                f"Received: score={score!r}"
            )
        check_positive_integer("every", every)
        if mode not in ("min", "max"):
            raise ValueError(f"`mode` is 'min' or 'max'. Received: mode={mode!r}")
        self.sign = 1.0 if mode == "min" else -1.0
        self.folder = checkpoint.CheckpointFolder(
            check_folder_path(path) / "best", keep=1
        )
        self.score = score
        self.name = score if isinstance(score, str) else name
        self.every = every
        self.best = None

    def on_train_begin(self, logs=None):
        self.model.after_fit.callback(self.folder.close)
        self.folder.open()
        self.best = self.folder.position()
        self._is_first_epoch = True

    def on_epoch_begin(self, epoch, logs=None):
        # By now `Checkpoint` has set the step that this run starts from.
        if self._is_first_epoch and self.best is not None:
            if self.best["step"] > self._training_steps():
                self.best = None
        self._is_first_epoch = False

    def on_epoch_end(self, epoch, logs=None):
        score = self._score(epoch, {} if logs is None else logs)
        is_best = score is not None and self.sign * score < self._best_so_far()
        # All processes save, or none.
        if not distribution.first_process_says(is_best):
            return
        backend.sync(self.model)
        step = self._training_steps()
        self.best = {"step": step, "epoch": epoch + 1, "score": score}
        self.folder.save(self.model, self.best)

    def _best_so_far(self):
        return math.inf if self.best is None else self.sign * self.best["score"]

    def _score(self, epoch, logs):
        if isinstance(self.score, str):
            if self.score in logs:
                return float(logs[self.score])
            # `validation_freq` leaves epochs out.
            terms = [f"val_{term}" for term in self.model.evaluation_terms]
            if self.score in terms:
                return None
            raise ValueError(
                f"Expected one of the logged values {sorted({*logs, *terms})}. "
                f"Received: score={self.score!r}"
            )
        if (epoch + 1) % self.every:
            return None
        logs[self.name] = float(self.score(self.model))
        return logs[self.name]

    def on_train_end(self, logs=None):
        if self.best is not None:
            self.folder.load(self.model)
        else:
            warnings.warn(
                f"No epoch had a number for {self.name!r}; the last weights stay.",
                stacklevel=2,
            )

    def _training_steps(self):
        return int(backend.peek(self.model, self.model.training_steps))
