"""Autoencoders for dimensionality reduction, beside PCA.

    KERAS_BACKEND=torch python -m training.benchmarks.dimensionality_reduction

Test accuracy of the 5 nearest neighbours among the training images, in codes of 2, 8
and 32 values; pixels for comparison. Autoencoder and VAE have dense layers of 512 and
256 and are trained without labels, 20 epochs of Adam(1e-3) on Fashion-MNIST's first
20,000 training images (batch 128), 200 epochs on the digits. Three seeds, the mean.
Finished runs are kept in results/dimensionality_reduction.json; the table lands in
results/dimensionality_reduction.md.
"""

import statistics

import keras

from kerasgen import EncoderTransformer, datasets

from ..applications import encoder_transformer_digits
from .kept_runs import RESULTS, complete_runs

PATH = RESULTS / "dimensionality_reduction.json"
DIMENSIONS = (2, 8, 32)
SEEDS = (0, 1, 2)
# Name: training split, epochs.
DATASETS = {"fashion_mnist": ("train[:20000]", 20), "digits": ("train", 200)}
# Name: model of the recipe.
MODELS = {"autoencoder": "autoencoder", "VAE": "vae"}
METHODS = ("PCA", *MODELS)


def run(dataset, method, dimension, seed):
    """Test accuracy of neighbours in codes of one size."""
    split, epochs = DATASETS[dataset]
    train, test = datasets.load(dataset, split), datasets.load(dataset, "test")
    p = {
        **encoder_transformer_digits.PARAMETERS,
        "latent_dim": dimension,
        "seed": seed,
    }
    if method == "pixels":
        codes = encoder_transformer_digits.pixels(train, test)
    elif method == "PCA":
        codes = encoder_transformer_digits.pca_codes(p, train, test)
    else:
        keras.utils.set_random_seed(seed)
        model = encoder_transformer_digits.make_model(
            {**p, "model": MODELS[method]}, train.image_shape
        )
        encoder = EncoderTransformer(model).fit(
            train.images, batch_size=p["batch_size"], epochs=epochs, verbose=0
        )
        codes = [encoder.transform(data.images) for data in (train, test)]
    accuracy = encoder_transformer_digits.neighbour_accuracy(p, codes, train, test)
    return {"accuracy": accuracy}


def main():
    """Trains what is missing and writes the table."""
    tasks = {f"{d}/pixels/0/0": (d, "pixels", 0, 0) for d in DATASETS}
    tasks |= {
        f"{d}/{m}/{n}/{s}": (d, m, n, s)
        for d in DATASETS
        for m in METHODS
        for n in DIMENSIONS
        for s in (SEEDS if m != "PCA" else SEEDS[:1])
    }
    PATH.with_suffix(".md").write_text(render(complete_runs(PATH, tasks, run)))


def render(done):
    """The table in Markdown.

    Args:
        done: Content of dimensionality_reduction.json.
    """
    titles = [f"{n} values" for n in DIMENSIONS]
    lines = [
        "# Dimensionality reduction",
        "",
        "`KERAS_BACKEND=torch python -m training.benchmarks.dimensionality_reduction`",
        "",
        __doc__.split("\n\n")[2].replace("\n", " "),
        "",
        f"| data | codes | {' | '.join(titles)} |",
        "| --- | --- " + "| --- " * len(titles) + "|",
    ]
    for dataset in DATASETS:
        pixels = done[f"{dataset}/pixels/0/0"]["accuracy"]
        lines.append(f"| {dataset} | pixels | {pixels:.1%} | | |")
        for method in METHODS:
            seeds = SEEDS if method != "PCA" else SEEDS[:1]
            cells = [
                statistics.mean(
                    done[f"{dataset}/{method}/{n}/{s}"]["accuracy"] for s in seeds
                )
                for n in DIMENSIONS
            ]
            values = " | ".join(f"{cell:.1%}" for cell in cells)
            lines.append(f"| {dataset} | {method} | {values} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
