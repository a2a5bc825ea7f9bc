"""A small classifier of Fashion-MNIST whose features judge samples.

kerasgen train features_fashion_mnist --backend torch
"""

import keras

from kerasgen import datasets, networks
from kerasgen.metrics import accuracy

from ..runs import ClassifierRun

PARAMETERS = {
    "dataset": "fashion_mnist",
    "split": "train",
    "epochs": 8,
    "batch_size": 128,
    "width": 16,
    "feature_dim": 64,
    "learning_rate": 2e-3,
    "seed": 0,
}
QUICK = {
    "dataset": "digits",
    "split": "train[:256]",
    "epochs": 1,
    "batch_size": 32,
    "width": 8,
}


def build(p):
    """The run of these parameters."""
    data = datasets.load(
        p["dataset"],
        p["split"],
        batch_size=p["batch_size"],
        seed=p["seed"],
    )
    test = datasets.load(p["dataset"], "test")
    if data.num_classes is None or test.images.shape[1:] != data.image_shape:
        raise ValueError(
            "Expected a dataset of labelled images, with test images of the same "
            f"shape. Received: dataset={p['dataset']!r}"
        )
    x = data.images.astype("float32") / 127.5 - 1.0
    data = datasets.ArrayDataset(
        x,
        data.labels,
        batch_size=p["batch_size"],
        seed=p["seed"],
        num_classes=data.num_classes,
    )
    model = networks.classifier(
        data.image_shape,
        data.num_classes,
        width=p["width"],
        feature_dim=p["feature_dim"],
    )
    model.compile(
        keras.optimizers.AdamW(
            keras.optimizers.schedules.CosineDecay(
                p["learning_rate"], p["epochs"] * len(data)
            ),
            weight_decay=1e-3,
        ),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )

    def measure(model):
        return {
            "test_accuracy": {
                "value": round(accuracy(model, test.images, test.labels), 4),
                "protocol": f"share of the {test.num_samples} test images of "
                f"{p['dataset']} whose largest logit is that of their label",
            }
        }

    return ClassifierRun(
        model=model,
        data=data,
        measure=measure,
        card={
            "description": f'Classifier of {p["dataset"]}; the layer "features" '
            f"({p['feature_dim']} values) is the space of its FID",
            "family": "feature extractor",
            "paper": None,
            "dataset": p["dataset"],
            "split": p["split"],
        },
    )
