"""Watches whether the two players of a GAN still teach each other."""

import math
import warnings

import keras
import numpy as np

from kerasgen import backend, plot, random, seeds
from kerasgen.arguments import check_positive_integer
from kerasgen.callbacks.health_measures import measure_health
from kerasgen.files import check_folder_path, make_folder
from kerasgen.models.gan import check_is_gan
from kerasgen.models.inputs import DataSpec

STREAM = "health"
COLLAPSED = 0.1  # diversity of fakes over that of reals
SATURATED = 0.995  # accuracy on reals and on fakes
OVERFITTED = 0.15  # accuracy on training reals above that on held-out ones
VANISHING = 0.01  # gradient over that of the non-saturating loss
ADVICE = {
    "collapsed generator": (
        "the fakes are nearly equal: try minibatch discrimination or standard "
        "deviation, feature matching, a gradient penalty, or a lower learning rate of "
        "the generator"
    ),
    "saturated discriminator": (
        "it tells every real from every fake: try spectral normalisation, R1 or a "
        "gradient penalty, instance noise, one-sided label smoothing, or a lower "
        "learning rate of the discriminator"
    ),
    "overfitted discriminator": (
        "it knows the training reals by heart: try DiffAugment, more data, dropout or "
        "R1 in the discriminator, or a smaller one"
    ),
    "vanishing generator gradient": (
        "the loss is flat where the discriminator is sure: try loss='non_saturating', "
        "'hinge' or 'wasserstein' with a gradient penalty"
    ),
}


class TrainingHealth(keras.callbacks.Callback):
    """Measures both players after each epoch, warns, and draws the course.

    The measures (`kerasgen.callbacks.health_measures.measure_health`) go into the logs
    as "health_real_accuracy" and so on; put this callback before CSVLogger. They are
    those of inference mode, of the same samples and latents each time, and change
    nothing. A finding is one warning with what to try, the first time it is made.

    Args:
        real: Training samples as in `fit`, or a tuple of samples and labels for a
            conditional model; the first `num` are used.
        held_out: Samples (and labels) that are not trained on, to tell overfitting;
            None to do without.
        num: Samples on each side, at least 2.
        every: Epochs between two measurements.
        path: Run folder: the course is drawn to `path/health.png`. None for no plot.
        seed: Seed of the latents, integer in [0, 2**32).
        value_range: As in `fit`, of `real` and `held_out`.

    Attributes:
        history: List of `(epoch, measures)`.
        findings: Dict of what was found, a key of ADVICE, to the epoch it was first.

    Raises:
        ValueError: An argument is out of its range.

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
        path=None,
        seed=0,
        value_range=None,
    ):
        super().__init__()
        check_positive_integer("num", num)
        check_positive_integer("every", every)
        if num < 2:
            raise ValueError(f"Expected num >= 2. Received: num={num}")
        self.real = real
        self.held_out = held_out
        self.num = num
        self.every = every
        self.path = None if path is None else check_folder_path(path)
        self.seed = seeds.check_seed(seed)
        self.value_range = value_range
        self.history = []
        self.findings = {}

    def on_train_begin(self, logs=None):
        check_is_gan(self.model)
        self._real = self._prepare(self.real)
        self._held_out = None
        if self.held_out is not None:
            self._held_out = self._prepare(self.held_out)
        noise = random.Noise(self.seed, 0, np.arange(len(self._real[0])))
        self._latents = keras.ops.convert_to_numpy(
            noise.normal(STREAM, (self.model.latent_dim,))
        )
        if self.path is not None:
            make_folder(self.path, "the plot of training health")

    def _prepare(self, samples):
        """Checked samples in the model domain, and labels or None."""
        x, labels = samples if isinstance(samples, tuple) else (samples, None)
        x = x[: self.num]
        spec = DataSpec(self.model.data_shape, self.model.num_classes, self.value_range)
        labels = None if labels is None else labels[: self.num]
        labels = spec.check_labels(labels, len(x))
        x = self.model.to_model_domain(keras.ops.convert_to_tensor(spec.check(x)))
        if len(x) < 2:
            raise ValueError(f"Expected at least 2 samples. Received: {len(x)}")
        return keras.ops.convert_to_numpy(x), labels

    def on_epoch_end(self, epoch, logs=None):
        if (epoch + 1) % self.every:
            return
        backend.sync(self.model)
        measures = measure_health(self.model, self._real, self._held_out, self._latents)
        self.history.append((epoch + 1, measures))
        if logs is not None:
            logs.update(
                (f"health_{name}", value)
                for name, value in measures.items()
                if name != "layers" and not math.isnan(value)
            )
        for finding in find_faults(measures):
            if finding not in self.findings:
                self.findings[finding] = epoch + 1
                warnings.warn(
                    f"Epoch {epoch + 1}: {finding}; {ADVICE[finding]}.", stacklevel=2
                )
        if self.path is not None:
            plot.save_health(self.path / "health.png", self.history)


def find_faults(measures):
    """Which faults the measures of one moment show: a list of keys of ADVICE.

    Args:
        measures: Dict as `measure_health` returns it.
    """
    real, fake = measures["real_accuracy"], measures["fake_accuracy"]
    gap = real - measures["held_out_accuracy"]
    shown = {
        "collapsed generator": measures["diversity"] < COLLAPSED,
        "saturated discriminator": min(real, fake) > SATURATED,
        "overfitted discriminator": not math.isnan(gap) and gap > OVERFITTED,
        "vanishing generator gradient": measures["gradient_ratio"] < VANISHING,
    }
    return [finding for finding, is_shown in shown.items() if is_shown]
