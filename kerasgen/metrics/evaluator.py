"""`Evaluator`: one pass of features, shared by all metrics."""

import contextlib
from dataclasses import dataclass, field

import keras
import numpy as np
from rich.progress import Progress

from kerasgen.metrics import measures
from kerasgen.metrics.arrays import check_varied
from kerasgen.metrics.collected import Collected
from kerasgen.metrics.statistics_file import save_statistics
from kerasgen.version import __version__

# What an evaluation itself writes into the protocol.
_TAKEN = {
    "kerasgen_version",
    "backend",
    "extractor",
    "extractor_digest",
    "layer",
    "logits_layer",
    "input_size",
    "resize",
    "reference",
    "reference_protocol",
    "reference_sha256",
    "verified",
    "num_reference",
    "num_generated",
    "generated_sha256",
}


@dataclass(frozen=True)
class Report:
    """Scores with the protocol that made them.

    scores: dict of full name, such as "fid10k_test", to `measures.Score`. protocol:
    dict of extractor, digest, resize, reference, counts, digests of the samples on
    both sides, version and backend.
    """

    scores: dict
    protocol: dict = field(default_factory=dict)

    def to_json(self):
        """Dict of plain values: name to value, std and parameters, and the protocol."""
        return {
            "scores": {name: score._asdict() for name, score in self.scores.items()},
            "protocol": self.protocol,
        }


