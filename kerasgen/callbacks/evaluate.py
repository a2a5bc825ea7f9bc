"""Scores samples during training."""

import math
import time

import keras

from kerasgen import seeds
from kerasgen.arguments import check_positive_integer
from kerasgen.callbacks.best_weights import BestWeights
from kerasgen.metrics import Evaluator


class Evaluate(keras.callbacks.Callback):
    """Logs FID and its like of samples, and keeps the best epoch.

    The scores go into the logs under names that carry the protocol, such as
    "fid10k_train", before other callbacks see them: put this one first, then CSVLogger,
    TensorBoard and History show them. Epochs without a score show NaN. The samples are
    those of the moving average where the model has one, of the same latents each time.

    Args:
        reference: uint8 images (N, H, W, C), vectors, an iterable of batches, or
            `kerasgen.metrics.FrechetStatistics`.
        extractor: `kerasgen.metrics.FeatureExtractor`; None for vectors.
        metrics: As in `kerasgen.metrics.Evaluator`.
        every: Epochs between two scores.
        num: Samples to score. Few samples raise FID: compare equal numbers only.
        seed: Seed of the samples.
        name: What the reference is called in the scores' names.
        best: Which score, such as "fid", selects the epoch whose weights are kept in
            `path/best` and restored after training. None to keep the last.
        path: Run folder, needed with `best`.

    Attributes:
        report: The last `kerasgen.metrics.Report`.
        share: Share of the training time that the scores took, in [0, 1].
        best_weights: The `BestWeights` at work, or None.

    Raises:
        ValueError: An argument is out of its range.

    Example:

    >>> import numpy as np
    >>> from kerasgen import callbacks, models
    >>> x = np.random.RandomState(0).randn(64, 4).astype("float32")
    >>> vae = models.dense_vae((4,), latent_dim=1, hidden=(4,), likelihood="gaussian")
    >>> vae.compile()
    >>> scores = callbacks.Evaluate(x, metrics=["fid"], num=64, name="train")
    >>> history = vae.fit(x, verbose=0, callbacks=[scores])
    >>> sorted(history.history)[:2]
    ['evaluate_share', 'fid64_train']
    """

    def __init__(
        self,
        reference,
        extractor=None,
        metrics=("fid",),
        every=1,
        num=10000,
        seed=1234,
        name="train",
        best=None,
        path=None,
    ):
        super().__init__()
        check_positive_integer("every", every)
        check_positive_integer("num", num)
        if best is not None and path is None:
            raise ValueError(
                f"Expected a `path` beside `best`. Received: best={best!r}"
            )
        self.evaluator = Evaluator(extractor, metrics)
        self.evaluator.check_num(num)
        self.evaluator.set_reference(reference, name)
        self.every = every
        self.num = num
        self.seed = seeds.check_seed(seed)
        self.names = self.evaluator.score_names(num)
        self.report = None
        self.share = 0.0
        self.best_weights = None
        if best is not None:
            self.best_weights = self._keep_best(best, path)

    def _keep_best(self, best, path):
        better = {}
        for metric in self.evaluator.metrics:
            better |= metric.better
        if best not in better:
            raise ValueError(f"`best` is one of {sorted(better)}. Received: {best!r}")
        return BestWeights(path, self.names[best], mode=better[best])

    def set_model(self, model):
        super().set_model(model)
        if self.best_weights is not None:
            self.best_weights.set_model(model)

    def on_train_begin(self, logs=None):
        self.evaluator.check_shape(self.model.data_shape)
        self.model.check_generates()
        self._start = time.monotonic()
        self._seconds = 0.0
        if self.best_weights is not None:
            self.best_weights.on_train_begin(logs)

    def on_epoch_begin(self, epoch, logs=None):
        if self.best_weights is not None:
            self.best_weights.on_epoch_begin(epoch, logs)

    def on_epoch_end(self, epoch, logs=None):
        logs = {} if logs is None else logs
        values = dict.fromkeys(self.names.values(), math.nan)
        if (epoch + 1) % self.every == 0:
            start = time.monotonic()
            samples = self.model.generate(self.num, seed=self.seed)
            self.report = self.evaluator.evaluate(samples, seed=self.seed)
            values = {k: score.value for k, score in self.report.scores.items()}
            self._seconds += time.monotonic() - start
        self.share = self._seconds / (time.monotonic() - self._start)
        logs.update(values, evaluate_share=self.share)
        if self.best_weights is not None:
            self.best_weights.on_epoch_end(epoch, logs)

    def on_train_end(self, logs=None):
        if self.best_weights is not None:
            self.best_weights.on_train_end(logs)
