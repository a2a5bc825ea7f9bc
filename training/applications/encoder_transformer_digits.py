"""Dimensionality reduction: an `EncoderTransformer` on scikit-learn's digits.

    kerasgen train encoder_transformer_digits --backend torch
    kerasgen train encoder_transformer_digits --backend torch --set model=vae

Trained without labels; the card has the test accuracy of the nearest neighbours in its
codes, beside PCA's of as many values and that in pixels.
`training.benchmarks.dimensionality_reduction` repeats this over sizes and seeds.
"""

import math

import keras
from sklearn.decomposition import PCA
from sklearn.neighbors import KNeighborsClassifier

from kerasgen import EncoderTransformer, datasets, models

from .. import autoencoders
from ..recipe import check_option

PARAMETERS = {
    "dataset": "digits",
    "split": "train",
    "model": "autoencoder",
    "latent_dim": 8,
    "epochs": 200,
    "batch_size": 128,
    "learning_rate": 1e-3,
    "num_neighbours": 5,
    "seed": 0,
}
QUICK = {"split": "train[:256]", "latent_dim": 2, "epochs": 2}
# Dense layers of 512 and 256.
MODELS = {
    "autoencoder": lambda *shape, **arguments: models.dense_autoencoder(
        *shape, likelihood="bernoulli", **arguments
    ),
    "vae": models.dense_vae,
}


class TransformerRun(autoencoders.ReconstructionRun):
    """Trains the model as a step of scikit-learn's pipelines.

    encoder: the `EncoderTransformer`.
    """

    encoder = None

    def train(self, **arguments):
        # Its first fit trains the model itself, not a copy.
        self.encoder = EncoderTransformer(self.model, warm_start=True)
        self.encoder.fit(self.data.images, **arguments)


def build(p):
    """The run of these parameters."""
    data, test = (datasets.load(p["dataset"], part) for part in (p["split"], "test"))
    if len(data.image_shape) != 3:
        raise ValueError(
            f"Expected a dataset of images. Received: dataset={p['dataset']!r}"
        )
    num_images = len(data.images)
    most = {
        "latent_dim": min(num_images, math.prod(data.image_shape)),
        "num_neighbours": num_images,
    }
    for key, value in most.items():
        if p[key] > value:
            raise ValueError(f"Expected {key} of at most {value}. Received: {p[key]}")
    model = make_model(p, data.image_shape)
    protocol = (
        f"share of {len(test.images)} test images whose label is that of most of their "
        f"{p['num_neighbours']} nearest among {num_images} training images, in "
        f"codes of {p['latent_dim']} values"
    )

    def measure(model):
        codes = [run.encoder.transform(part.images) for part in (data, test)]
        accuracy = neighbour_accuracy(p, codes, data, test)
        return {"test_accuracy": {"value": accuracy, "protocol": protocol}}

    def references():
        codes = {"pca": pca_codes(p, data, test), "pixels": pixels(data, test)}
        return {
            name: {"test_accuracy": neighbour_accuracy(p, pair, data, test)}
            for name, pair in codes.items()
        }

    run = TransformerRun(
        model=model,
        data=data,
        score=None,
        measure=measure,
        references=references,
        card={
            "description": f"Dense {p['model']} of {p['latent_dim']} latents as an "
            f"EncoderTransformer, on {p['dataset']}",
            "family": "autoencoder",
            "paper": "Hinton and Salakhutdinov 2006, doi:10.1126/science.1127647",
            "dataset": p["dataset"],
            "split": p["split"],
        },
        fit_arguments={"batch_size": p["batch_size"]},
    )
    run.shown = run.seen = test.images[: autoencoders.NUM_SHOWN]
    return run


def make_model(p, image_shape):
    """The compiled model."""
    check_option("model", p["model"], MODELS)
    model = MODELS[p["model"]](image_shape, p["latent_dim"], seed=p["seed"])
    model.compile(keras.optimizers.Adam(p["learning_rate"]))
    return model


def pixels(data, test):
    """Training and test images as float64 vectors in [0, 1]."""
    return [part.images.reshape(len(part.images), -1) / 255.0 for part in (data, test)]


def pca_codes(p, data, test):
    """As many values of training and test images as the model's codes have."""
    vectors = pixels(data, test)
    pca = PCA(p["latent_dim"], random_state=p["seed"]).fit(vectors[0])
    return [pca.transform(x) for x in vectors]


def neighbour_accuracy(p, codes, data, test):
    """Share of test images that the nearest training images name rightly."""
    classifier = KNeighborsClassifier(p["num_neighbours"]).fit(codes[0], data.labels)
    return round(classifier.score(codes[1], test.labels), 4)
