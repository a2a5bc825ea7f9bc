"""Watches whether the two players of a GAN still teach each other."""

import math
import warnings

import keras
import numpy as np

from kerasgen import backend, distribution, plot, random, seeds
from kerasgen.arguments import check_integer, check_positive_integer
from kerasgen.callbacks.health_file import read_history, write_history
from kerasgen.callbacks.health_findings import ADVICE, lasting_faults
from kerasgen.callbacks.health_measures import measure_health
from kerasgen.datasets.array_dataset import ArrayDataset
from kerasgen.files import check_folder_path, make_folder
from kerasgen.models.gan import check_is_gan
from kerasgen.models.inputs import DataSpec
from kerasgen.models.mode_ensemble import ModeEnsembleGAN

STREAM = "health"


class TrainingHealth(keras.callbacks.Callback):
    """Measures both players after each epoch, warns, and draws the course.

    The measures (`kerasgen.callbacks.health_measures.measure_health`) go into the logs
    as "health_real_accuracy" and so on; put this callback before CSVLogger. They are
    those of inference mode, of the same samples and latents each time, and change
    nothing. A fault that lasts for `patience` measurements is one warning with what to
    try; once it is gone, it may be found again.

    Args:
        real: Training samples as in `fit`: an array, a tuple of samples and labels for
            a conditional model, or an `ArrayDataset`; the first `num` are used.
        held_out: Samples (and labels) that are not trained on, likewise, to tell
            overfitting; None to do without.
        num: Samples on each side, at least 2, and better no fewer than a training
            batch has.
        every: Epochs between two measurements.
        patience: Measurements that must show a fault, one after the other: a GAN that
            begins may look faulty for an epoch.
        path: Run folder: the course is drawn to `path/health.png` and kept in
            `path/health.json`, from which a run that is resumed goes on. None for
            neither.
        seed: Seed of the latents, integer in [0, 2**32).
        value_range: As in `fit`, of `real` and `held_out`.
        batch_size: Samples that the discriminator judges at once; None for what one
            of its updates sees. Layers that compare the samples of a batch, such as
            `MinibatchDiscrimination`, say other things of other sizes.
        member: Number of the GAN to watch in a `ModeEnsembleGAN`, whose mode's
            samples `real` and `held_out` are, without labels; its measures are logged
            with this number behind, and a run folder is for one member. None for a
            GAN.

    Attributes:
        history: List of `(epoch, measures)`.
        findings: Dict of the faults that hold, keys of
            `kerasgen.callbacks.health_findings.ADVICE`, to the epoch of their warning.

    Raises:
        ValueError: An argument is out of its range, the model is no GAN and has no
            such member, or health.json is damaged.

    Example:

    >>> import keras, numpy as np
    >>> from kerasgen import callbacks, models
    >>> x = np.random.RandomState(0).randn(64, 2).astype("float32")
    >>> generator, discriminator = (
    ...     keras.Sequential([keras.Input((2,)), keras.layers.Dense(units)])
    ...     for units in (2, 1))
    >>> gan = models.GAN(generator, discriminator, latent_dim=2)
    >>> gan.compile("sgd", "sgd")
    >>> health = callbacks.TrainingHealth(x, num=32)
    >>> history = gan.fit(x, verbose=0, callbacks=[health])
    >>> 0.0 <= history.history["health_fake_accuracy"][0] <= 1.0
    True

    Reference: Arjovsky and Bottou 2017, "Towards Principled Methods for Training
    Generative Adversarial Networks", section 2 (vanishing gradients).
    """

    def __init__(
        self,
        real,
        held_out=None,
        num=256,
        every=1,
        patience=2,
        path=None,
        seed=0,
        value_range=None,
        batch_size=None,
        member=None,
    ):
        super().__init__()
        check_positive_integer("num", num)
        check_positive_integer("every", every)
        check_positive_integer("patience", patience)
        if batch_size is not None:
            check_positive_integer("batch_size", batch_size)
        if member is not None:
            check_integer("member", member, 0)
        if num < 2:
            raise ValueError(f"Expected num >= 2. Received: num={num}")
        self.real = real
        self.held_out = held_out
        self.num = num
        self.every = every
        self.patience = patience
        self.path = None if path is None else check_folder_path(path)
        self.seed = seeds.check_seed(seed)
        self.value_range = value_range
        self.batch_size = batch_size
        self.member = member
        self.history = []
        self.findings = {}

    def on_train_begin(self, logs=None):
        self._gan = watched_gan(self.model, self.member)
        self._batch_size = self.batch_size
        if self._batch_size is None:
            num = self.model.feed.first_step.num_rows
            self._batch_size = num // self.model.batches_per_step
        self._real = self._prepare(self.real)
        self._held_out = None
        if self.held_out is not None:
            self._held_out = self._prepare(self.held_out)
        noise = random.Noise(self.seed, 0, np.arange(len(self._real[0])))
        self._latents = keras.ops.convert_to_numpy(
            noise.normal(STREAM, (self._gan.latent_dim,))
        )
        if self.path is not None:
            distribution.on_first_process(
                lambda: make_folder(self.path, "the course of training health")
            )
            self._file = self.path / "health.json"
            self._kept = read_history(self._file) if self._file.exists() else []
        self._is_first_epoch = True

    def on_epoch_begin(self, epoch, logs=None):
        # By now `Checkpoint` has set the epoch that this run starts from.
        if self._is_first_epoch:
            kept = self.history if self.path is None else self._kept
            self.history = [entry for entry in kept if entry[0] <= epoch]
            self.findings = {}
        self._is_first_epoch = False

    def _prepare(self, samples):
        """Checked samples in the model domain, and labels or None."""
        x, labels = first_samples(samples, self.num)
        spec = DataSpec(self._gan.data_shape, self._gan.num_classes, self.value_range)
        labels = spec.check_labels(labels, len(x))
        x = self._gan.to_model_domain(keras.ops.convert_to_tensor(spec.check(x)))
        if len(x) < 2:
            raise ValueError(f"Expected at least 2 samples. Received: {len(x)}")
        return keras.ops.convert_to_numpy(x), labels

    def on_epoch_end(self, epoch, logs=None):
        if (epoch + 1) % self.every:
            return
        backend.sync(self.model)
        measures = measure_health(
            self._gan, self._real, self._held_out, self._latents, self._batch_size
        )
        self.history.append((epoch + 1, measures))
        if logs is not None:
            suffix = "" if self.member is None else f"_{self.member}"
            logs.update(
                (f"health_{name}{suffix}", value)
                for name, value in measures.items()
                if name != "layers" and not math.isnan(value)
            )
        self._report(epoch + 1)
        if self.path is not None:
            distribution.on_first_process(self._write)

    def _write(self):
        write_history(self._file, self.history)
        plot.save_health(self.path / "health.png", self.history)

    def _report(self, epoch):
        """Warns, once for all processes, of new faults; forgets those that are gone."""
        lasting = lasting_faults(self.history, self.patience)
        for finding in lasting:
            if finding not in self.findings and distribution.is_first_process():
                where = "" if self.member is None else f" of member {self.member}"
                warnings.warn(
                    f"Epoch {epoch}: {finding}{where}; {ADVICE[finding]}.",
                    stacklevel=3,
                )
        self.findings = {
            finding: self.findings.get(finding, epoch) for finding in lasting
        }


