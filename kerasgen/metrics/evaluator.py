"""`Evaluator`: one pass of features, shared by all metrics."""

import contextlib
from dataclasses import dataclass, field

import numpy as np
from rich.progress import Progress

from kerasgen.metrics import measures
from kerasgen.metrics.images import sharpness
from kerasgen.metrics.moments import Moments


class Collected:
    """What the metrics need of one set of samples, collected batch by batch.

    Attributes:
        num: Samples so far.
        moments: `Moments` of the features, in memory of O(D^2).
        features: float32 (N, D), where a metric needs them.
        logits: float32 (N, num_classes), where a metric needs them.
        sharpness: float64 (N,), where a metric needs images.
    """

    def __init__(self, needs):
        self.num = 0
        self.moments = Moments()
        self._needs = needs
        self._parts = {"features": [], "logits": [], "sharpness": []}

    def update(self, images, features, logits):
        """Adds a batch; `images` and `logits` may be None where no metric asks."""
        self.num += len(features)
        if "moments" in self._needs:
            self.moments.update(features)
        if "features" in self._needs:
            self._parts["features"].append(features)
        if "logits" in self._needs:
            self._parts["logits"].append(logits)
        if "images" in self._needs:
            self._parts["sharpness"].append(sharpness(images))

    @property
    def features(self):
        return self._joined("features")

    @property
    def logits(self):
        return self._joined("logits")

    @property
    def sharpness(self):
        return self._joined("sharpness")

    def _joined(self, name):
        if len(self._parts[name]) > 1:
            self._parts[name] = [np.concatenate(self._parts[name])]
        return self._parts[name][0]


@dataclass(frozen=True)
class Report:
    """Scores with the protocol that made them.

    scores: dict of full name, such as "fid10k_test", to `measures.Score`. protocol:
    dict of extractor, digest, resize, quantisation, reference and counts.
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
            ValueError: The statistics come from another extractor, or a metric needs
                more than statistics.
        """
        if hasattr(samples, "sigma"):
            self.reference = self._from_statistics(samples)
            protocol = {**samples.protocol, "verified": samples.verified, **protocol}
        else:
            self.reference = self.collect(samples, f"features of {name}")
        self.reference_protocol = {"reference": name, **protocol}

    def evaluate(self, samples, num=None, **protocol):
        """Scores samples against the reference.

        Args:
            samples: As in `set_reference`, but no statistics.
            num: How many there are, for the progress bar of an iterable.
            **protocol: JSON values that go into the protocol, such as the seed.

        Returns:
            `Report`.

        Raises:
            ValueError: There is no reference, or there are too few samples.
        """
        if self.reference is None:
            raise ValueError("Expected `set_reference` to be called before `evaluate`.")
        generated = self.collect(samples, "features of samples", num)
        names = self.score_names(generated.num)
        scores = {
            names[key]: score
            for metric in self.metrics
            for key, score in metric.scores(self.reference, generated).items()
        }
        return Report(
            scores,
            {
                **({} if self.extractor is None else self.extractor.protocol),
                **self.reference_protocol,
                "num_reference": self.reference.num,
                "num_generated": generated.num,
                **protocol,
            },
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

    def _from_statistics(self, statistics):
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
        collected = Collected(self.needs)
        collected.num = statistics.num
        collected.moments = Moments.from_statistics(
            statistics.mu, statistics.sigma, max(statistics.num, 2)
        )
        return collected


def _batches(samples, batch_size):
    for start in range(0, len(samples), batch_size):
        yield samples[start : start + batch_size]


def _short(num):
    return f"{num // 1000}k" if num >= 1000 and num % 1000 == 0 else str(num)
