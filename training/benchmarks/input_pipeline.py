"""Every adapter of data through `fit()` against the bare step, and memory over time.

    KERAS_BACKEND=jax python -m training.benchmarks.input_pipeline

A DCGAN of 28 x 28 grey images, batch 64. The bare step is the compiled train function
on one batch that is there already; the adapters feed `fit()` the same random images
from memory, from a mapped .npy file, from PNG files that are decoded batch by batch,
from TFRecord files of TensorFlow Datasets, from a `PyDataset`, from tf.data and from a
torch `DataLoader`, the last two in one process. Variants alternate in one run on one
compiled model; medians of the rounds, the first 10 steps of each left out. "Reading
alone" is the adapter without a step. Memory: resident memory of the process, sampled a
hundred times in 10,000 steps of a narrower DCGAN. "Anonymous" leaves out pages of
mapped files, which the system takes back when it needs them. Growth is the median of
the last tenth of the samples less that of the second. "Larger than memory" is a mapped
file of 64 x 64 colour images, black and sparse on the disk, half as large again as the
memory of the machine, read in random order for a tenth of those steps. Rows are kept by
backend in results/input_pipeline.json; the table lands in results/input_pipeline.md.
Linux only.
"""

import argparse
import json
import os
import statistics
import tempfile
import time
from pathlib import Path

import keras
import numpy as np

from kerasgen import datasets, models
from kerasgen.models.training_data import make_training_feed

from .input_sources import make_sources

RESULTS = Path(__file__).parent / "results"
PATH = RESULTS / "input_pipeline.json"
PICTURE = RESULTS / "input_pipeline.png"
SHAPE, BATCH_SIZE, WARM_UP = (28, 28, 1), 64, 10
BARE = "bare step"
WATCHED = ("memmap", "folder, stream", "TFDS, stream")
NUM_SAMPLES = 100
LARGE, LARGE_SHAPE = "memmap, larger than memory", (64, 64, 3)
BYTES = {"resident": "VmRSS", "anonymous": "RssAnon"}


class Clock(keras.callbacks.Callback):
    """Seconds a step, those of the warm-up left out."""

    ignores_batch_logs = True

    def __init__(self):
        super().__init__()
        self.ends = []

    def on_train_batch_end(self, batch, logs=None):
        self.ends.append(time.perf_counter())

    @property
    def seconds(self):
        ends = self.ends[WARM_UP - 1 :]
        return (ends[-1] - ends[0]) / (len(ends) - 1)


class MemoryWatch(keras.callbacks.Callback):
    """Samples the memory of this process, in MB, every so many steps."""

    ignores_batch_logs = True

    def __init__(self, every):
        super().__init__()
        self.every = every
        self.step = 0
        self.samples = {name: [] for name in BYTES}

    def on_train_batch_end(self, batch, logs=None):
        self.step += 1
        if self.step % self.every == 0:
            for name, megabytes in memory().items():
                self.samples[name].append(megabytes)


def memory():
    """Dict of kind to MB, of this process."""
    lines = Path("/proc/self/status").read_text().splitlines()
    values = dict(line.split(":", 1) for line in lines)
    return {
        name: round(int(values[key].split()[0]) / 1024, 1)
        for name, key in BYTES.items()
    }


def make_model(filters, shape=SHAPE):
    """A compiled DCGAN."""
    keras.utils.set_random_seed(0)
    gan = models.dcgan(shape, latent_dim=64, filters=filters, seed=0)
    gan.compile(keras.optimizers.Adam(2e-4, 0.5), keras.optimizers.Adam(2e-4, 0.5))
    return gan


def bare_seconds(model, batch, num_steps):
    """Seconds a step of the compiled train function on one batch."""
    batch = tuple(keras.ops.convert_to_tensor(part) for part in batch)
    model.make_train_function()
    steps = {"jax": jax_steps}.get(keras.backend.backend(), stateful_steps)
    ends = []
    for _ in steps(model, batch, num_steps):
        ends.append(time.perf_counter())
    ends = ends[WARM_UP - 1 :]
    return (ends[-1] - ends[0]) / (len(ends) - 1)


