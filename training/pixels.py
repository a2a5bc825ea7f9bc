"""What the recipes of pixel models share."""

import contextlib
from dataclasses import dataclass

import keras
import numpy as np

from .completions import CompletionRun
from .extractor import extractor_card, load_extractor
from .likelihoods import both_splits
from .plain_bits import load_levels, plain_entries
from .scoring import SampleScores

PARAMETERS = {
    "dataset": "fashion_mnist",
    "split": "train[:55000]",
    "validation_split": "train[55000:]",
    "extractor": "features_fashion_mnist",
    "epochs": 10,
    "batch_size": 64,
    "num_levels": 256,
    "num_blocks": 6,
    "filters": 32,
    "learning_rate": 2e-3,
    "ema_decay": 0.999,
    "mixture_components": 50,
    "mixture_factors": 20,
    "num_test_samples": 10000,
    "seed": 0,
}
QUICK = {
    "dataset": "digits",
    "split": "train[:128]",
    "validation_split": "train[128:192]",
    "extractor": "features_digits",
    "epochs": 1,
    "num_levels": 17,
    "num_blocks": 1,
    "filters": 4,
    "mixture_components": 2,
    "mixture_factors": 2,
    "num_test_samples": 64,
}


@dataclass
class PixelRun(CompletionRun):
    """Trains in the precision of the recipe; what is judged and kept is float32.

    make: function without arguments that returns a new model.
    """

    make: object = None

    def fit(self, folder, epochs, callbacks, verbose):
        """Trains in a run folder; returns further fields of the card."""
        outcome = super().fit(folder, epochs, callbacks, verbose)
        with dtype_policy("float32"):
            model = self.make()
        for name, network in self.model.networks.items():
            model.networks[name].set_weights(network.get_weights())
        self.model = model
        return outcome


@contextlib.contextmanager
def dtype_policy(name):
    """Layers that are made within compute in this precision."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def pixel_run(
    p, builder, description, paper, is_conditional=False, precision="float32"
):
    """The run of a pixel model.

    Args:
        p: Parameters.
        builder: Function of the training data that returns a model of
            `kerasgen.models`.
        description: Of the card, before the dataset's name.
        paper: Of the card.
        is_conditional: Whether the model takes labels.
        precision: Dtype policy of the training.

    Returns:
        `PixelRun`.
    """
    data, validation = (load_levels(p, p[k]) for k in ("split", "validation_split"))
    test = load_levels(p, "test")
    with dtype_policy(precision):
        model = builder(data)
    model.compile(
        keras.optimizers.Adam(
            keras.optimizers.schedules.CosineDecay(
                p["learning_rate"], p["epochs"] * len(data), alpha=0.02
            )
        )
    )
    # After the model: it draws initial weights, too.
    extractor = load_extractor(p["extractor"], data.image_shape)
    scores = SampleScores(extractor, p["dataset"], p["split"], p["num_test_samples"])

    def likelihoods(model):
        def bits(images, labels):
            return model.bits_per_dim(images, labels if is_conditional else None)

        given = ", given their labels" if is_conditional else ""
        protocol = f"mean over {{}}, {p['num_levels']} levels, exact{given}"
        return {
            **both_splits("bits_per_dim", bits, test, data, protocol),
            **plain_entries(
                data,
                test,
                p["num_levels"],
                p["mixture_components"],
                p["mixture_factors"],
            ),
        }

    return PixelRun(
        model=model,
        data=data,
        score="val_bits_per_dim",
        likelihoods=likelihoods,
        measure=scores.measure,
        references=scores.references,
        card={
            "description": f"{description} on {p['dataset']}, {p['num_levels']} levels",
            "family": "explicit, exact",
            "paper": paper,
            "dataset": p["dataset"],
            "split": p["split"],
            "extractor": extractor_card(extractor),
        },
        fit_arguments={"validation_data": validation},
        test_images=test.images,
        test_labels=np.asarray(test.labels) if is_conditional else None,
        make=lambda: builder(data),
    )
