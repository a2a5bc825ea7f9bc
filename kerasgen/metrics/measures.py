"""Metrics as objects that an `Evaluator` computes from one pass of features.

Each has `key`, its short name; `score_keys`, the names of its scores; `better`, "min"
or "max" for those that an epoch may be selected by; `needs`, a set
of "moments", "features", "logits" and "images"; and `scores(real, generated)`, which
maps two `Collected` to a dict of these names to `Score`. `fewest`, where it has one,
is the smallest number of samples of the reference and of the generated ones.
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
    better = {"fid": "min"}
    needs = frozenset({"moments"})
    fewest = (2, 2)

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
    better = {"kid": "min"}
    needs = frozenset({"features"})

    @property
    def fewest(self):
        return self.subset_size, self.subset_size

    def scores(self, real, generated):
        mean, std = kid(
            real.features,
            generated.features,
            self.subset_size,
            self.num_subsets,
            self.seed,
        )
        parameters = {name: int(value) for name, value in vars(self).items()}
        return {"kid": Score(mean, std, parameters)}


@dataclass(frozen=True)
class InceptionScore:
    """Inception score of the samples alone; see `kerasgen.metrics.inception_score`."""

    splits: int = 10
    shuffle: bool = True
    seed: int = 2020

    key = "is"
    score_keys = ("is",)
    better = {"is": "max"}
    needs = frozenset({"logits"})

    @property
    def fewest(self):
        return 1, self.splits

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
    better = {"precision": "max", "recall": "max"}
    needs = frozenset({"features"})

    @property
    def fewest(self):
        return self.k + 1, self.k + 1

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
    better = {"density": "max", "coverage": "max"}
    needs = frozenset({"features"})

    @property
    def fewest(self):
        return self.k + 1, self.k + 1

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
    better = {}  # neither blur nor noise is good
    needs = frozenset({"images"})

    def scores(self, real, generated):
        if not real.sharpness.any():
            raise ValueError(
                "Expected reference images that are not all constant: there is no "
                "sharpness to compare with. Received: sharpness 0"
            )
        ratio = generated.sharpness.mean() / real.sharpness.mean()
        return {"sharpness_ratio": Score(float(ratio))}


class Memorization:
    """Excess of samples nearer to training than to test data; 0 none, 1 copies.

    Args:
        train_features: Array (N, D) of the training data's features; the reference of
            the evaluation is the test data.
    """

    key = "memorization"
    score_keys = ("memorization",)
    better = {"memorization": "min"}
    needs = frozenset({"features"})

    def __init__(self, train_features):
        self.train_features = np.asarray(train_features)

    def scores(self, real, generated):
        found = memorization(generated.features, self.train_features, real.features)
        parameters = {"num_train": len(self.train_features), "share": found.share}
        std = found.std / (1.0 - found.expected)
        return {"memorization": Score(found.excess, std, parameters)}


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


def fewest_samples(measure, side):
    """Smallest number of samples that a measure takes.

    Args:
        measure: Object as `get` returns it.
        side: "reference" or "generated".
    """
    return getattr(measure, "fewest", (1, 1))[side == "generated"]


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
