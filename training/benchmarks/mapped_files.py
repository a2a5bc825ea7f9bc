"""Rows of a mapped file in random order: its pages asked for first, and not.

    python -m training.benchmarks.mapped_files

A file of 64 x 64 colour images in uint8, half as large again as the memory of the
machine, is mapped and read by `ArrayDataset` in shuffled batches of 64. "Asked for" is
how kerasgen reads it; "not asked for" is the same without the request, where the system
reads around each missing page, as much as the read-ahead of the disk says: 128 kB
unless it was changed. Both alternate in one run, on other batches in each round; the
page cache is as it comes. The images are black and take no place on the disk: what is
measured is memory and the system, and a disk would add to both. Linux only. Results are
kept by read-ahead in results/mapped_files.json; the table lands in
results/mapped_files.md.
"""

import argparse
import contextlib
import itertools
import os
import statistics
import tempfile
import time
from pathlib import Path
from unittest import mock

from kerasgen import datasets
from kerasgen.datasets import mapped_file

from .input_sources import BATCH_SIZE, map_larger_than_memory
from .kept_runs import RESULTS, load_runs, save_runs

PATH = RESULTS / "mapped_files.json"
SHAPE = (64, 64, 3)
ASKED, NOT_ASKED = "asked for", "not asked for"


def read_ahead_of(path):
    """Read-ahead of the disk that a file lies on, in kB."""
    device = path.stat().st_dev
    disk = Path(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}").resolve()
    # A partition's is its disk's.
    queue = next(p / "queue" for p in (disk, disk.parent) if (p / "queue").is_dir())
    return int((queue / "read_ahead_kb").read_text())


def batches_per_second(images, seed, count):
    """Speed of reading the first batches of a shuffled dataset."""
    source = datasets.ArrayDataset(images, batch_size=BATCH_SIZE, seed=seed)
    source[0]  # puts the samples in order
    start = time.perf_counter()
    for index in range(count):
        source[1 + index]
    return count / (time.perf_counter() - start)


def measure(path, rounds, count):
    """Speeds of both ways, batches a second, one of each round."""
    images, sizes = map_larger_than_memory(path, SHAPE)
    speeds = {ASKED: [], NOT_ASKED: []}
    seeds = itertools.count()
    for number in range(rounds):
        for name in (ASKED, NOT_ASKED) if number % 2 else (NOT_ASKED, ASKED):
            silent = mock.patch.object(mapped_file, "announce")
            with silent if name == NOT_ASKED else contextlib.nullcontext():
                speed = batches_per_second(images, next(seeds), count)
            speeds[name].append(round(speed, 1))
            print(name, speeds[name][-1], flush=True)
    return {**speeds, **sizes}


def ratio(result):
    """How much faster the median round is with the request."""
    return statistics.median(result[ASKED]) / statistics.median(result[NOT_ASKED])


def render(done):
    """The table in Markdown.

    Args:
        done: Content of mapped_files.json.
    """
    lines = [
        "# Mapped files",
        "",
        "`python -m training.benchmarks.mapped_files`",
        "",
        __doc__.split("\n\n")[2].replace("\n", " "),
        "",
        "| read-ahead / kB | file / GB | memory / GB | asked for, batches / s | "
        "not asked for | ratio of medians |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for read_ahead, result in sorted(done.items(), key=lambda item: int(item[0])):
        asked, not_asked = (
            f"{statistics.median(speeds)} ({min(speeds)} to {max(speeds)})"
            for speeds in (result[ASKED], result[NOT_ASKED])
        )
        lines.append(
            f"| {read_ahead} | {result['file_gb']} | {result['memory_gb']} | {asked} | "
            f"{not_asked} | {ratio(result):.1f} |"
        )
    return "\n".join(lines) + "\n"


def main():
    """Measures and writes the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--batches", type=int, default=100, help="of a round")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "images.npy"
        result = measure(path, options.rounds, options.batches)
        done = {**load_runs(PATH), str(read_ahead_of(path)): result}
    save_runs(PATH, done)
    PATH.with_suffix(".md").write_text(render(done))


if __name__ == "__main__":
    main()
