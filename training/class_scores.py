"""How well a conditional model keeps to the class that was asked for."""

import numpy as np

from kerasgen import datasets
from kerasgen.metrics import precision_recall

from .scoring import SEED


def judge_classes(p, extractor, model):
    """What a card says of the classes: their rows, and metrics that sum them up.

    Args:
        p: Parameters of the recipe.
        extractor: `FeatureExtractor` with logits.
        model: Conditional model.

    Returns:
        Pair of a list of dicts and a dict of metrics.
    """
    test = datasets.load(p["dataset"], "test")
    features, logits = extractor(test.images)
    accuracy = float(np.mean(logits.argmax(axis=1) == test.labels))
    rows = score_classes(p, extractor, model, test, features)
    return rows, summarize_classes(p, extractor, rows, accuracy)


def score_classes(p, extractor, model, test, test_features):
    """A row for each class, of as many samples of it as `num_test_samples` holds.

    Agreement: share of the samples whose class by the classifier is the one asked for.
    Recall: of the test images of the class in the balls around its samples (k=3).
    Diversity: mean distance of two samples over that of two test images of the class,
    in features.

    Args:
        p: Parameters of the recipe.
        extractor: `FeatureExtractor` with logits.
        model: Conditional model.
        test: `ArrayDataset` of test images with labels.
        test_features: Their features.

    Returns:
        List of dicts of class, agreement, recall and diversity.
    """
    num = p["num_test_samples"] // model.sampled_classes
    labels = np.repeat(np.arange(model.sampled_classes), num)
    features, logits = extractor(model.generate(len(labels), seed=SEED, labels=labels))
    agrees = logits.argmax(axis=1) == labels
    rows = []
    for index in range(model.sampled_classes):
        real, fake = test_features[test.labels == index], features[labels == index]
        values = {
            "agreement": agrees[labels == index].mean(),
            "recall": precision_recall(real, fake)[1],
            "diversity": _mean_distance(fake) / _mean_distance(real),
        }
        name = str(index) if test.class_names is None else test.class_names[index]
        rounded = {key: round(float(value), 4) for key, value in values.items()}
        rows.append({"class": name, **rounded})
    return rows


def summarize_classes(p, extractor, rows, accuracy):
    """Mean and smallest value over the classes: metrics of a card.

    Args:
        p: Parameters of the recipe.
        extractor: As in `score_classes`.
        rows: Its result.
        accuracy: The classifier's own, on the test images.
    """
    num = p["num_test_samples"] // len(rows)
    protocol = (
        f"{num * len(rows)} samples of seed {SEED}, {num} of each class, classes and "
        f"features by {extractor.name} ({extractor.digest[:12]}), which is right on "
        f"{accuracy:.2%} of the test images"
    )
    metrics = {}
    for key in ("agreement", "recall", "diversity"):
        values = [row[key] for row in rows]
        for name, value in (("", np.mean(values)), ("_smallest", min(values))):
            entry = {"value": round(float(value), 4), "protocol": protocol}
            metrics[f"class_{key}{name}"] = entry
    return metrics


def _mean_distance(features):
    """Mean distance of two rows, over a random pairing of them."""
    draws = np.random.RandomState(SEED)
    others = features[draws.permutation(len(features))]
    distances = np.linalg.norm(features - others, axis=1)
    return distances[distances > 0].mean()
