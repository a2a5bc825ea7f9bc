"""Adversarial examples against discriminators trained with and without smooth labels.

    KERAS_BACKEND=torch python -m training.benchmarks.adversarial_examples

DCGANs of Fashion-MNIST, alike but for their labels: hard ones, one-sided smoothing
(real 0.9) and two-sided smoothing (0.9 and 0.1); 5 epochs of the 60,000 images with 16
filters, the parameters of `dcgan_fashion_mnist` otherwise, three seeds. Then FGSM
(Goodfellow et al. 2015): 2,000 test images are moved to be taken for fakes, 2,000
samples of the same generator to be taken for reals, by up to epsilon grey levels a
pixel. Reported are the shares of reals and of fakes that are still told; a coin has
50 %. Finished runs are kept in results/adversarial_examples.json; the table lands in
results/adversarial_examples.md.
"""

import argparse

import keras
import numpy as np

from kerasgen import datasets, losses, models
from kerasgen.adversarial_examples import discriminator_robustness

from ..gans import PARAMETERS
from .kept_runs import RESULTS, complete_runs

PATH = RESULTS / "adversarial_examples.json"
VARIANTS = {
    "hard labels": "non_saturating",
    "one-sided smoothing, 0.9": "one_sided_label_smoothing",
    "two-sided smoothing, 0.9 and 0.1": "two_sided_label_smoothing",
}
GREY_LEVELS = (0, 1, 2, 4, 8)
SEEDS = (0, 1, 2)
EPOCHS = 5
NUM = 2000


def run(variant, seed, epochs):
    """Trains one DCGAN; returns the rows of its robustness."""
    p = {**PARAMETERS, "filters": 16, "seed": seed}
    keras.utils.set_random_seed(seed)
    data = datasets.load("fashion_mnist", batch_size=p["batch_size"], seed=seed)
    gan = models.dcgan(
        data.image_shape,
        p["latent_dim"],
        p["filters"],
        loss=getattr(losses, VARIANTS[variant]),
        seed=seed,
    )
    gan.compile(
        keras.optimizers.Adam(p["learning_rate"], p["beta_1"]),
        keras.optimizers.Adam(p["learning_rate"], p["beta_1"]),
    )
    gan.fit(data, epochs=epochs, verbose=2)
    test = datasets.load("fashion_mnist", "test").images[:NUM]
    found = discriminator_robustness(
        gan,
        test,
        gan.generate(NUM, seed=0),
        [2 * level / 255 for level in GREY_LEVELS],
    )
    return [[r.real_accuracy, r.fake_accuracy] for r in found]


def main():
    """Trains what is missing and writes the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    options = parser.parse_args()
    is_whole = options.epochs == EPOCHS
    tasks = {
        f"{variant}/{seed}": (variant, seed, options.epochs)
        for seed in SEEDS
        for variant in VARIANTS
    }
    done = complete_runs(PATH, tasks, run, keep=is_whole)
    if is_whole:
        PATH.with_suffix(".md").write_text(render(done))


def render(done):
    """The table in Markdown."""
    lines = [
        "# Adversarial examples against a discriminator",
        "",
        "`KERAS_BACKEND=torch python -m training.benchmarks.adversarial_examples`",
        "",
        __doc__.split("\n\n")[2].replace("\n", " "),
        "",
        "Mean of the seeds, the spread (smallest to largest) in brackets.",
        "",
        "| labels | of | "
        + " | ".join(f"moved by {level} / 255" for level in GREY_LEVELS)
        + " |",
        "| --- | --- |" + " --- |" * len(GREY_LEVELS),
    ]
    for variant in VARIANTS:
        runs = np.array([done[f"{variant}/{seed}"] for seed in SEEDS])
        for index, kind in enumerate(("reals", "fakes")):
            cells = [
                f"{column.mean():.1%} ({column.min():.0%} to {column.max():.0%})"
                for column in runs[:, :, index].T
            ]
            lines.append(f"| {variant} | {kind} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
