"""Memory of a process that reads and trains, for `input_pipeline`. Linux only."""

import itertools
import statistics
from pathlib import Path

import keras

from kerasgen import datasets
from kerasgen.datasets import mapped_file

from .input_sources import BATCH_SIZE, feed_of, map_larger_than_memory

NUM_SAMPLES = 100
BYTES = {"resident": "VmRSS", "anonymous": "RssAnon"}


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


def measure_memory(model, source, num_steps):
    """Samples of memory in a run of so many steps.

    Args:
        model: Compiled model.
        source: What `fit` takes, of known length.
        num_steps: Training steps, after a warm-up.

    Returns:
        Dict of the steps and the samples of each kind, MB.
    """
    watch = MemoryWatch(max(1, num_steps // NUM_SAMPLES))
    steps = min(len(source), num_steps)
    options = {"steps_per_epoch": steps, "verbose": 0}
    # Warm-up: what is compiled and cached once is no growth.
    model.fit(source, **options)
    epochs = -(-num_steps // steps)
    model.fit(source, epochs=epochs, callbacks=[watch], **options)
    return {"steps": watch.step, **watch.samples}


def measure_large(model, num_steps, path):
    """As `measure_memory`, of a mapped file that memory cannot hold.

    Args:
        model: Compiled model of images, here uint8.
        num_steps: Training steps, after which batches are read alone.
        path: Of the file, ending in .npy.
    """
    images, sizes = map_larger_than_memory(path, model.data_shape)
    source = datasets.ArrayDataset(images, batch_size=BATCH_SIZE)
    run = measure_memory(model, source, num_steps)
    # Enough to fill the memory with pages.
    num_batches = 1 + mapped_file.memory_bytes() // (BATCH_SIZE * images[0].nbytes)
    steps = feed_of(model, source).steps()
    for number, _ in enumerate(itertools.islice(steps, num_batches), 1):
        if number % max(1, num_batches // NUM_SAMPLES) == 0:
            for name, megabytes in memory().items():
                run[name].append(megabytes)
    return {**run, **sizes}


def growth(samples):
    """MB from the third tenth of the samples to the last."""
    tenth = max(1, len(samples) // 10)
    last = statistics.median(samples[-tenth:])
    return last - statistics.median(samples[2 * tenth : 3 * tenth])
