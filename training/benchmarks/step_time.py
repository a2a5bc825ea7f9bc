"""Steps of DCGAN, WGAN-GP and a VAE through `fit()` beside loops by hand.

    KERAS_BACKEND=torch python -m training.benchmarks.step_time
    KERAS_BACKEND=tensorflow python -m training.benchmarks.step_time --bfloat16

28 x 28 grey images, batch 64, Adam, float32: DCGAN with widths 128 and 64, WGAN-GP with
five updates of the critic a step, a convolutional VAE. The other side are the loops of
`native_loops.py`, each in the same framework alone, from the same weights: with the
same images and noise the mean losses of five steps differ by less than 0.1 %, or the
run ends with an error. After that both draw noise and the order of images with their
own generators. Variants alternate in one process, an epoch of 100 steps each,
compilation left out. Times are medians of the rounds; the ratio is the median of those
of the rounds, and so need not be that of the times. TensorFlow has two loops by hand,
with and without XLA; the faster one counts. What a call of `fit()` costs beside its
steps is measured apart, on epochs of one step, and is part of every epoch above; beside
the longest steps it is not to be seen. `--bfloat16` trains a DCGAN with the policy
mixed_bfloat16 beside PyTorch's loop in float32, in one process. Rows are kept by
backend in results/step_time.json; the table lands in results/step_time.md.
"""

import argparse
import json
import os
import statistics
import time
from pathlib import Path

import keras
import numpy as np

from kerasgen import models

from . import native_dcgan, native_loops, native_vae, native_wgan_gp

RESULTS = Path(__file__).parent / "results"
PATH = RESULTS / "step_time.json"
SHAPE, BATCH_SIZE = (28, 28, 1), 64
TARGETS = {"jax": 0.95, "tensorflow": 0.95, "torch": 0.9}
BFLOAT16, BFLOAT16_TARGET = "mixed_bfloat16", 1.5
CHECKED_STEPS, LOSS_TOLERANCE = 5, 1e-3
LOSSES = {name: ("d_loss", "g_loss") for name in ("DCGAN", "WGAN-GP")}
LOSSES["VAE"] = ("loss",)
NATIVE = {"DCGAN": native_dcgan, "WGAN-GP": native_wgan_gp, "VAE": native_vae}

NOTES = """
## Where the time went

Found with torch.profiler, cProfile and counts of operations, one thread, before
anything was changed; shares are of a step of the loop by hand, where nothing else is
said.

- PyTorch, DCGAN: 4,080 operations a step beside 760. Keras 3.15 copies each map to
  channels first and back to channels last before a convolution (about 9 %), computes a
  transposed convolution without padding and crops it, with zeros around its gradient
  (5 %), and normalizes a batch in some twelve passes forward and back (15 % beside the
  8 % of the fused one). The convolutions themselves take as long on both sides.
- PyTorch, VAE: Keras's Adam writes five temporaries of all weights, a third of the
  step; 1.6 of 1.7 million weights are in two dense layers. The rest is small
  operations, of the step after that: noise 6 %, sums of gradients for the gate of what
  is not finite 4 %, metrics 2 %, and Keras's calls of layers. The state that is cloned
  before a step is a few vectors, and does not show.
- TensorFlow, DCGAN: the same batch normalization, unfused in the graph (8 %).
- TensorFlow and JAX, VAE: 2 to 3 ms of the host a step, which nothing overlaps: the
  loop reads the flag of what is not finite, and Keras the logs, after each step.

The engine therefore runs Keras's Conv2D, Conv2DTranspose, Dense and BatchNormalization,
and its Adam and AdamW, as single operations of PyTorch, and BatchNormalization, Adam
and AdamW as single ones of TensorFlow. Networks, configs and files stay what they were;
numbers too, to rounding.

Found after that, in the VAE's step of 16 to 20 ms by hand:

- PyTorch: Keras's work around each layer's and network's call (2.5 ms), noise as 250
  operations of PyTorch (2 ms; NumPy takes 0.3), what records a fault and means (1 ms),
  a `DataLoader` that passes batches on (0.5 ms), copies of kernels into the order of
  channels last (0.4 ms): now left out. A transposed convolution to one channel took
  1.1 ms forward, as long as to 32; as a product of matrices and sums of shifted maps it
  takes 0.5, and to three channels half as well. What is left beside the loop by hand:
  noise 0.5 ms, Keras's optimizer 0.4, small operations of the loss 0.4, sums of
  gradients for the gate 0.3, Keras's trainer and its callbacks 0.4. Without noise,
  sums, means and callbacks, which a loop by hand does not have or has cheaper, the
  ratio is 0.92.
- JAX: `where(accepted, new, old)` for each weight and moment, 4 ms of 60: XLA computes
  each of the three anew. A branch, `lax.cond`, costs 1. Keras reads the logs after each
  step, and brings all variables up to date where a callback asks for `self.model`: 5 ms
  in which no step was computed. Nobody waits for a step now before the next one has
  started.
- TensorFlow: Keras's Adam is ten operations on each weight, of which each reads and
  writes as much memory as there are weights; TensorFlow has it as one. With it the
  ratio rose from 0.93 to 1.06 in two runs of the benchmark, one after the other.
- TensorFlow: `tf.data.Dataset.from_generator` took 0.8 ms of the host a batch on cores
  that the step needs, and 60 ms for each call of `fit`. Batches now go to the compiled
  step as they are.
- PyTorch's loop by hand grows slower, from some 600 steps on: moments of Adam decay
  into numbers below the normal range of float32, which the engine sets to 0.

Large activations cost page faults of memory that glibc returns at once; with tcmalloc
preloaded PyTorch gains about 25 % and TensorFlow 8 %, by hand and through `fit()`
alike. The table is measured with the default allocator.
"""


