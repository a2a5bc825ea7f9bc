"""The bound of log p(x) against the number of draws, and what models learn by heart.

    KERAS_BACKEND=torch python -m training.benchmarks.likelihood_bounds

VAE and IWAE (5 draws) of dense layers (512, 256), 16 latents, Bernoulli likelihood, on
binarised images: 1 above grey level 127. Fashion-MNIST: the first 20,000 training
images, 30 epochs; digits: 400 epochs; Adam(1e-3), batch 128. Bounds in nats, means over
the first 500 test and training images of the same draws. Finished runs are kept in
results/likelihood_bounds.json; the table lands in results/likelihood_bounds.md.
"""

import keras
import numpy as np

from kerasgen import datasets, models

from .kept_runs import RESULTS, complete_runs

PATH = RESULTS / "likelihood_bounds.json"
DRAWS = (1, 5, 50, 500, 5000)
NUM_IMAGES = 500
# Name: training split, epochs.
DATASETS = {"fashion_mnist": ("train[:20000]", 30), "digits": ("train", 400)}
BUILDERS = {"VAE": models.dense_vae, "IWAE": models.dense_iwae}


def binarised(dataset, split):
    """Images of black and white: uint8 in {0, 255}."""
    return np.where(datasets.load(dataset, split).images > 127, 255, 0).astype("uint8")


def run(dataset, method):
    """Trains one model; returns its bounds on test and on training images."""
    split, epochs = DATASETS[dataset]
    train, test = binarised(dataset, split), binarised(dataset, "test")
    keras.utils.set_random_seed(0)
    model = BUILDERS[method](train.shape[1:], 16, seed=0)
    model.compile(keras.optimizers.Adam(1e-3))
    model.fit(train, batch_size=128, epochs=epochs, verbose=0)
    result = {"active_units": int(model.active_units(test).sum())}
    for name, images in (("test", test), ("training", train)):
        bounds = [
            model.log_likelihood(images[:NUM_IMAGES], num_samples=k).mean()
            for k in DRAWS
        ]
        result[name] = [round(float(bound), 3) for bound in bounds]
    return result


def main():
    """Trains what is missing and writes the table."""
    tasks = {f"{d}/{m}": (d, m) for d in DATASETS for m in BUILDERS}
    PATH.with_suffix(".md").write_text(render(complete_runs(PATH, tasks, run)))


def render(done):
    """The table in Markdown.

    Args:
        done: Content of likelihood_bounds.json.
    """
    titles = [f"{k:,}" for k in DRAWS]
    lines = [
        "# Bounds of the log-likelihood",
        "",
        "`KERAS_BACKEND=torch python -m training.benchmarks.likelihood_bounds`",
        "",
        __doc__.split("\n\n")[2].replace("\n", " "),
        "",
        f"| data | model | active units | images | draws: {' | '.join(titles)} |",
        "| --- | --- | --- | --- " + "| --- " * len(DRAWS) + "|",
    ]
    for dataset in DATASETS:
        for method in BUILDERS:
            found = done[f"{dataset}/{method}"]
            start = [dataset, method, f"{found['active_units']} of 16"]
            gaps = [
                a - b for a, b in zip(found["training"], found["test"], strict=True)
            ]
            for name, values in (
                ("test", found["test"]),
                ("training", found["training"]),
                ("gap", gaps),
            ):
                cells = [f"{value:.2f}" for value in values]
                lines.append(f"| {' | '.join([*start, name, *cells])} |")
                start = [""] * len(start)
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
