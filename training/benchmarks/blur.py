"""Autoencoder, VAE and GAN side by side: sharpness, diversity, FID.

    python -m training.benchmarks.blur --folder runs/blur

The VAE and the GAN are the presets of Fashion-MNIST. The autoencoder is the VAE's
networks trained as long without the KL term, so that nothing keeps its codes normal;
its samples decode draws from a Gaussian fitted to the codes of the training images.
Started again, it resumes. The table lands in results/blur.md and .json.
"""

import argparse
import json
from pathlib import Path

import keras
import numpy as np

from kerasgen import callbacks, datasets, from_preset, models, plot
from kerasgen.extractors import from_classifier_preset
from kerasgen.metrics import Evaluator
from kerasgen.presets import preset_card

RESULTS = Path(__file__).parent / "results"
VAE, GAN = "vae_fashion_mnist", "dcgan_fashion_mnist"
NUM = 10_000
SEED = 0


def train_autoencoder(folder, parameters, data):
    """The VAE of these parameters without its KL term, trained or resumed."""
    keras.utils.set_random_seed(parameters["seed"])
    model = models.conv_vae(
        data.image_shape,
        latent_dim=parameters["latent_dim"],
        filters=parameters["filters"],
        likelihood=parameters["likelihood"],
        beta=0.0,
        seed=parameters["seed"],
    )
    steps = parameters["epochs"] * len(data)
    schedule = keras.optimizers.schedules.CosineDecay(
        parameters["learning_rate"], steps, alpha=0.01
    )
    model.compile(keras.optimizers.Adam(schedule))
    saves = callbacks.Checkpoint(folder)
    model.fit(data, epochs=parameters["epochs"], callbacks=[saves])
    return model


def sample_autoencoder(model, images, num):
    """uint8 samples: decoded draws from a Gaussian fitted to the images' codes."""
    codes = model.encode(images).astype("float64")
    draws = np.random.RandomState(SEED)
    z = draws.multivariate_normal(codes.mean(0), np.cov(codes, rowvar=False), num)
    return model.decode_path(z.astype("float32"))


def main():
    """Trains, samples, scores and writes the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("runs/blur"))
    folder = parser.parse_args().folder
    card = preset_card(VAE)
    parameters = card["parameters"]
    data = datasets.load(
        "fashion_mnist",
        card["split"],
        batch_size=parameters["batch_size"],
        seed=parameters["seed"],
    )
    autoencoder = train_autoencoder(folder, parameters, data)
    test = datasets.load("fashion_mnist", "test").images
    samples = {
        "test images": test,
        "autoencoder": sample_autoencoder(autoencoder, data.images, NUM),
        "VAE": from_preset(VAE).generate(NUM, seed=SEED),
        "GAN": from_preset(GAN).generate(NUM, seed=SEED),
        "reconstructions of the VAE": from_preset(VAE).reconstruct(test),
    }
    evaluator = Evaluator(
        from_classifier_preset(parameters["extractor"]),
        ["fid", "pr", "dc", "sharpness"],
    )
    evaluator.set_reference(test, "test")
    rows = {}
    for name, images in samples.items():
        scores = evaluator.evaluate(images).scores
        rows[name] = {key.partition("10k")[0]: s.value for key, s in scores.items()}
        print(name, rows[name], flush=True)
    RESULTS.mkdir(exist_ok=True)
    shown = [images[:10] for images in samples.values()]
    plot.save_image_grid(RESULTS / "blur.png", np.concatenate(shown), columns=10)
    (RESULTS / "blur.json").write_text(json.dumps(rows, indent=1) + "\n")
    (RESULTS / "blur.md").write_text(render(rows, parameters))


def render(rows, parameters):
    """The table, in Markdown."""
    keys = ("sharpness_ratio", "recall", "coverage", "precision", "density", "fid")
    titles = ("sharpness", "recall", "coverage", "precision", "density", "FID")
    lines = [
        "# Blur and diversity of autoencoder, VAE and GAN",
        "",
        "`python -m training.benchmarks.blur`",
        "",
        f"{NUM:,} samples each against the 10,000 test images of Fashion-MNIST, "
        f"features of `{parameters['extractor']}`. Sharpness: variance of the "
        "Laplacian over that of the test images. Recall (k=3) and coverage (k=5): "
        "diversity; "
        "precision and density: quality. In the picture a row of ten for each row of "
        "the table.",
        "",
        f"| samples | {' | '.join(titles)} |",
        "| --- " * (len(titles) + 1) + "|",
    ]
    for name, scores in rows.items():
        cells = [name, *(f"{scores[key]:.3f}" for key in keys)]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join([*lines, "", "![ten samples of each](blur.png)"]) + "\n"


if __name__ == "__main__":
    main()
