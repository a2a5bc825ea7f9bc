"""How well a conditional model keeps to the class that was asked for."""

import numpy as np

from kerasgen import datasets
from kerasgen.metrics import precision_recall

from .scoring import SEED


def measure_classes(p, extractor, model):
    """Further metrics of a conditional model's card.

    As many samples of each class as `num_test_samples` holds. Agreement: share of them
    whose class by the classifier is the one asked for. Recall: of the test images of
    each class in the balls around its samples (k=3), mean and smallest class.
    Diversity: mean distance of two samples of a class over that of two test images of
    it, in features, mean and smallest class.

    Args:
        p: Parameters of the recipe.
        extractor: `FeatureExtractor` with logits.
        model: Conditional `GAN`.

    Returns:
        Dict of name to value and protocol.
    """
    test = datasets.load(p["dataset"], "test")
    num = p["num_test_samples"] // model.num_classes
    labels = np.repeat(np.arange(model.num_classes), num)
    samples = model.generate(len(labels), seed=SEED, labels=labels)
    features, logits = extractor(samples)
    agrees = logits.argmax(axis=1) == labels
    real_features = extractor(test.images).features
    recalls, diversities = [], []
    for index in range(model.num_classes):
        real = real_features[test.labels == index]
        fake = features[labels == index]
        recalls.append(precision_recall(real, fake)[1])
        diversities.append(_mean_distance(fake) / _mean_distance(real))
    about = (
        f"{len(labels)} samples of seed {SEED}, {num} of each class, classes and "
        f"features by {extractor.name} ({extractor.digest[:12]})"
    )
    values = {
        "class_agreement": np.mean(agrees),
        "class_agreement_smallest": min(
            np.mean(agrees[labels == index]) for index in range(model.num_classes)
        ),
        "class_recall": np.mean(recalls),
        "class_recall_smallest": min(recalls),
        "class_diversity": np.mean(diversities),
        "class_diversity_smallest": min(diversities),
    }
    return {
        name: {"value": round(float(value), 4), "protocol": about}
        for name, value in values.items()
    }


def _mean_distance(features):
    """Mean distance of two rows, over a random pairing of them."""
    draws = np.random.RandomState(SEED)
    others = features[draws.permutation(len(features))]
    distances = np.linalg.norm(features - others, axis=1)
    return distances[distances > 0].mean()