def watched_gan(model, member):
    """The GAN that is watched: the model, or a member of an ensemble.

    Args:
        model: `GAN` or `ModeEnsembleGAN`.
        member: Number of the ensemble's member, or None for a `GAN`.

    Returns:
        `GAN`.

    Raises:
        ValueError: It is another model, or has no such member.
    """
    if isinstance(model, ModeEnsembleGAN):
        if member is None or member >= len(model.gans):
            raise ValueError(
                f"An ensemble's GANs are watched one by one: expected member in [0, "
                f"{len(model.gans)}). Received: member={member}"
            )
        return model.gans[member]
    check_is_gan(model)
    if member is not None:
        raise ValueError(
            f"Expected member=None for a GAN that is in no ensemble. Received: "
            f"member={member}"
        )
    return model


def first_samples(samples, num):
    """The first samples of what `fit` takes, and their labels or None.

    Args:
        samples: Array, tuple of an array and labels, or `ArrayDataset`.
        num: How many.

    Returns:
        `(x, labels)`, arrays of at most `num` rows.

    Raises:
        ValueError: It is something else, such as a stream.
    """
    if isinstance(samples, ArrayDataset):
        batches = []
        for index in range(len(samples)):
            if index * samples.batch_size >= num:
                break
            batches.append(samples.get_batch(0, index))
        columns = [np.concatenate(parts)[:num] for parts in zip(*batches, strict=True)]
        return (*columns, None)[:2]
    x, labels = samples if isinstance(samples, tuple) else (samples, None)
    if not hasattr(x, "shape") or (labels is not None and not np.ndim(labels)):
        raise ValueError(
            "Expected an array of samples, a tuple of samples and labels, or a "
            f"kerasgen.datasets.ArrayDataset. Received: {type(x).__name__}"
        )
    return x[:num], None if labels is None else labels[:num]
