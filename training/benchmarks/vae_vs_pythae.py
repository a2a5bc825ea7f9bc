"""A VAE of kerasgen beside pythae's: the same data, widths, epochs, batch and rate.

    pip install --no-deps pythae==0.1.2 cloudpickle imageio && pip install pydantic
    python -m training.benchmarks.vae_vs_pythae

pythae 0.1.2's default networks, one hidden layer of 512, Bernoulli cross-entropy of the
grey levels of Fashion-MNIST, 16 latents, Adam(1e-3), batch 128, 10 epochs over 55,000
images; kerasgen through `fit()` on each backend. Each is a process of its own; the
order is turned round after every round. Speed is the median over the epochs after the
first, which compiles; the test ELBO (10,000 images, one draw of z) is measured by
kerasgen for both, pythae's weights copied into the same networks. Finished runs are
kept in results/vae_vs_pythae.json; the table lands in results/vae_vs_pythae.md.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np

from .kept_runs import RESULTS, complete_runs

PATH = RESULTS / "vae_vs_pythae.json"
LIBRARIES = ("pythae", "tensorflow", "jax", "torch")
ROUNDS = 3
LATENT_DIM, HIDDEN, BATCH_SIZE, LEARNING_RATE = 16, 512, 128, 1e-3


def load(split):
    """Images of a split, uint8 (N, 28, 28, 1)."""
    from kerasgen import datasets

    return datasets.load("fashion_mnist", split).images


def make_vae(seed):
    """kerasgen's side: pythae's default widths."""
    import keras

    from kerasgen.models import dense_vae

    keras.utils.set_random_seed(seed)
    model = dense_vae((28, 28, 1), LATENT_DIM, (HIDDEN,), seed=seed)
    model.compile(keras.optimizers.Adam(LEARNING_RATE))
    return model


def train_kerasgen(seed, epochs):
    """Trains by `fit()`; returns the model and the seconds of each epoch."""
    import keras

    class Clock(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            self.begin = time.perf_counter()

        def on_epoch_end(self, epoch, logs=None):
            seconds.append(time.perf_counter() - self.begin)

    seconds = []
    model = make_vae(seed)
    images = load("train[:55000]")
    model.fit(
        images, batch_size=BATCH_SIZE, epochs=epochs, verbose=0, callbacks=[Clock()]
    )
    return model, seconds


def train_pythae(seed, epochs):
    """Trains by pythae; returns its weights in a kerasgen VAE, and the seconds."""
    import logging

    import torch
    from pythae.data.datasets import BaseDataset
    from pythae.models import VAE, VAEConfig
    from pythae.trainers import BaseTrainer, BaseTrainerConfig
    from pythae.trainers.training_callbacks import TrainingCallback

    logging.disable(logging.INFO)

    class Clock(TrainingCallback):
        def on_epoch_begin(self, *args, **kwargs):
            self.begin = time.perf_counter()

        def on_epoch_end(self, *args, **kwargs):
            seconds.append(time.perf_counter() - self.begin)

    seconds = []
    torch.manual_seed(seed)
    images = load("train[:55000]").transpose(0, 3, 1, 2)
    data = torch.from_numpy(images.astype("float32") / 255.0)
    config = VAEConfig(
        input_dim=(1, 28, 28), latent_dim=LATENT_DIM, reconstruction_loss="bce"
    )
    model = VAE(config)
    with tempfile.TemporaryDirectory() as folder:
        BaseTrainer(
            model=model,
            train_dataset=BaseDataset(data, torch.zeros(len(data))),
            training_config=BaseTrainerConfig(
                output_dir=folder,
                per_device_train_batch_size=BATCH_SIZE,
                num_epochs=epochs,
                learning_rate=LEARNING_RATE,
                seed=seed,
                no_cuda=True,
            ),
            callbacks=[Clock()],
        ).train()
    return _copied(model), seconds


def _copied(theirs):
    """A kerasgen VAE with pythae's weights, which have seen images in [0, 1]."""

    def matrix(*modules):
        kernels = [m.weight.detach().cpu().numpy().T for m in modules]
        biases = [m.bias.detach().cpu().numpy() for m in modules]
        return [np.concatenate(kernels, axis=1), np.concatenate(biases)]

    encoder, decoder = theirs.encoder, theirs.decoder
    model = make_vae(0)
    # Ours are in [-1, 1]: w u + b with u = (x + 1) / 2.
    kernel, bias = matrix(encoder.layers[0][0])
    first = [kernel / 2, bias + kernel.sum(axis=0) / 2]
    model.encoder.set_weights([*first, *matrix(encoder.embedding, encoder.log_var)])
    model.decoder.set_weights(
        [*matrix(decoder.layers[0][0]), *matrix(decoder.layers[1][0])]
    )
    return model


def work(library, seed, epochs):
    """Trains one library's VAE in this process; prints what it measured as JSON."""
    run = train_pythae if library == "pythae" else train_kerasgen
    model, seconds = run(seed, epochs)
    later = seconds[1:] or seconds
    result = {
        "images_per_second": 55_000 / statistics.median(later),
        "first_epoch_seconds": seconds[0],
        "test_elbo_nats": float(model.elbo(load("test")).mean()),
    }
    print(json.dumps(result))


def main():
    """Runs what is missing, in turn, and writes the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--work", choices=LIBRARIES)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    if options.work:
        return work(options.work, options.seed, options.epochs)
    tasks = {
        f"{library}/{seed}": (library, seed, options.epochs)
        for seed in range(ROUNDS)
        for library in (LIBRARIES if seed % 2 == 0 else LIBRARIES[::-1])
    }
    done = complete_runs(PATH, tasks, _run, keep=options.epochs == 10)
    if options.epochs == 10:
        PATH.with_suffix(".md").write_text(render(done))


def _run(library, seed, epochs):
    backend = "torch" if library == "pythae" else library
    arguments = ["--work", library, "--seed", str(seed), "--epochs", str(epochs)]
    output = subprocess.run(
        [sys.executable, "-m", "training.benchmarks.vae_vs_pythae", *arguments],
        env={**os.environ, "KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"},
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    ).stdout
    result = json.loads(output.strip().splitlines()[-1])
    return {key: round(value, 3) for key, value in result.items()}


def render(done):
    """The table in Markdown.

    Args:
        done: Content of vae_vs_pythae.json.
    """
    base = [done[f"pythae/{seed}"] for seed in range(ROUNDS)]
    lines = [
        "# A VAE beside pythae's",
        "",
        "`python -m training.benchmarks.vae_vs_pythae`",
        "",
        __doc__.split("\n\n")[2].replace("\n", " "),
        "",
        "Ratios are of runs of one round, and their median; the lowest and the highest "
        "in brackets.",
        "",
        "| library | images a second over pythae's | test ELBO, nats | over pythae's |",
        "| --- | --- | --- | --- |",
    ]
    for library in LIBRARIES:
        runs = [done[f"{library}/{seed}"] for seed in range(ROUNDS)]
        speeds = sorted(
            run["images_per_second"] / other["images_per_second"]
            for run, other in zip(runs, base, strict=True)
        )
        elbos = [run["test_elbo_nats"] for run in runs]
        gains = [
            run["test_elbo_nats"] / other["test_elbo_nats"]
            for run, other in zip(runs, base, strict=True)
        ]
        name = library if library == "pythae" else f"kerasgen, {library}"
        lines.append(
            f"| {name} | {statistics.median(speeds):.2f} ({speeds[0]:.2f}, "
            f"{speeds[-1]:.2f}) | {statistics.mean(elbos):.2f} | "
            f"{statistics.mean(gains):.4f} |"
        )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
