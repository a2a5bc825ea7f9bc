"""What the recipes of pixel models share: levels, likelihoods, completions."""

import keras
import numpy as np

from kerasgen import datasets, plot

from .extractor import extractor_card, load_extractor
from .mixture_bits import mixture_bits
from .runs import GenerativeRun
from .scoring import SEED, SampleScores

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
NUM_COMPLETED, NUM_DRAWS = 5, 4


class PixelRun(GenerativeRun):
    """A `GenerativeRun` whose pictures show completions too."""

    @property
    def captions(self):
        return {
            **super().captions,
            "completions.png": "Test images, the same with their lower half hidden, "
            f"and {NUM_DRAWS} completions of each, seed {SEED}, not selected",
        }

    def save_pictures(self, folder):
        """Writes a grid of samples, and one of images completed from their top."""
        super().save_pictures(folder)
        images, labels = self.completed
        height = images.shape[1]
        mask = np.zeros(images.shape[1:3], bool)
        mask[: height // 2] = True
        draws = self.model.complete(
            images, mask, seed=SEED, labels=labels, num_draws=NUM_DRAWS
        )
        occluded = np.where(mask[..., None], images, 128).astype("uint8")
        columns = np.concatenate([images[:, None], occluded[:, None], draws], axis=1)
        plot.save_image_grid(
            folder / "completions.png",
            columns.reshape(-1, *images.shape[1:]),
            columns=2 + NUM_DRAWS,
        )


def pixel_run(p, builder, description, paper, is_conditional=False):
    """The run of a pixel model.

    Args:
        p: Parameters.
        builder: Function of the training data that returns a model of
            `kerasgen.models`.
        description: Of the card, before the dataset's name.
        paper: Of the card.
        is_conditional: Whether the model takes labels.

    Returns:
        `PixelRun`.
    """
    data, validation = (_load(p, p[k]) for k in ("split", "validation_split"))
    test = _load(p, "test")
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
    labels = np.asarray(test.labels) if is_conditional else None

    def measure(model):
        bits = model.bits_per_dim(test.images, labels)
        given = ", given their labels" if is_conditional else ""
        levels = f"{p['num_levels']} levels"
        return {
            "test_bits_per_dim": {
                "value": round(float(bits.mean()), 4),
                "protocol": f"mean over {len(test.images)} test images, {levels}, "
                f"exact{given}",
            },
            "test_bits_per_dim_gaussian_mixture": {
                "value": round(_mixture_bits(p, data.images, test.images), 4),
                "protocol": f"mixture of {p['mixture_components']} probabilistic PCAs "
                f"of {p['mixture_factors']} factors, fitted to the {len(data.images)} "
                f"training images by 10 iterations of EM, {levels}, uniform "
                "dequantisation, one draw: an upper bound; mean over "
                f"{len(test.images)} test images",
            },
            "test_bits_per_dim_uniform_model": {
                "value": round(float(np.log2(p["num_levels"])), 4),
                "protocol": f"log2 of {levels}",
            },
            **scores.measure(model),
        }

    run = PixelRun(
        model=model,
        data=data,
        score="val_bits_per_dim",
        measure=measure,
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
    )
    run.completed = (
        test.images[:NUM_COMPLETED],
        None if labels is None else labels[:NUM_COMPLETED],
    )
    return run


def _mixture_bits(p, train, test):
    sizes = p["mixture_components"], p["mixture_factors"]
    return mixture_bits(train, test, p["num_levels"], *sizes)


def _load(p, split):
    data = datasets.load(
        p["dataset"], split, batch_size=p["batch_size"], seed=p["seed"]
    )
    data.images = datasets.quantize(data.images, p["num_levels"])
    return data
