"""`Collected`: what one pass over a set of samples leaves for the metrics."""

import hashlib

import numpy as np

from kerasgen.metrics.images import sharpness
from kerasgen.metrics.moments import Moments


class Collected:
    """What the metrics need of one set of samples, collected batch by batch.

    Attributes:
        num: Samples so far.
        sha256: Digest of the samples, whatever the batches; None for statistics.
        moments: `Moments` of the features, in memory of O(D^2).
        features: float32 (N, D), where a metric needs them.
        logits: float32 (N, num_classes), where a metric needs them.
        sharpness: float64 (N,), where a metric needs images.
    """

    def __init__(self, needs):
        self.num = 0
        self.moments = Moments()
        self._sha = hashlib.sha256()
        self._needs = needs
        self._parts = {"features": [], "logits": [], "sharpness": []}

    def update(self, images, features, logits):
        """Adds a batch; `logits` may be None where no metric asks."""
        if not self.num:
            self._sha.update(f"{images.shape[1:]}{images.dtype}".encode())
        self._sha.update(np.ascontiguousarray(images).data)
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
    def sha256(self):
        return self._sha.hexdigest() if self._sha else None

    @classmethod
    def from_statistics(cls, needs, statistics):
        """What a file of statistics holds."""
        collected = cls(needs)
        collected.num = statistics.num
        collected.moments = Moments.from_statistics(
            statistics.mu, statistics.sigma, max(statistics.num, 2)
        )
        collected._sha = None
        return collected

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
