"""Modes that GANs cover in two dimensions: losses alone, and stabilisers.

    KERAS_BACKEND=jax python -m training.benchmarks.mode_coverage

Ring of 8 Gaussians (radius 2, std 0.02) and grid of 25 (spacing 2, std 0.05); 2x128
networks with ReLU, z of 8 values, 8,000 generator steps of Adam(1e-3, beta_1=0.5),
batch 128, three seeds. A mode is covered with at least 20 of 2,500 samples within 3 std
of it. Weights of penalties and the like stand in the table; they were chosen once, for
data of this scale, and not tuned: another choice can change the order. Finished runs
are kept in results/mode_coverage.json, so that the command goes on where it was
stopped; the table lands in results/mode_coverage.md.
"""

import argparse
import concurrent.futures
import multiprocessing
import os
import statistics
import tempfile
import time

from .kept_runs import RESULTS, load_runs, save_runs
from .mode_variants import LOSSES, NUM_STEPS, STABILISERS, make_gan

PATH = RESULTS / "mode_coverage.json"
DATASETS = ("ring", "grid")
SEEDS = (0, 1, 2)
STEPS_PER_EPOCH = 200
BATCH_SIZE = 128
NUM_SAMPLES = 2_500
MINIMUM = 20
RUNS_AT_ONCE = 20


def run(group, name, dataset, seed, num_steps=NUM_STEPS):
    """Trains one GAN; returns what its samples cover."""
    import keras
    import numpy as np

    import kerasgen
    from kerasgen import datasets
    from kerasgen.datasets import mixtures
    from kerasgen.metrics import modes_covered

    centers, std = {
        "ring": (mixtures.ring_centers(), mixtures.RING_STD),
        "grid": (mixtures.grid_centers(), mixtures.GRID_STD),
    }[dataset]
    arguments = dict({"losses": LOSSES, "stabilisers": STABILISERS}[group][name][0])
    data = datasets.load(f"gaussian_{dataset}", "train", batch_size=BATCH_SIZE)
    points, labels = np.asarray(data.images), None
    num_gans = len(centers) if arguments.pop("is_ensemble", False) else 1
    if not arguments.pop("all_steps", False):
        num_steps //= num_gans
    keras.utils.set_random_seed(seed)
    gans, optimizers = zip(
        *(make_gan(data, seed, **arguments) for _ in range(num_gans)), strict=True
    )
    gan = gans[0]
    if num_gans > 1:
        gan = kerasgen.models.ModeEnsembleGAN(gans, seed=seed)
        labels = datasets.cluster(points, num_gans, seed)
    gan.compile(
        *optimizers[0],
        steps_per_execution=1 if keras.backend.backend() == "torch" else 10,
    )
    # Whole epochs of steps that the 50,000 points suffice for.
    steps = min(STEPS_PER_EPOCH // gan.batches_per_step, num_steps)
    gan.fit(
        points,
        labels,
        batch_size=BATCH_SIZE,
        steps_per_epoch=steps,
        epochs=num_steps // steps,
        verbose=0,
    )
    samples = gan.generate(NUM_SAMPLES, seed=seed)
    found = modes_covered(samples, centers, std, minimum=MINIMUM)
    return {
        "modes": found.num_modes,
        "quality": round(found.share_high_quality, 4),
        "kl_nats": round(found.kl_nats, 4),
    }


def _run_and_name(task):
    key, start = "/".join(map(str, task[:4])), time.process_time()
    try:
        result = run(*task)
    except FloatingPointError as error:
        result = {"modes": 0, "quality": 0.0, "kl_nats": None, "error": str(error)}
    return key, {**result, "cpu_seconds": round(time.process_time() - start, 1)}


def main():
    """Trains what is missing and writes the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    parser.add_argument("--steps", type=int, default=NUM_STEPS)
    parser.add_argument("--only", help="one name of the table, for a look")
    options = parser.parse_args()
    done = load_runs(PATH)
    tasks = [
        (group, name, dataset, seed, options.steps)
        for seed in SEEDS
        for group, table in (("losses", LOSSES), ("stabilisers", STABILISERS))
        for name in table
        for dataset in DATASETS
        if options.only in (None, name)
    ]
    is_whole = options.steps == NUM_STEPS
    if is_whole:
        tasks = [t for t in tasks if "/".join(map(str, t[:4])) not in done]
    context = multiprocessing.get_context("spawn")
    # Seeds and data sets share what JAX compiled.
    cache = tempfile.TemporaryDirectory()
    os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", cache.name)
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
    with cache:
        # Fresh processes now and then, for compiled programs are never freed.
        for start in range(0, len(tasks), RUNS_AT_ONCE):
            with concurrent.futures.ProcessPoolExecutor(
                options.workers, context
            ) as pool:
                part = tasks[start : start + RUNS_AT_ONCE]
                for key, result in pool.map(_run_and_name, part):
                    print(key, result, flush=True)
                    done[key] = result
                    if is_whole:
                        save_runs(PATH, done)
    if is_whole and not options.only:
        PATH.with_suffix(".md").write_text(render(done))


def render(done):
    """Both tables, in Markdown: median of the seeds, worst in brackets."""
    seconds = sum(run["cpu_seconds"] for run in done.values())
    lines = [
        "# Modes covered in two dimensions",
        "",
        "`KERAS_BACKEND=jax python -m training.benchmarks.mode_coverage`",
        "",
        __doc__.split("\n\n")[2].replace("\n", " "),
        "Modes: median of the seeds, the worst in brackets. Quality: share of samples "
        "within 3 std of a mode; KL: of the histogram over the modes from the uniform "
        "one, in nats; both medians. A run that diverged covers no mode, and is "
        "counted beside the KL of the others.",
        "",
        f"All runs took {seconds / 60:.0f} minutes of CPU time; two cores have 120 an "
        "hour.",
    ]
    for group, table, title in (
        ("losses", LOSSES, "Losses, with no stabiliser"),
        ("stabilisers", STABILISERS, "Stabilisers, on the non-saturating loss"),
    ):
        lines += [
            "",
            f"## {title}",
            "",
            "| name | paper | setting | ring: modes of 8 | quality | KL | grid: modes "
            "of 25 | quality | KL |",
            "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
        ]
        for name, (_, *about) in table.items():
            cells = [cell for d in DATASETS for cell in _cells(done, group, name, d)]
            lines.append(f"| {name} | {' | '.join([*about, *cells])} |")
    return "\n".join(lines) + "\n"


def _cells(done, group, name, dataset):
    runs = [done[f"{group}/{name}/{dataset}/{seed}"] for seed in SEEDS]
    modes = [run["modes"] for run in runs]
    kls = [run["kl_nats"] for run in runs if run["kl_nats"] is not None]
    diverged = f"{len(runs) - len(kls)} of {len(runs)} diverged"
    kl = f"{statistics.median(kls):.2f}" if kls else ""
    return (
        f"{statistics.median(modes):g} ({min(modes)})",
        f"{statistics.median(run['quality'] for run in runs):.2f}",
        kl if len(kls) == len(runs) else f"{kl} {diverged}".strip(),
    )


if __name__ == "__main__":
    main()
