"""Every adapter of data through `fit()` against the bare step, and memory over time.

    KERAS_BACKEND=jax python -m training.benchmarks.input_pipeline

A DCGAN of 28 x 28 grey images, batch 64. The bare step is the compiled train function
on one batch that is there already; the adapters feed `fit()` the same random images
from memory, from a mapped .npy file, from an HDF5 file, from PNG files that are decoded
batch by batch, from TFRecord files of TensorFlow Datasets, from a `PyDataset`, from
tf.data and from a torch `DataLoader`, the last two in one process. Variants alternate
in one run on one compiled model; medians of the rounds, the first 10 steps of each left
out. "Reading alone" is the adapter without a step. "In turns" is what would be left of
the bare step if reading and step took turns, 1 / (1 + bare / reading). Arrays are
read beside the step; files that are decoded take the cores that the step needs too,
on PyTorch at a higher price than taking turns.
Memory: resident memory of the process, sampled a hundred times in 10,000 steps of a
narrower DCGAN. "Anonymous" leaves out pages of mapped files, which the system takes
back when it needs them: a file larger than memory fills it. Growth is the median of the
last tenth of the samples less that of the third; by then allocators have filled, which
takes tf.data on JAX 2,000 steps and 60 MB. "Larger than memory" is a mapped file of 64
x 64 colour images, black and sparse on the disk, half as large again as the memory of
the machine, in random order: a tenth of those steps are trained, at a learning rate of
0, then batches are read alone until they hold more than the memory. Results are kept by
backend in results/input_pipeline.json, where a run that was stopped goes on; the table
lands in results/input_pipeline.md. Linux only.
"""

import argparse
import itertools
import statistics
import tempfile
import time
from pathlib import Path

import keras
import numpy as np

from kerasgen import backend, models

from .input_memory import growth, measure_large, measure_memory
from .input_sources import BATCH_SIZE, feed_of, make_sources
from .kept_runs import RESULTS, load_runs, save_runs

PATH = RESULTS / "input_pipeline.json"
PICTURE = RESULTS / "input_pipeline.png"
SHAPE, WARM_UP = (28, 28, 1), 10
BARE = "bare step"
LARGE, LARGE_SHAPE = "memmap, larger than memory", (64, 64, 3)


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
        return seconds_of(self.ends)


def make_model(filters, shape=SHAPE, learning_rate=2e-4):
    """A compiled DCGAN."""
    keras.utils.set_random_seed(0)
    gan = models.dcgan(shape, latent_dim=64, filters=filters, seed=0)
    gan.compile(*(keras.optimizers.Adam(learning_rate, 0.5) for _ in range(2)))
    return gan


def bare_seconds(model, feed, num_steps):
    """Seconds a step of the compiled train function on the first batch of a feed."""
    model.make_train_function()
    steps = {
        "tensorflow": tensorflow_steps,
        "jax": jax_steps,
        "torch": torch_steps,
    }[keras.backend.backend()]
    return clocked(steps(model, feed.first_step, num_steps))


def seconds_of(ends):
    """Seconds a step, of the instants at which steps ended."""
    ends = ends[WARM_UP - 1 :]
    return (ends[-1] - ends[0]) / (len(ends) - 1)


def clocked(steps):
    """Seconds a step of what yields at the end of each."""
    return seconds_of([time.perf_counter() for _ in steps])


def tensorflow_steps(model, step, num_steps):
    """Yields once each step is done."""
    signature = [((None, *a.shape[1:]), a.dtype.name) for a in step.shares[0]]
    iterator = iter(backend.to_stream(lambda: itertools.repeat(step), signature))
    for _ in range(num_steps):
        model.train_function(iterator)
        yield int(model.training_steps.value)


def torch_steps(model, step, num_steps):
    """Yields once each step is done."""
    batch = tuple(keras.ops.convert_to_tensor(part) for part in step.shares[0])
    for _ in range(num_steps):
        model.train_function([batch])
        yield int(model.training_steps.value)


def jax_steps(model, step, num_steps):
    """Yields once each step is done; the state travels along."""
    batch = tuple(keras.ops.convert_to_tensor(part) for part in step.shares[0])
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


