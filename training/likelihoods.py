"""Likelihoods of a card, of test images and beside them of training images.

The gap between the two is what a model has learned by heart.
"""

import numpy as np

CROSS_ENTROPY = "grey levels read as probabilities: a cross-entropy, not a density"


def both_splits(name, measure, test, train, protocol, num=None, decimals=4):
    """A likelihood of test images, and of as many training images.

    Args:
        name: Of the likelihood, such as "bits_per_dim".
        measure: Function of uint8 images (N, H, W, C) and int labels (N,), None where
            there are none, that returns a number for each, or one for all.
        test, train: Datasets with `images` and `labels`.
        protocol: How it is measured; "{}" stands for which images.
        num: The first of each split; as many as there are in `test` by default.
        decimals: Of the value.

    Returns:
        Dict of "test_NAME" and "train_NAME" to value and protocol.
    """
    num = len(test.images) if num is None else num
    entries = {}
    for split, word, data in (("test", "test", test), ("train", "training", train)):
        images = data.images[:num]
        labels = None if data.labels is None else np.asarray(data.labels)[:num]
        first = "the first " if len(images) < len(data.images) else ""
        entries[f"{split}_{name}"] = {
            "value": round(float(np.mean(measure(images, labels))), decimals),
            "protocol": protocol.format(f"{first}{len(images)} {word} images"),
        }
    return entries


def vae_likelihoods(model, test, train, num_bound, num_importance, given_labels=False):
    """The card's likelihoods of a VAE: name to value and protocol.

    Args:
        model: `VAE`.
        test, train: Datasets with uint8 `images` and `labels`.
        num_bound: Images of the importance-weighted bound.
        num_importance: Draws of z for each of them.
        given_labels: Whether the model is conditional.
    """
    unit = "" if model.likelihood.is_discrete else "; " + CROSS_ENTROPY
    given = ", given their labels" if given_labels else ""

    def elbo(images, labels):
        return model.elbo(images, labels=labels if given_labels else None)

    def bound(images, labels):
        labels = labels if given_labels else None
        return model.log_likelihood(images, num_importance, labels=labels)

    return {
        **both_splits(
            "elbo_nats",
            elbo,
            test,
            train,
            f"mean over {{}}{given}, one draw of z, seed 0{unit}",
            decimals=3,
        ),
        **both_splits(
            f"log_likelihood_nats_{num_importance}_samples",
            bound,
            test,
            train,
            f"mean over {{}}{given}, importance-weighted lower bound, seed 0{unit}",
            num=num_bound,
            decimals=3,
        ),
    }
