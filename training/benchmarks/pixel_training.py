"""Training of a Gated PixelCNN through `fit()` beside a loop by hand.

    KERAS_BACKEND=jax python -m training.benchmarks.pixel_training

8 blocks of 32 channels, ten classes, 28 x 28 grey images of 256 levels, batch 32,
Adam, float32. The images are waves whose direction is their label's, so that what is
learned depends on labels, pixels and gates alike. The other side is
`native_pixel_cnn.py`: the same network and step in the framework alone, from the same
weights and on the same batches: a run in which the mean loss of an epoch differs by
more than 0.001 % in the first, 0.05 % in the second or 0.5 % in the third, for rounding
grows with the steps, ends with an error. Variants alternate in one process; an epoch of
30 steps is timed, in one call; medians of the rounds, compilation left out. JAX has two
loops by hand, whose 1x1 convolutions are convolutions or matrix products, TensorFlow
has two with and without XLA; from the third round on the faster one is timed, and the
ratio is the median of the pairs, the order of which turns round each time. Rows are
kept by backend in results/pixel_training.json; the table lands in
results/pixel_training.md.
"""

import argparse
import json
import statistics
import time
from pathlib import Path

import keras
import numpy as np

from kerasgen import models

from . import native_pixel_cnn as native

RESULTS = Path(__file__).parent / "results"
PATH = RESULTS / "pixel_training.json"
SHAPE, NUM_CLASSES, BATCH_SIZE, STEPS = (28, 28, 1), 10, 32, 30
TARGET = 0.95
# Of the first epochs: rounding grows with the steps.
LOSS_TOLERANCES = np.array([1e-5, 5e-4, 5e-3])


def make_model(num_blocks=8, filters=32, shape=SHAPE):
    """The model that both sides train, with an optimizer as theirs."""
    keras.utils.set_random_seed(0)
    model = models.GatedPixelCNN(
        shape, num_blocks=num_blocks, filters=filters, num_classes=NUM_CLASSES, seed=0
    )
    rates = native.RATE, native.BETA_1, native.BETA_2, native.EPSILON
    model.compile(keras.optimizers.Adam(*rates))
    return model


def make_data(num, shape=SHAPE):
    """Waves in their label's direction: uint8 (num, H, W, 1), int32 (num,)."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, NUM_CLASSES, num).astype("int32")
    angle = (np.pi / NUM_CLASSES * labels)[:, None, None, None]
    row, column, _ = np.ogrid[tuple(map(slice, shape))]
    phase = rng.uniform(0, 2 * np.pi, (num, 1, 1, 1))
    along = np.cos(angle) * row + np.sin(angle) * column
    return (127.5 + 127 * np.sin(phase + along)).astype("uint8"), labels


def loops_by_hand(model):
    """Dict of name to function of (images, labels, batch size), of this backend."""
    sizes = [gate.vertical.kernel_size[1] for gate in model.network.gates]
    backend = keras.backend.backend()
    if backend == "torch":
        return {"by hand": native.torch_loop(model, sizes)}
    if backend == "jax":
        return {
            f"by hand, {name}": native.jax_loop(model, sizes, with_products)
            for name, with_products in (("convolutions", False), ("products", True))
        }
    return {
        f"by hand, {name}": native.tensorflow_loop(model, sizes, jit_compile)
        for name, jit_compile in (("graph", False), ("XLA", True))
    }


def measure(rounds):
    """Row of the table: images a second of each variant."""
    model = make_model()
    images, labels = make_data(STEPS * BATCH_SIZE)
    variants = loops_by_hand(model)

    def fit(images, labels, batch_size):
        arguments = {"batch_size": batch_size, "shuffle": False, "verbose": 0}
        return model.fit(images, labels, **arguments).history["loss"]

    variants = {"fit": fit, **variants}
    losses, seconds = ({name: [] for name in variants} for _ in range(2))

    def medians():
        return {name: statistics.median(values) for name, values in seconds.items()}

    order = list(variants)
    for index in range(1 + rounds):
        if index == len(LOSS_TOLERANCES):
            order = ["fit", min(variants.keys() - {"fit"}, key=medians().get)]
        for name in order:
            start = time.perf_counter()
            found = variants[name](images, labels, BATCH_SIZE)
            if index:
                seconds[name].append(time.perf_counter() - start)
            if index < len(LOSS_TOLERANCES):
                losses[name].append(float(np.mean(found)))
        check_losses(losses)
        # A machine that slows down must not always meet the same one last.
        order.reverse()
    fastest = next(name for name in order if name != "fit")
    pairs = zip(seconds[fastest], seconds["fit"], strict=True)
    ratios = [by_hand / own for by_hand, own in pairs]
    return {
        "images_per_second": {
            k: round(len(images) / s, 1) for k, s in medians().items()
        },
        "ratio": round(statistics.median(ratios), 3),
        "mean_losses": {k: round(v[-1], 2) for k, v in losses.items()},
        "rounds": rounds,
    }


def check_losses(losses):
    """Raises AssertionError unless all variants have the mean losses of `fit`.

    Args:
        losses: Dict of variant to its mean loss in each of the first epochs.
    """
    for name, values in losses.items():
        tolerances = LOSS_TOLERANCES[: len(values)]
        np.testing.assert_array_less(
            np.abs(np.divide(values, losses["fit"]) - 1),
            tolerances,
            err_msg=f"relative differences to fit of {name}",
        )


def main():
    """Measures on this backend and writes the table of all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=8)
    options = parser.parse_args()
    done = json.loads(PATH.read_text()) if PATH.is_file() else {}
    done[keras.backend.backend()] = measure(options.rounds)
    print(done[keras.backend.backend()])
    RESULTS.mkdir(exist_ok=True)
    PATH.write_text(json.dumps(done, indent=1, sort_keys=True) + "\n")
    # As it is read back, with sorted names.
    PATH.with_suffix(".md").write_text(render(json.loads(PATH.read_text())))


def render(done):
    """The table in Markdown."""
    lines = [
        "# Training a Gated PixelCNN",
        "",
        "`KERAS_BACKEND=jax python -m training.benchmarks.pixel_training`",
        "",
        __doc__.split("\n\n")[2].replace("\n", " "),
        "",
        f"| backend | variants: images/s | fit, of the fastest by hand (at least "
        f"{TARGET}) | mean loss of the last epoch compared, nats |",
        "| --- | --- | --- | --- |",
    ]
    for backend, row in done.items():
        speeds, losses = (
            ", ".join(f"{name}: {value:g}" for name, value in row[key].items())
            for key in ("images_per_second", "mean_losses")
        )
        lines.append(f"| {backend} | {speeds} | {row['ratio']:.3f} | {losses} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