class Evaluator:
    """Scores samples against a reference, with one pass of the extractor over each.

    Args:
        extractor: `FeatureExtractor`; None takes vectors (N, D) as features.
        metrics: List of metrics: keys ("fid", "kid", "is", "pr", "dc", "sharpness")
            or objects of `kerasgen.metrics.measures`.
        batch_size: Images in one forward pass.
        progress: Whether to show a progress bar.

    Raises:
        ValueError: There is no such metric, or the extractor has no logits for it.

    Example:

    >>> import numpy as np
    >>> from kerasgen import metrics
    >>> x = np.random.RandomState(0).randn(200, 2)
    >>> evaluator = metrics.Evaluator(None, ["fid", "pr"])
    >>> evaluator.set_reference(x, name="test")
    >>> report = evaluator.evaluate(x)
    >>> list(report.scores), report.scores["precision200_test"].value
    (['fid200_test', 'precision200_test', 'recall200_test'], 1.0)
    """

    def __init__(self, extractor, metrics=("fid",), batch_size=128, progress=False):
        self.extractor = extractor
        self.metrics = [measures.get(metric) for metric in metrics]
        if not self.metrics:
            raise ValueError("Expected at least one metric. Received: metrics=()")
        keys = [key for metric in self.metrics for key in metric.score_keys]
        if len({*keys}) < len(keys):
            raise ValueError(
                f"Expected metrics with scores of different names. Received: {keys}"
            )
        self.batch_size = batch_size
        self.progress = progress
        self.needs = frozenset().union(*(metric.needs for metric in self.metrics))
        has_logits = extractor is not None and extractor.logits_layer is not None
        if "logits" in self.needs and not has_logits:
            raise ValueError(
                "The inception score needs an extractor with a `logits_layer`. "
                f"Received: {None if extractor is None else extractor.name}"
            )
        if "images" in self.needs and extractor is None:
            raise ValueError("Expected an extractor of images for `sharpness`.")
        self.reference = None
        self.reference_protocol = {}

    def set_reference(self, samples, name="reference", **protocol):
        """Collects what the metrics need of the reference, once.

        Args:
            samples: uint8 images (N, H, W, C) or, without an extractor, vectors; or
                an iterable of batches of them; or `FrechetStatistics` for FID alone.
            name: What it is called in the scores' names, such as "test".
            **protocol: JSON values that go into the protocol.

        Raises:
            ValueError: The statistics come from another extractor, a metric needs more
                than statistics, there are too few samples, or a name of the protocol
                is taken.
        """
        if hasattr(samples, "sigma"):
            self._check_statistics(samples)
            reference = Collected.from_statistics(self.needs, samples)
            digest = samples.protocol.get("extractor_digest")
            about = {
                "reference_protocol": samples.protocol,
                "verified": samples.verified
                and self.extractor is not None
                and digest == self.extractor.digest,
            }
        else:
            if hasattr(samples, "ndim"):
                self.check_num(len(samples), "reference")
            reference = self.collect(samples, f"features of {name}")
            self.check_num(reference.num, "reference")
            _check_varied(reference, self.needs)
            about = {"reference_sha256": reference.sha256}
        _check_names(protocol, _TAKEN)
        self.reference = reference
        self.reference_protocol = {"reference": name, **about, **protocol}

    def save_reference(self, path, **protocol):
        """Writes the reference's mean and covariance, for later evaluations.

        Args:
            path: File ending in .npz; see `kerasgen.metrics.save_statistics`.
            **protocol: JSON values besides those of the reference and the extractor.

        Raises:
            ValueError: There is no reference, no metric has asked for its moments, or
                the path does not end in .npz.
        """
        if self.reference is None or "moments" not in self.needs:
            raise ValueError(
                "Expected a reference, and FID among the metrics. Received: metrics "
                f"{[metric.key for metric in self.metrics]}"
            )
        moments = self.reference.moments
        about = {**self._about(), **self.reference_protocol, **protocol}
        save_statistics(path, moments.mu, moments.sigma, self.reference.num, **about)

    def check_num(self, num, side="generated"):
        """Raises ValueError where a metric takes more samples than `num`.

        Args:
            num: Number of samples.
            side: "generated" or "reference".
        """
        for metric in self.metrics:
            fewest = measures.fewest_samples(metric, side)
            if num < fewest:
                raise ValueError(
                    f"Expected at least {fewest} {side} samples for {metric.key!r} "
                    f"({metric!r}). Received: {num}"
                )

    def evaluate(self, samples, num=None, **protocol):
        """Scores samples against the reference.

        Args:
            samples: As in `set_reference`, but no statistics.
            num: How many there are, for the progress bar of an iterable.
            **protocol: JSON values that go into the protocol, such as the seed.

        Returns:
            `Report`.

        Raises:
            ValueError: There is no reference, there are too few samples, or a name of
                the protocol is taken.
        """
        if self.reference is None:
            raise ValueError("Expected `set_reference` to be called before `evaluate`.")
        _check_names(protocol, {*_TAKEN, *self.reference_protocol})
        if hasattr(samples, "ndim"):
            self.check_num(len(samples))
        generated = self.collect(samples, "features of samples", num)
        self.check_num(generated.num)
        names = self.score_names(generated.num)
        scores = {
            names[key]: score
            for metric in self.metrics
            for key, score in metric.scores(self.reference, generated).items()
        }
        return Report(
            scores,
            {
                **self._about(),
                **self.reference_protocol,
                "num_reference": self.reference.num,
                "num_generated": generated.num,
                "generated_sha256": generated.sha256,
                **protocol,
            },
        )

    def _about(self):
        return {
            "kerasgen_version": __version__,
            "backend": keras.backend.backend(),
            **({} if self.extractor is None else self.extractor.protocol),
        }

    def check_shape(self, shape):
        """Raises ValueError where samples of a shape could not be scored.

        Args:
            shape: Shape of one sample.
        """
        if self.extractor is not None and len(shape) != 3:
            raise ValueError(
                f"Expected images for the extractor {self.extractor.name}. "
                f"Received: samples of shape {tuple(shape)}"
            )
        moments = None if self.reference is None else self.reference.moments
        dimension = None if moments is None else moments.dimension
        if self.extractor is None and dimension not in (None, *shape):
            raise ValueError(
                f"Expected samples of {dimension} values, as the reference has. "
                f"Received: samples of shape {tuple(shape)}"
            )

    def score_names(self, num):
        """Full names of scores: a dict such as {"fid": "fid10k_test"}.

        Args:
            num: Number of samples.
        """
        name = self.reference_protocol["reference"]
        keys = (key for metric in self.metrics for key in metric.score_keys)
        return {key: f"{key}{_short(num)}_{name}" for key in keys}

    def collect(self, samples, description="features", num=None):
        """One pass of the extractor.

        Args:
            samples: As in `set_reference`, but no statistics.
            description: Label of the progress bar.
            num: How many there are, for the progress bar of an iterable.

        Returns:
            `Collected`.
        """
        if hasattr(samples, "ndim"):
            num, samples = len(samples), _batches(samples, self.batch_size)
        collected = Collected(self.needs)
        with contextlib.ExitStack() as stack:
            bar = Progress(disable=not self.progress, transient=True)
            stack.enter_context(bar)
            task = bar.add_task(description, total=num)
            for batch in samples:
                batch = np.asarray(batch)
                if self.extractor is None:
                    features, logits = batch.copy(), None
                else:
                    features, logits = self.extractor(batch, self.batch_size)
                collected.update(batch, features, logits)
                bar.advance(task, len(batch))
        if not collected.num:
            raise ValueError(f"Expected samples for {description}. Received: none")
        return collected

    def _check_statistics(self, statistics):
        more = self.needs - {"moments", "logits"}
        if more:
            raise ValueError(
                "A file of statistics serves FID and IS only; hand in the images. "
                f"Received: metrics that need {sorted(more)}"
            )
        digest = statistics.protocol.get("extractor_digest")
        if self.extractor is not None and digest not in (None, self.extractor.digest):
            raise ValueError(
                f"Expected statistics of the extractor {self.extractor.name} with "
                f"digest {self.extractor.digest}. Received: digest {digest}"
            )
        dimension = getattr(self.extractor, "dimension", None)
        if dimension not in (None, len(statistics.mu)):
            raise ValueError(
                f"Expected statistics of {dimension} features, as {self.extractor.name}"
                f" has. Received: {len(statistics.mu)}"
            )
        if statistics.protocol.get("ddof", 1) != 1:
            raise ValueError(
                "Expected covariances with ddof 1. "
                f"Received: ddof {statistics.protocol['ddof']}"
            )


def _check_varied(reference, needs):
    """A constant reference has no score; found before any samples are made."""
    is_constant = "moments" in needs and reference.moments.is_constant
    if "features" in needs:
        check_varied("reference", reference.features)
    if is_constant:
        raise ValueError(
            "Expected a reference whose features differ. "
            f"Received: {reference.num} samples of equal features"
        )


def _check_names(protocol, taken):
    found = sorted(taken & protocol.keys())
    if found:
        raise ValueError(
            f"Expected names of the protocol that are not taken. Received: {found}"
        )


def _batches(samples, batch_size):
    for start in range(0, len(samples), batch_size):
        yield samples[start : start + batch_size]


def _short(num):
    return f"{num // 1000}k" if num >= 1000 and num % 1000 == 0 else str(num)
