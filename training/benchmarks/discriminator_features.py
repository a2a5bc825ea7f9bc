"""A linear probe: a GAN's discriminator as features, beside pixels and PCA.

    python -m training.benchmarks.discriminator_features

Radford et al. 2016, section 5.1, on Fashion-MNIST: activations of all convolutions of a
zoo discriminator trained without labels, max-pooled to 4x4, then a linear classifier.
Beside it the same classifier on pixels, on 256 principal components, and on a
discriminator of the same shape that was never trained. Classifier: multinomial logistic
regression on centred features, each divided by its own standard deviation or all by
one; that choice and the strength of L2, from powers of ten, are made on the last fifth
of the training images. The table lands in
results/discriminator_features.md.
"""

import argparse
import json
import warnings
from pathlib import Path

import keras
import numpy as np
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from kerasgen import datasets, discriminator_features, from_preset, models

RESULTS = Path(__file__).parent / "results"
PRESET = "dcgan_fashion_mnist"
STRENGTHS = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
NUM_FEW = 1000
SEEDS = (0, 1, 2)
NUM_COMPONENTS = 256
MAX_ITERATIONS = 200


def representations(train, test):
    """Features of both sets: dict of name to pair of arrays."""
    gan = from_preset(PRESET)
    keras.utils.set_random_seed(0)
    config = gan.discriminator.get_config()
    untrained = models.GAN(
        gan.generator, keras.Model.from_config(config), gan.latent_dim
    )
    flat = [x.reshape(len(x), -1).astype("float32") / 255 for x in (train, test)]
    pca = PCA(NUM_COMPONENTS, random_state=0).fit(flat[0])
    return {
        "pixels": flat,
        f"PCA, {NUM_COMPONENTS} components": [pca.transform(x) for x in flat],
        "discriminator, untrained": [
            discriminator_features(untrained, x) for x in (train, test)
        ],
        f"discriminator of {PRESET}": [
            discriminator_features(gan, x) for x in (train, test)
        ],
    }


def scale(train, test, each):
    """Both sets, centred and divided by the training set's standard deviation.

    Args:
        each: Whether each feature is divided by its own, or all by one; the latter
            keeps principal components in proportion.
    """
    mean, std = train.mean(axis=0), train.std(axis=0)
    divisor = np.where(std > 0, std, 1) if each else np.sqrt(np.mean(std**2))
    return (train - mean) / divisor, (test - mean) / divisor


def fit(x, y, strength):
    """The classifier."""
    model = LogisticRegression(C=strength, max_iter=MAX_ITERATIONS, tol=1e-3)
    with warnings.catch_warnings():
        # Reported as iterations instead.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(x, y)


def accuracy(train, labels, test, test_labels):
    """Test accuracy, and the choices made on held-out samples."""
    cut = len(train) - len(train) // 5
    scores = {}
    for each in (True, False):
        x, held_out = scale(train[:cut], train[cut:], each)
        for strength in STRENGTHS:
            model = fit(x, labels[:cut], strength)
            scores[each, strength] = model.score(held_out, labels[cut:])
    each, strength = max(scores, key=scores.get)
    x, test = scale(train, test, each)
    model = fit(x, labels, strength)
    return model.score(test, test_labels), each, strength, int(model.n_iter_.max())


def few(labels, seed):
    """Row numbers of equally many samples of each class, in random order."""
    draws = np.random.RandomState(seed)
    classes = np.unique(labels)
    num = NUM_FEW // len(classes)
    rows = [draws.permutation(np.flatnonzero(labels == c))[:num] for c in classes]
    return draws.permutation(np.concatenate(rows))


def main():
    """Computes features, fits the probes, writes the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--num-train", type=int, default=20_000)
    options = parser.parse_args()
    train, test = (datasets.load("fashion_mnist", s) for s in ("train", "test"))
    num = options.num_train
    x, y = train.images[:num], np.asarray(train.labels[:num])
    rows = []
    for name, (features, test_features) in representations(x, test.images).items():
        scores = [
            accuracy(features[r], y[r], test_features, test.labels)[0]
            for r in (few(y, seed) for seed in SEEDS)
        ]
        whole, each, strength, iterations = accuracy(
            features, y, test_features, test.labels
        )
        row = {
            "features": name,
            "dimensions": features.shape[1],
            "few_mean": float(np.mean(scores)),
            "few_std": float(np.std(scores)),
            "all": float(whole),
            "scaled_each": each,
            "strength": strength,
            "iterations": iterations,
        }
        print(row, flush=True)
        rows.append(row)
    RESULTS.mkdir(exist_ok=True)
    file = RESULTS / "discriminator_features"
    file.with_suffix(".json").write_text(json.dumps(rows, indent=1) + "\n")
    file.with_suffix(".md").write_text(render(rows, num))


def render(rows, num):
    """The table in Markdown."""
    lines = [
        "# A linear probe on a discriminator's features",
        "",
        "`python -m training.benchmarks.discriminator_features`",
        "",
        __doc__.split("\n\n")[2].replace("\n", " "),
        "",
        "Accuracy on the 10,000 test images of Fashion-MNIST.",
        "",
        f"| features | dimensions | {NUM_FEW:,} labels (mean and std of "
        f"{len(SEEDS)} draws) | {num:,} labels | iterations of at most "
        f"{MAX_ITERATIONS} |",
        "| --- | --- | --- | --- | --- |",
    ]
    lines += [
        f"| {row['features']} | {row['dimensions']:,} | {row['few_mean']:.1%} "
        f"± {row['few_std']:.1%} | {row['all']:.1%} | {row['iterations']} |"
        for row in rows
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