def stateful_steps(model, batch, num_steps):
    """Yields once each step is done, on TensorFlow and PyTorch."""
    for _ in range(num_steps):
        model.train_function([batch])
        yield keras.ops.convert_to_numpy(model.training_steps.value)


def jax_steps(model, batch, num_steps):
    """Yields once each step is done; the state travels along."""
    groups = ("trainable", "non_trainable", "optimizer", "metrics")
    names = [f"{group}_variables" for group in groups]
    state = model._get_jax_state(
        **dict.fromkeys(names, True), purge_model_variables=False
    )
    for _ in range(num_steps):
        logs, state = model.train_function(state, iter([batch]))
        yield [float(value) for value in logs.values()]
    model._jax_state = dict(zip(names, state, strict=True))
    model._jax_state_synced = False
    model.jax_state_sync()


def feed_of(model, source):
    """The feed of `fit` on a source."""
    return make_training_feed(model, source, None, None, True, None, None, False)


def fit_seconds(model, source):
    """Seconds a step of `fit` over one epoch of a source."""
    clock = Clock()
    model.fit(source, verbose=0, callbacks=[clock])
    return clock.seconds


def reading_seconds(model, source):
    """Seconds a batch of the feed of a source that nothing is trained on."""
    ends = []
    for _ in feed_of(model, source).steps():
        ends.append(time.perf_counter())
    ends = ends[WARM_UP - 1 :]
    return (ends[-1] - ends[0]) / (len(ends) - 1)


def measure_throughput(sources, filters, num_steps, rounds):
    """Rows of the table of speeds: medians over the rounds, images a second."""
    model = make_model(filters)
    batch = feed_of(model, sources["array"]).first_step.shares[0]
    variants = {BARE: lambda: bare_seconds(model, batch, num_steps)}
    for name, source in sources.items():
        variants[name] = lambda source=source: fit_seconds(model, source)
    for run in variants.values():
        run()  # compiles
    seconds = {name: [] for name in variants}
    for number in range(rounds):
        # Each round starts with another variant.
        names = list(variants)
        turn = number % len(names)
        for name in names[turn:] + names[:turn]:
            seconds[name].append(variants[name]())
    reading = {name: reading_seconds(model, source) for name, source in sources.items()}
    bare = statistics.median(seconds[BARE])
    rows = []
    for name, values in seconds.items():
        median = statistics.median(values)
        row = {
            "source": name,
            "images_per_second": round(BATCH_SIZE / median, 1),
            "of_bare_step": round(bare / median, 3),
            "spread": round((max(values) - min(values)) / median, 3),
        }
        if name in reading:
            row["reading_images_per_second"] = round(BATCH_SIZE / reading[name])
        print(row, flush=True)
        rows.append(row)
    return rows


