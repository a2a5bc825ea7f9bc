"""Saves and resumes training from inside `fit`."""

import keras

from kerasgen import backend, checkpoint, distribution
from kerasgen.arguments import check_positive_integer
from kerasgen.callbacks.termination import Termination
from kerasgen.files import check_folder_path, remove_orphans
from kerasgen.models.run_settings import run_settings


class Checkpoint(keras.callbacks.Callback):
    """Saves all that training depends on, and resumes from the newest save.

    A run that is killed and started again with the same script ends with the weights
    of an uninterrupted run, also from the middle of an epoch: bit for bit on CPU with
    the same number of threads, which decides the order of TensorFlow's sums. The
    state is every weight, optimizer slot, moving average, metric, counter of the
    noise, `SeedGenerator` of a layer, and the epoch and step; the order of the data
    follows from them, where the source is an array or a `kerasgen.datasets` dataset.
    Other sources must repeat their order. The number of devices may change, and the
    backend, where rounding differs. State inside other callbacks (patience of
    EarlyStopping) is not kept. Put this callback last: it then saves after the others
    have acted on an epoch, and where it goes on within one, what they have done at its
    start (a learning rate halved, say) is replaced by what was saved, not done again.

    SIGTERM, by which schedulers and `kill` ask a program to end, lets the step finish
    (in validation the epoch), saves, and exits with code 143; of several processes
    one may get it, and all end at the same step, about a second later. This holds
    while `fit` runs in the main thread and nothing else handles the signal. What sends
    it kills after a while, torchrun after 30 seconds: where validation takes longer,
    `every` saves what was trained before it.

    Args:
        path: Run folder; checkpoints lie in `path/checkpoints`.
        every: Training steps between two saves, counted from the start of an epoch;
            with `steps_per_execution` the execution that reaches them is finished
            first. None for the end of each epoch only.
        keep: Newest checkpoints to keep.
        resume: Start from the newest checkpoint where there is one. False starts
            anew; the first save then removes checkpoints of later steps.

    Raises:
        ValueError: An argument is out of its range, or EM fits the model.
        CheckpointError: At the start of `fit`: another run holds the folder, or its
            newest checkpoint is damaged or of a run with other settings.
        OSError: At the start of `fit`, the folder cannot be written; later, a
            checkpoint could not be, and older ones are intact.
        SystemExit: SIGTERM came, and the step is saved.

    Example:

    >>> import tempfile, kerasgen, numpy as np
    >>> def train(path, epochs):
    ...     vae = kerasgen.models.dense_vae((4,), latent_dim=1, hidden=(2,), seed=0)
    ...     vae.compile()
    ...     saves = Checkpoint(path)
    ...     x = np.ones((8, 4), "float32")
    ...     history = vae.fit(x, epochs=epochs, callbacks=[saves], verbose=0)
    ...     return history.epoch
    >>> with tempfile.TemporaryDirectory() as path:
    ...     train(path, epochs=2), train(path, epochs=3)
    ([0, 1], [2])
    """

    # Else JAX would wait for each step, to hand its logs over.
    ignores_batch_logs = True

    def __init__(self, path, every=None, keep=2, resume=True):
        super().__init__()
        if every is not None:
            check_positive_integer("every", every)
        self.path = check_folder_path(path)
        self.folder = checkpoint.CheckpointFolder(self.path / "checkpoints", keep)
        self.every = every
        self.resume = resume

    def on_train_begin(self, logs=None):
        if self.model.feed is None:
            raise ValueError(
                "Expected a model that trains in steps; one that EM fits is run anew. "
                f"Received: {type(self.model).__name__}"
            )
        self.model.after_fit.callback(self.folder.close)
        self.folder.open()
        distribution.on_first_process(lambda: remove_orphans(self.path))
        self._termination = Termination()
        self._termination.begin()
        self.model.after_fit.callback(self._termination.end)
        self._settings = run_settings(self.model)
        self._resumed_steps = 0
        self._saved = None
        self._state = []
        if self.resume:
            position = self.folder.load(self.model, settings=self._settings)
            if position is not None:
                self._continue_from(position)

    def _continue_from(self, position):
        epoch, epoch_step = position["epoch"], position["epoch_step"]
        self.model._initial_epoch = epoch
        if epoch >= self.params["epochs"]:
            self._say(
                f"Nothing to train: {self.folder.path} holds a run of {epoch} epochs, "
                f"and epochs={self.params['epochs']} were asked for."
            )
            return
        self._say(
            f"Resuming from {self.folder.path}: {epoch} epoch(s) and {epoch_step} "
            "step(s) are done."
        )
        self.model.feed.resume(epoch, epoch_step, self.model.seed)
        self._resumed_steps = epoch_step
        if epoch_step:
            # This epoch is half done. At its start Keras resets metrics, and callbacks
            # lower learning rates, which the checkpoint has lowered already.
            self._state = [
                (variable, checkpoint.to_numpy(variable).copy())
                for variable in checkpoint.state_of(self.model)
            ]

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch = epoch
        self._epoch_start = self._training_steps() - self._resumed_steps
        self._saved_at = self._resumed_steps
        for variable, value in self._state:
            variable.assign(value)
        self._state = []

    def on_train_batch_end(self, batch, logs=None):
        # The batch number counts from the resumption, and past the end of the epoch
        # where `steps_per_execution` does not divide it.
        reached = self._resumed_steps + batch + 1
        is_last_save = self._termination.is_due()
        # `self.model` would bring all of JAX's variables up to date.
        if not (is_last_save or self._is_due(reached) or self._model.stop_training):
            return
        self._saved_at = reached
        # The end of the epoch is saved after validation.
        if not self._is_epoch_whole():
            self._save(self._epoch, self._epoch_step())
            if is_last_save:
                self._exit()

    def _is_due(self, reached):
        every = self.every
        return every is not None and reached // every != self._saved_at // every

    def on_epoch_end(self, epoch, logs=None):
        if self._is_epoch_whole():
            self._save(epoch + 1, 0)
        else:
            # Another callback has stopped training before its end.
            self._save(epoch, self._epoch_step())
        self._resumed_steps = 0
        if self._termination.talk():
            self._exit()

    def _exit(self):
        self._say(f"Told to end by SIGTERM: {self.folder.path} holds the last step.")
        self._termination.exit()

    def _save(self, epoch, epoch_step):
        backend.sync(self.model)
        self.model.raise_if_not_finite()
        position = {
            "step": self._training_steps(),
            "epoch": epoch,
            "epoch_step": epoch_step,
        }
        if position != self._saved:
            self.folder.save(self.model, position, self._settings)
        self._saved = position

    def _is_epoch_whole(self):
        # Nobody knows the length of an epoch without any data.
        return self._epoch_step() == (self._model.feed.epoch_length or 0)

    def _epoch_step(self):
        return self._training_steps() - self._epoch_start

    def _training_steps(self):
        return int(backend.peek(self.model, self.model.training_steps))

    def _say(self, message):
        if self.params["verbose"]:
            print(message)