def fit_seconds(model, source):
    """Seconds a step of `fit` over one epoch of a source."""
    clock = Clock()
    model.fit(source, verbose=0, callbacks=[clock])
    return clock.seconds


def reading_seconds(model, source):
    """Seconds a batch of the feed of a source that nothing is trained on."""
    return clocked(feed_of(model, source).steps())


def measure_throughput(sources, filters, num_steps, rounds):
    """Rows of the table of speeds: medians over the rounds, images a second."""
    model = make_model(filters)
    feed = feed_of(model, sources["array"])
    variants = {BARE: lambda: bare_seconds(model, feed, num_steps)}
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


def draw(done):
    """The picture of anonymous memory, in the order of the samples."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.4), layout="constrained")
    FigureCanvasAgg(figure)
    columns = figure.subplots(1, len(done), sharey=True, squeeze=False)[0]
    for axes, (engine, results) in zip(columns, sorted(done.items()), strict=True):
        for name, run in sorted(results["memory"].items()):
            axes.plot(run["anonymous"], label=name, linewidth=1)
        axes.set(title=engine, xlabel="sample")
    columns[0].set(ylabel="anonymous memory / MB", ylim=(0, None))
    lines, names = columns[0].get_legend_handles_labels()
    figure.legend(lines, names, loc="outside lower center", ncols=4, fontsize=8)
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
    engine = keras.backend.backend()
    done = {} if options.dry else load_runs(PATH)
    results = done.get(engine, {"memory": {}})
    num_images = BATCH_SIZE * options.steps
    images = np.random.default_rng(0).integers(0, 256, (num_images, *SHAPE), np.uint8)
    with tempfile.TemporaryDirectory() as folder:
        for _ in measure(options, results, images, Path(folder)):
            if not options.dry:
                # Another backend may have written meanwhile.
                save_runs(PATH, {**load_runs(PATH), engine: results})
    if options.dry:
        print(render({engine: results}))
        return
    done = load_runs(PATH)
    PATH.with_suffix(".md").write_text(render(done))
    draw(done)


def measure(options, results, images, folder):
    """Completes the results of this backend; yields once one more is there."""
    sources = make_sources(images, BATCH_SIZE, folder)
    if "throughput" not in results:
        results["throughput"] = measure_throughput(
            sources, options.filters, options.steps, options.rounds
        )
        yield
    memory = results["memory"]
    for name, source in sources.items():
        if name not in memory:
            model = make_model(options.memory_filters)
            memory[name] = measure_memory(model, source, options.memory_steps)
            print(name, memory[name], flush=True)
            yield
    if LARGE not in memory:
        # It would learn at once that all is black, and compute with numbers near 0.
        model = make_model(options.memory_filters, LARGE_SHAPE, learning_rate=0.0)
        path, num_steps = folder / "large.npy", options.memory_steps // 10
        memory[LARGE] = measure_large(model, num_steps, path)
        yield


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
        "reading alone, images / s | of the bare step if in turns |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for engine, results in sorted(done.items()):
        bare, *rows = results["throughput"]
        lines.append(
            f"| {engine} | {BARE} | {bare['images_per_second']} | 1.0 | "
            f"{bare['spread']} | | |"
        )
        for row in rows:
            reading = row["reading_images_per_second"]
            in_turns = 1 / (1 + bare["images_per_second"] / reading)
            lines.append(
                f"| {engine} | {row['source']} | {row['images_per_second']} | "
                f"{row['of_bare_step']} | {row['spread']} | {reading} | "
                f"{in_turns:.3f} |"
            )
    lines += [
        "",
        "| backend | source | steps | anonymous / MB | growth / MB | resident / MB | "
        "growth / MB |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for engine, results in sorted(done.items()):
        for name, run in sorted(results["memory"].items()):
            cells = [
                f"{value:.1f}"
                for kind in ("anonymous", "resident")
                for value in (run[kind][-1], growth(run[kind]))
            ]
            if "file_gb" in run:
                name += f": {run['file_gb']} GB of {run['memory_gb']} GB"
            lines.append(
                f"| {engine} | {name} | {run['steps']} | {' | '.join(cells)} |"
            )
    lines += ["", f"![anonymous memory from sample to sample]({PICTURE.name})"]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