def measure_memory(source, filters, num_steps, shape=SHAPE):
    """Samples of memory in a run of so many steps."""
    model = make_model(filters, shape)
    watch = MemoryWatch(max(1, num_steps // NUM_SAMPLES))
    steps = min(len(source), num_steps)
    options = {"steps_per_epoch": steps, "verbose": 0}
    # Warm-up: what is compiled and cached once is no growth.
    model.fit(source, **options)
    epochs = -(-num_steps // steps)
    model.fit(source, epochs=epochs, callbacks=[watch], **options)
    return {"steps": watch.step, "every": watch.every, **watch.samples}


def measure_large(filters, num_steps, path):
    """As `measure_memory`, of a mapped file that memory cannot hold."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    num_images = int(1.5 * total) // int(np.prod(LARGE_SHAPE))
    shape = (num_images, *LARGE_SHAPE)
    np.lib.format.open_memmap(path, "w+", np.uint8, shape).flush()
    images = np.load(path, mmap_mode="r")
    source = datasets.ArrayDataset(images, batch_size=BATCH_SIZE)
    run = measure_memory(source, filters, num_steps, LARGE_SHAPE)
    sizes = {"file_gb": images.nbytes, "memory_gb": total}
    return {**run, **{name: round(size / 1e9, 1) for name, size in sizes.items()}}


def growth(samples):
    """MB from the second tenth of the samples to the last."""
    tenth = max(1, len(samples) // 10)
    last = statistics.median(samples[-tenth:])
    return last - statistics.median(samples[tenth : 2 * tenth])


def draw(done):
    """The picture of anonymous memory over the steps."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 3), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    for backend, results in sorted(done.items()):
        for name, run in sorted(results["memory"].items()):
            samples = run["anonymous"]
            steps = run["every"] * np.arange(1, len(samples) + 1)
            axes.plot(steps, samples, label=f"{backend}, {name}", linewidth=1)
    axes.set(xlabel="training step", ylabel="anonymous memory / MB", ylim=(0, None))
    axes.legend(fontsize=6, ncols=3)
    figure.savefig(PICTURE, dpi=120)


def main():
    """Measures on this backend and writes the table of all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--steps", type=int, default=100, help="of a round")
    parser.add_argument("--filters", type=int, default=32)
    parser.add_argument("--memory-steps", type=int, default=10_000)
    parser.add_argument("--memory-filters", type=int, default=8)
    parser.add_argument("--dry", action="store_true", help="write no results")
    options = parser.parse_args()
    num_images = BATCH_SIZE * options.steps
    images = np.random.default_rng(0).integers(0, 256, (num_images, *SHAPE), np.uint8)
    with tempfile.TemporaryDirectory() as folder:
        sources = make_sources(images, BATCH_SIZE, Path(folder))
        results = {
            "throughput": measure_throughput(
                sources, options.filters, options.steps, options.rounds
            ),
            "memory": {},
        }
        for name in WATCHED:
            run = measure_memory(
                sources[name], options.memory_filters, options.memory_steps
            )
            print(name, run, flush=True)
            results["memory"][name] = run
        results["memory"][LARGE] = measure_large(
            options.memory_filters, options.memory_steps // 10, Path(folder) / "l.npy"
        )
    done = json.loads(PATH.read_text()) if PATH.is_file() else {}
    done[keras.backend.backend()] = results
    if options.dry:
        print(render(done))
        return
    RESULTS.mkdir(exist_ok=True)
    PATH.write_text(json.dumps(done, indent=1, sort_keys=True) + "\n")
    PATH.with_suffix(".md").write_text(render(done))
    draw(done)


def render(done):
    """The tables in Markdown."""
    lines = [
        "# Input pipeline",
        "",
        "`KERAS_BACKEND=jax python -m training.benchmarks.input_pipeline`",
        "",
        __doc__.split("\n\n")[2].replace("\n", " "),
        "",
        "| backend | source | images / s | of the bare step | spread | "
        "reading alone, images / s |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for backend, results in sorted(done.items()):
        for row in results["throughput"]:
            lines.append(
                f"| {backend} | {row['source']} | {row['images_per_second']} | "
                f"{row['of_bare_step']} | {row['spread']} | "
                f"{row.get('reading_images_per_second', '')} |"
            )
    lines += [
        "",
        "| backend | source | steps | anonymous / MB | growth / MB | resident / MB | "
        "growth / MB |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for backend, results in sorted(done.items()):
        for name, run in sorted(results["memory"].items()):
            cells = [
                f"{value:.1f}"
                for kind in ("anonymous", "resident")
                for value in (run[kind][-1], growth(run[kind]))
            ]
            if "file_gb" in run:
                name += f": {run['file_gb']} GB of {run['memory_gb']} GB"
            lines.append(
                f"| {backend} | {name} | {run['steps']} | {' | '.join(cells)} |"
            )
    lines += ["", f"![anonymous memory over the steps]({PICTURE.name})"]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
