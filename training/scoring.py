"""What fills a card: scores of samples, each with its protocol.

Nothing here needs a network connection: real images are those of the dataset, features
those of a classifier of the zoo.
"""

import functools

import numpy as np

from kerasgen import datasets
from kerasgen.metrics import Evaluator, measures

SEED = 0
SPREAD_SEEDS = range(1, 6)
NUM_SPREAD = 1000
MAX_SUBSET = 1000


class SampleScores:
    """Scores of samples against test images, with what they compare with.

    Args:
        extractor: `FeatureExtractor` with logits.
        dataset: Name of the dataset; its images are loaded now, features later.
        split: Training split, for memorisation and the two references.
        num_samples: Samples to score, at least 2.

    Raises:
        ValueError: The test images do not fit the extractor, or there are fewer than
            two samples.
    """

    def __init__(self, extractor, dataset, split, num_samples):
        check_num_samples("num_test_samples", num_samples)
        self.extractor = extractor
        self.dataset = dataset
        self.num_samples = num_samples
        self.test = datasets.load(dataset, "test").images
        self.train = datasets.load(dataset, split).images
        expected = (*extractor.size, extractor.channels)
        if self.test.shape[1:] != expected:
            raise ValueError(
                f"Expected test images of shape {expected}. "
                f"Received: shape {self.test.shape[1:]} of dataset={dataset!r}"
            )

    def measure(self, model):
        """The card's metrics of a model: name to value, std and protocol."""
        scores = self._scores(model.generate(self.num_samples, seed=SEED), SEED)
        return {**scores, **self._spread(model)}

    def references(self):
        """Values of a trivial baseline and of real images, under the same names.

        The baseline draws pixels from a Gaussian with the training images' mean and
        covariance; the bound takes training images for samples.
        """
        draws = np.random.RandomState(SEED)
        real = self.train[draws.permutation(len(self.train))[: self.num_samples]]
        candidates = {
            "gaussian_of_pixels": gaussian_images(self.train, self.num_samples),
            "training_images": real,
        }
        return {
            name: {key: entry["value"] for key, entry in self._scores(x, None).items()}
            for name, x in candidates.items()
        }

    def _scores(self, images, seed):
        evaluator = self._evaluator(len(images))
        report = evaluator.evaluate(images)
        return {
            name: _entry(score, report.protocol, self.dataset, seed)
            for name, score in report.scores.items()
        }

    def _spread(self, model):
        """FID of few samples over several seeds: what a quick test can repeat."""
        num = min(NUM_SPREAD, self.num_samples)
        evaluator = Evaluator(self.extractor, ["fid"])
        evaluator.set_reference(self.test, "test")
        values = []
        for seed in SPREAD_SEEDS:
            report = evaluator.evaluate(model.generate(num, seed=seed))
            ((name, score),) = report.scores.items()
            values.append(score.value)
        score = measures.Score(float(np.mean(values)), float(np.std(values, ddof=1)))
        seeds = f"each of {SPREAD_SEEDS.start} to {SPREAD_SEEDS.stop - 1}, mean and std"
        entry = _entry(score, report.protocol, self.dataset, seeds)
        return {f"{name}_over_seeds": entry}

    @functools.cached_property
    def _train_features(self):
        return self.extractor(self.train).features

    def _evaluator(self, num):
        subset = min(MAX_SUBSET, num, len(self.test))
        evaluator = Evaluator(
            self.extractor,
            [
                measures.FID(),
                measures.KID(subset_size=subset),
                measures.InceptionScore(),
                measures.PrecisionRecall(),
                measures.DensityCoverage(),
                measures.Sharpness(),
                measures.Memorization(self._train_features),
            ],
        )
        evaluator.set_reference(self.test, "test")
        return evaluator


def check_num_samples(name, num_samples):
    """Raises ValueError for too few samples."""
    if num_samples < 2:
        raise ValueError(
            f"Expected {name} >= 2, for a covariance. Received: {num_samples}"
        )


def gaussian_images(images, num, seed=SEED):
    """uint8 images whose pixels have the mean and covariance of others.

    Args:
        images: uint8 array (N, H, W, C), N at least 2.
        num: Images to draw.
        seed: Integer in [0, 2**32).
    """
    pixels = images.reshape(len(images), -1).astype("float64")
    mean = pixels.mean(axis=0)
    values, vectors = np.linalg.eigh(np.cov(pixels, rowvar=False))
    draws = np.random.RandomState(seed).standard_normal((num, len(mean)))
    drawn = mean + (draws * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
    rounded = np.clip(np.floor(drawn + 0.5), 0, 255).astype("uint8")
    return rounded.reshape(num, *images.shape[1:])


def _entry(score, protocol, dataset, seed):
    parameters = "".join(f", {k} {v}" for k, v in score.parameters.items())
    origin = "" if seed is None else f" of seed {seed}"
    entry = {"value": float(f"{score.value:.5g}")}
    if score.std is not None:
        entry["std"] = float(f"{score.std:.3g}")
    entry["protocol"] = (
        f"{protocol['num_generated']} samples{origin} against "
        f"{protocol['num_reference']} test images of {dataset}, features of "
        f"{protocol['extractor']} ({protocol['extractor_digest'][:12]}){parameters}"
    )
    return entry
