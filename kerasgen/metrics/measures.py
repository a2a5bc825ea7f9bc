"""Metrics as objects that an `Evaluator` computes from one pass of features.

Each has `key`, its short name; `score_keys`, the names of its scores; `needs`, a set
of "moments", "features", "logits" and "images"; and `scores(real, generated)`, which
maps two `Collected` to a dict of these names to `Score`.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from kerasgen.metrics.frechet import fid_of_moments
from kerasgen.metrics.inception import inception_score
from kerasgen.metrics.manifold import density_coverage, precision_recall
from kerasgen.metrics.memorization import memorization
from kerasgen.metrics.mmd import kid


class Score(NamedTuple):
    """A value, its spread or None, and the parameters that it depends on."""

    value: float
    std: float | None = None
    parameters: dict = {}


@dataclass(frozen=True)
class FID:
    """Fréchet distance; see `kerasgen.metrics.fid`."""

    key = "fid"
    score_keys = ("fid",)
    needs = frozenset({"moments"})

    def scores(self, real, generated):
        value = fid_of_moments(real.moments, generated.moments)
        return {"fid": Score(value, parameters={"ddof": 1})}


@dataclass(frozen=True)
class KID:
    """Kernel Inception distance; see `kerasgen.metrics.kid`."""

    subset_size: int = 1000
    num_subsets: int = 100
    seed: int = 2020

    key = "kid"
    score_keys = ("kid",)
    needs = frozenset({"features"})

    def scores(self, real, generated):
        mean, std = kid(
            real.features,
            generated.features,
            self.subset_size,
            self.num_subsets,
            self.seed,
        )
        return {"kid": Score(mean, std, vars(self))}


@dataclass(frozen=True)
class InceptionScore:
    """Inception score of the samples alone; see `kerasgen.metrics.inception_score`."""

    splits: int = 10
    shuffle: bool = True
    seed: int = 2020

    key = "is"
    score_keys = ("is",)
    needs = frozenset({"logits"})

    def scores(self, real, generated):
        mean, std = inception_score(
            generated.logits, self.splits, self.shuffle, self.seed
        )
        return {"is": Score(mean, std, vars(self))}


@dataclass(frozen=True)
class PrecisionRecall:
    """Improved precision and recall; see `kerasgen.metrics.precision_recall`."""

    k: int = 3

    key = "pr"
    score_keys = ("precision", "recall")
    needs = frozenset({"features"})

    def scores(self, real, generated):
        precision, recall = precision_recall(real.features, generated.features, self.k)
        parameters = {"k": self.k, "comparison": "<="}
        return {
            "precision": Score(precision, parameters=parameters),
            "recall": Score(recall, parameters=parameters),
        }


@dataclass(frozen=True)
class DensityCoverage:
    """Density and coverage; see `kerasgen.metrics.density_coverage`."""

    k: int = 5

    key = "dc"
    score_keys = ("density", "coverage")
    needs = frozenset({"features"})

    def scores(self, real, generated):
        density, coverage = density_coverage(real.features, generated.features, self.k)
        parameters = {"k": self.k, "comparison": "<"}
        return {
            "density": Score(density, parameters=parameters),
            "coverage": Score(coverage, parameters=parameters),
        }


@dataclass(frozen=True)
class Sharpness:
    """Mean sharpness over that of real images; see `kerasgen.metrics.sharpness`."""

    key = "sharpness"
    score_keys = ("sharpness_ratio",)
    needs = frozenset({"images"})

    def scores(self, real, generated):
        ratio = generated.sharpness.mean() / real.sharpness.mean()
        return {"sharpness_ratio": Score(float(ratio))}


class Memorization:
    """Share of samples nearer to training than to test data.

    Args:
        train_features: Array (N, D) of the training data's features; the reference of
            the evaluation is the test data.
        seed: See `kerasgen.metrics.memorization`.
    """

    key = "memorization"
    score_keys = ("nearer_to_train",)
    needs = frozenset({"features"})

    def __init__(self, train_features, seed=0):
        self.train_features = np.asarray(train_features)
        self.seed = seed

    def scores(self, real, generated):
        found = memorization(
            generated.features, self.train_features, real.features, self.seed
        )
        parameters = {"num_train": len(self.train_features), "seed": self.seed}
        return {"nearer_to_train": Score(found.share, found.std, parameters)}


NAMED = {
    measure.key: measure
    for measure in (
        FID,
        KID,
        InceptionScore,
        PrecisionRecall,
        DensityCoverage,
        Sharpness,
    )
}


def get(measure):
    """A measure object from itself or from its key.

    Raises:
        ValueError: There is no such measure.
    """
    if isinstance(measure, str):
        if measure not in NAMED:
            raise ValueError(
                f"Expected one of the metrics {sorted(NAMED)}. Received: {measure!r}"
            )
        return NAMED[measure]()
    if not (hasattr(measure, "needs") and hasattr(measure, "scores")):
        raise ValueError(
            f"Expected one of the metrics {sorted(NAMED)}, or an object of "
            f"kerasgen.metrics.measures. Received: {measure!r}"
        )
    return measure
