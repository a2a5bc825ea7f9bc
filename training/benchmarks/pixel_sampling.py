"""Sampling pixel by pixel: with what was computed before, against whole passes.

    KERAS_BACKEND=jax python -m training.benchmarks.pixel_sampling

Gated PixelCNN with 8 blocks of 64 channels (66 for colour images, a multiple of their
3) and 256 levels, batch 16, random weights, and the other models beside it. Both ways
are one compiled loop on TensorFlow and JAX and a plain one on PyTorch; naive sampling
runs the whole network once for each value, all passes alike, so that where an image has
many only the first are timed and the time is scaled. Variants alternate; medians of the
rounds, compilation left out. Both ways draw the same images: a run where a value that
both drew differs ends with an error. Rows are kept by backend in
results/pixel_sampling.json; the table lands in results/pixel_sampling.md.
"""

import argparse
import json
import statistics
import time
from pathlib import Path

import keras
import numpy as np
from keras import ops

from kerasgen import models
from kerasgen.models.pixel_sampling import sample_naively, sample_pixels

RESULTS = Path(__file__).parent / "results"
PATH = RESULTS / "pixel_sampling.json"
BATCH_SIZE = 16
# Name: builder, image shapes, the promised ratio by backend at 28 x 28.
MODELS = {
    "GatedPixelCNN, 8 x 64": (
        lambda shape: models.GatedPixelCNN(
            shape, num_blocks=8, filters=66 if shape[2] == 3 else 64
        ),
        [(8, 8, 1), (16, 16, 1), (28, 28, 1), (32, 32, 3)],
    ),
    "PixelCNN, 7 x 64": (
        lambda shape: models.PixelCNN(shape, num_blocks=7, filters=64),
        [(28, 28, 1)],
    ),
    "PixelRNN, Row LSTM, 7 x 16": (
        lambda shape: models.PixelRNN(shape, cell="row_lstm"),
        [(28, 28, 1)],
    ),
    "PixelRNN, Diagonal BiLSTM, 7 x 16": (
        lambda shape: models.PixelRNN(shape, cell="diagonal_bilstm"),
        [(28, 28, 1)],
    ),
    "PixelCNN++, 3 x 2 x 64": (
        lambda shape: models.PixelCNNPlusPlus(
            shape, filters=64, blocks_per_stage=2, ema_decay=None
        ),
        [(8, 8, 1), (16, 16, 1), (28, 28, 1), (32, 32, 3)],
    ),
}
TARGETS = {"jax": 200, "tensorflow": 50}


def timed(fn, *arguments):
    """Seconds of a call, and its result as an array."""
    start = time.perf_counter()
    result = ops.convert_to_numpy(fn(*arguments))
    return time.perf_counter() - start, result


def measure(name, shape, rounds, max_passes):
    """A row of the table for one model and image size."""
    build, _ = MODELS[name]
    keras.utils.set_random_seed(0)
    model = build(shape)
    network, distribution = model.network, model.distribution
    num_values = int(np.prod(shape))
    passes = min(num_values, max_passes)

    def compiled(sample, **arguments):
        return model.compiled_function(
            f"{sample.__name__} {arguments}",
            lambda uniform: sample(network, distribution, uniform, 1.0, **arguments),
        )

    variants = {
        "cached": compiled(sample_pixels),
        "naive": compiled(sample_naively, stop=passes),
    }
    rng = np.random.default_rng(0)
    uniform = rng.uniform(size=(BATCH_SIZE, *shape)).astype("float32")
    drawn = {key: timed(fn, uniform)[1] for key, fn in variants.items()}
    check_equal(drawn, passes)
    seconds = {key: [] for key in variants}
    for _ in range(rounds):
        for key, fn in variants.items():
            seconds[key].append(timed(fn, uniform)[0])
    cached, naive = (statistics.median(seconds[key]) for key in variants)
    naive *= num_values / passes
    return {
        "model": name,
        "shape": text_of(shape),
        "passes_timed": passes,
        "passes": num_values,
        "cached_seconds": round(cached, 4),
        "naive_seconds": round(naive, 2),
        "ratio": round(naive / cached, 1),
    }


def check_equal(drawn, num_values):
    """Raises AssertionError unless both ways drew the same first values of each image.

    Args:
        drawn: Dict of name to int levels (B, H, W, C).
        num_values: Values of an image that both drew.
    """
    first = {
        key: levels.reshape(len(levels), -1)[:, :num_values]
        for key, levels in drawn.items()
    }
    np.testing.assert_array_equal(
        first["cached"], first["naive"], "cached and naive sampling differ"
    )


def text_of(shape):
    """A shape such as 28x28x1."""
    return "x".join(map(str, shape))


def main():
    """Measures on this backend and writes the table of all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--max-passes", type=int, default=24)
    # Rows that are left out stay as they were.
    parser.add_argument("--only", default="", help="models of such a name's start")
    parser.add_argument("--max-size", type=int, default=32, help="of images, pixels")
    options = parser.parse_args()
    backend = keras.backend.backend()
    done = json.loads(PATH.read_text()) if PATH.is_file() else {}
    kept = {(row["model"], row["shape"]): row for row in done.get(backend, [])}
    keys = [(name, shape) for name, (_, shapes) in MODELS.items() for shape in shapes]
    for name, shape in keys:
        if name.startswith(options.only) and max(shape) <= options.max_size:
            row = measure(name, shape, options.rounds, options.max_passes)
            print(row, flush=True)
            kept[name, text_of(shape)] = row
            known = ((name, text_of(shape)) for name, shape in keys)
            done[backend] = [kept[key] for key in known if key in kept]
            write(done)


def write(done):
    """Writes the rows and their table."""
    RESULTS.mkdir(exist_ok=True)
    PATH.write_text(json.dumps(done, indent=1, sort_keys=True) + "\n")
    PATH.with_suffix(".md").write_text(render(done))


def render(done):
    """The table in Markdown."""
    lines = [
        "# Sampling pixel by pixel",
        "",
        "`KERAS_BACKEND=jax python -m training.benchmarks.pixel_sampling`",
        "",
        __doc__.split("\n\n")[2].replace("\n", " "),
        "",
        "| backend | model | image | cached / s | naive / s | ratio | promised | "
        "passes timed |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for backend, rows in sorted(done.items()):
        for row in rows:
            is_promised = row["model"].startswith("Gated") and row["shape"] == "28x28x1"
            target = TARGETS.get(backend, "") if is_promised else ""
            lines.append(
                f"| {backend} | {row['model']} | {row['shape']} | "
                f"{row['cached_seconds']} | {row['naive_seconds']} | {row['ratio']} | "
                f"{target} | {row['passes_timed']} of {row['passes']} |"
            )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