def make_model(name, seed=0):
    """The model that both sides train, compiled with optimizers as theirs."""
    keras.utils.set_random_seed(seed)
    native = NATIVE[name]

    def optimizer():
        constants = native.RATE, native.BETA_1, native.BETA_2
        return keras.optimizers.Adam(*constants, native_loops.ADAM_EPSILON)

    if name == "VAE":
        model = models.conv_vae(SHAPE, native.LATENT_DIM, filters=32, seed=seed)
        model.compile(optimizer())
        return model
    make = models.dcgan if name == "DCGAN" else models.wgan_gp
    model = make(SHAPE, native.LATENT_DIM, filters=64, seed=seed)
    model.compile(optimizer(), optimizer())
    return model


def make_images(num):
    """Grey squares on black, sparse enough to learn from: uint8 (num, 28, 28, 1)."""
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (num, 7, 7, 1)) * (rng.random((num, 7, 7, 1)) < 0.3)
    return coarse.repeat(4, 1).repeat(4, 2).astype("uint8")


def loops_by_hand(name, model):
    """Dict of name to a loop of this backend; see `native_loops.py`."""
    native, backend = NATIVE[name], keras.backend.backend()
    if backend == "torch":
        return {"by hand": native_loops.torch_loop(native, model)}
    if backend == "jax":
        return {"by hand": native_loops.jax_loop(native, model)}
    return {
        f"by hand, {kind}": native_loops.tensorflow_loop(native, model, jit_compile)
        for kind, jit_compile in (("graph", False), ("XLA", True))
    }


def check_losses(name, model, loops):
    """Trains all for a few steps on the same images and noise.

    Raises:
        AssertionError: The mean losses differ.
    """
    native = NATIVE[name]
    size = BATCH_SIZE * native.BATCHES_PER_STEP
    images = make_images(CHECKED_STEPS * size)
    noise = [native.noise_of(model, step, size) for step in range(CHECKED_STEPS)]
    expected = fit(model, images, shuffle=False)
    for variant, loop in loops.items():
        found = loop(images, BATCH_SIZE, noise)
        for term in LOSSES[name]:
            np.testing.assert_allclose(
                found[term], expected[term], LOSS_TOLERANCE, err_msg=f"of {variant}"
            )
    return expected


def fit(model, images, shuffle=True):
    """Means of an epoch's terms."""
    arguments = {"batch_size": BATCH_SIZE, "shuffle": shuffle, "verbose": 0}
    history = model.fit(images, **arguments).history
    return {term: values[-1] for term, values in history.items()}


def alternate(variants, rounds):
    """Seconds of each round of each variant, the first round left out."""
    seconds = {name: [] for name in variants}
    for index in range(1 + rounds):
        for name, run in variants.items():
            start = time.perf_counter()
            run()
            if index:
                seconds[name].append(time.perf_counter() - start)
    return seconds


def row_of(seconds, steps, **more):
    """Row of the table: milliseconds a step, and the ratio of each round's times."""
    others = [name for name in seconds if name != "fit"]
    ratios = [
        min(seconds[name][i] for name in others) / own
        for i, own in enumerate(seconds["fit"])
    ]
    return {
        "ms_per_step": {
            name: round(1e3 * statistics.median(values) / steps, 2)
            for name, values in seconds.items()
        },
        "ratio": round(statistics.median(ratios), 3),
        "ratios": [round(min(ratios), 3), round(max(ratios), 3)],
        "rounds": len(ratios),
        "steps": steps,
        "threads": os.environ.get("OMP_NUM_THREADS", "all"),
        **more,
    }


def measure(name, rounds, steps):
    """Row of one model on this backend."""
    model = make_model(name)
    loops = loops_by_hand(name, model)
    losses = check_losses(name, model, loops)
    size = BATCH_SIZE * NATIVE[name].BATCHES_PER_STEP
    images = make_images(steps * size)
    variants = {
        variant: lambda loop=loop: loop(images, BATCH_SIZE)
        for variant, loop in loops.items()
    }
    seconds = alternate({"fit": lambda: fit(model, images), **variants}, rounds)
    single = alternate({"fit": lambda: fit(model, images[:size])}, rounds)
    step = statistics.median(seconds["fit"]) / steps
    call = 1e3 * (statistics.median(single["fit"]) - step)
    losses = {term: round(value, 4) for term, value in losses.items()}
    return row_of(seconds, steps, fit_call_ms=round(call, 1), first_losses=losses)


def measure_bfloat16(rounds, steps):
    """Row of the DCGAN in mixed_bfloat16 beside PyTorch's loop in float32."""
    loop = native_loops.torch_loop(native_dcgan, make_model("DCGAN"))
    keras.config.set_dtype_policy(BFLOAT16)
    model = make_model("DCGAN")
    images = make_images(steps * BATCH_SIZE)
    variants = {
        "fit": lambda: fit(model, images),
        "PyTorch by hand, float32": lambda: loop(images, BATCH_SIZE),
    }
    return row_of(alternate(variants, rounds), steps, instructions=bfloat16_support())


def bfloat16_support():
    """What instructions for bfloat16 the CPU has, where Linux tells."""
    try:
        words = Path("/proc/cpuinfo").read_text().split()
    except OSError:
        return []
    return sorted({word for word in words if word.endswith("_bf16")})


def main():
    """Measures on this backend and writes the table of all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--models", nargs="+", choices=NATIVE, default=[*NATIVE])
    parser.add_argument("--bfloat16", action="store_true")
    options = parser.parse_args()
    done = json.loads(PATH.read_text()) if PATH.is_file() else {}
    backend = keras.backend.backend()
    sizes = options.rounds, options.steps
    if options.bfloat16:
        rows = {f"DCGAN, {BFLOAT16}": measure_bfloat16(*sizes)}
    else:
        rows = {name: measure(name, *sizes) for name in options.models}
    print(json.dumps(rows, indent=1))
    done[backend] = {**done.get(backend, {}), **rows}
    RESULTS.mkdir(exist_ok=True)
    PATH.write_text(json.dumps(done, indent=1, sort_keys=True) + "\n")
    # As it is read back, with sorted names.
    PATH.with_suffix(".md").write_text(render(json.loads(PATH.read_text())))


def render(done):
    """The page in Markdown."""
    lines = [
        "# Step time",
        "",
        "`KERAS_BACKEND=torch python -m training.benchmarks.step_time`",
        "",
        __doc__.split("\n\n")[2].replace("\n", " "),
        "",
        "| backend | model | ms a step | fit, of the fastest by hand (rounds) | at "
        "least | a call of fit, ms |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for backend, rows in done.items():
        for name, row in rows.items():
            if "instructions" in row:
                name += f" ({', '.join(row['instructions'])})"
            times = ", ".join(f"{k}: {v:g}" for k, v in row["ms_per_step"].items())
            target = BFLOAT16_TARGET if BFLOAT16 in name else TARGETS[backend]
            low, high = row["ratios"]
            # A difference of two times, which noise may turn around.
            call = row.get("fit_call_ms", "")
            call = "not seen" if call and call <= 0 else call
            lines.append(
                f"| {backend} | {name} | {times} | {row['ratio']:.3f} "
                f"({low:.2f} to {high:.2f}) | {target} | {call} |"
            )
    return "\n".join(lines) + "\n" + NOTES


if __name__ == "__main__":
    main()
