"""Modes that GANs cover in two dimensions: losses alone, and stabilisers.

    KERAS_BACKEND=jax python -m training.benchmarks.mode_coverage

Ring of 8 Gaussians (radius 2, std 0.02) and grid of 25 (spacing 2, std 0.05); 2x128
networks with ReLU, 8,000 generator steps of Adam(1e-3, beta_1=0.5), batch 128, three
seeds. A mode is covered with at least 20 of 2,500 samples within 3 std of it. Finished
runs are kept in results/mode_coverage.json, so that the command goes on where it was
stopped; the table lands in results/mode_coverage.md.
"""

import argparse
import concurrent.futures
import json
import multiprocessing
import os
import statistics
import tempfile
from pathlib import Path

RESULTS = Path(__file__).parent / "results"
PATH = RESULTS / "mode_coverage.json"
DATASETS = ("ring", "grid")
SEEDS = (0, 1, 2)
NUM_STEPS = 8_000
STEPS_PER_EPOCH = 200
BATCH_SIZE = 128
LATENT_DIM = 8
UNITS = 128
NUM_SAMPLES = 2_500
MINIMUM = 20

# Name: arguments of `make_gan`, and the paper.
LOSSES = {
    "minimax": ({"loss": "minimax"}, "Goodfellow et al. 2014"),
    "non-saturating": ({}, "Goodfellow et al. 2014"),
    "LSGAN": ({"loss": "least_squares"}, "Mao et al. 2017"),
    "LSGAN, Pearson": ({"loss": "least_squares_pearson"}, "Mao et al. 2017"),
    "hinge": ({"loss": "hinge"}, "Lim and Ye 2017"),
    "Wasserstein, clipped": (
        {"loss": "wasserstein", "weight_clipping": 0.05, "discriminator_steps": 5},
        "Arjovsky et al. 2017",
    ),
    "relativistic average": (
        {"loss": "relativistic_average"},
        "Jolicoeur-Martineau 2019",
    ),
    "EBGAN": ({"loss": "ebgan", "head": 2}, "Zhao et al. 2017"),
    "f-GAN, KL": ({"loss": "f_gan_kl"}, "Nowozin et al. 2016"),
    "f-GAN, reverse KL": ({"loss": "f_gan_reverse_kl"}, "Nowozin et al. 2016"),
    "f-GAN, Pearson": ({"loss": "f_gan_pearson_chi2"}, "Nowozin et al. 2016"),
    "f-GAN, Hellinger": ({"loss": "f_gan_squared_hellinger"}, "Nowozin et al. 2016"),
    "f-GAN, Jensen-Shannon": (
        {"loss": "f_gan_jensen_shannon"},
        "Nowozin et al. 2016",
    ),
    "f-GAN, GAN": ({"loss": "f_gan_gan"}, "Nowozin et al. 2016"),
    "f-GAN, total variation": (
        {"loss": "f_gan_total_variation"},
        "Nowozin et al. 2016",
    ),
}
STABILISERS = {
    "none": ({}, ""),
    "gradient penalty": ({"penalty": "two_sided"}, "Gulrajani et al. 2017"),
    "gradient penalty, one-sided": ({"penalty": "one_sided"}, "Petzka et al. 2018"),
    "R1": ({"penalty": "r1"}, "Mescheder et al. 2018"),
    "R2": ({"penalty": "r2"}, "Mescheder et al. 2018"),
    "DRAGAN": ({"penalty": "dragan"}, "Kodali et al. 2017"),
    "orthogonal regularisation": ({"penalty": "orthogonal"}, "Brock et al. 2017"),
    "spectral norm": ({"layer": "spectral"}, "Miyato et al. 2018"),
    "minibatch discrimination": ({"layer": "minibatch"}, "Salimans et al. 2016"),
    "minibatch deviation": ({"layer": "deviation"}, "Karras et al. 2018"),
    "instance noise": ({"layer": "noise"}, "Sonderby et al. 2017"),
    "virtual batch norm": ({"generator_layer": "virtual"}, "Salimans et al. 2016"),
    "feature matching": ({"technique": "matching"}, "Salimans et al. 2016"),
    "one-sided label smoothing": (
        {"loss": "one_sided_label_smoothing"},
        "Salimans et al. 2016",
    ),
    "two-sided label smoothing": (
        {"loss": "two_sided_label_smoothing"},
        "Salimans et al. 2016",
    ),
    "historical averaging": ({"historical_averaging": 0.01}, "Salimans et al. 2016"),
    "5 discriminator steps": ({"discriminator_steps": 5}, "Goodfellow et al. 2014"),
    "two time scales": ({"generator_rate": 2.5e-4}, "Heusel et al. 2017"),
    "moving average": ({"ema_decay": 0.999}, "Yazici et al. 2019"),
    "WGAN-GP": (
        {"loss": "wasserstein", "penalty": "two_sided", "discriminator_steps": 5},
        "Gulrajani et al. 2017",
    ),
}


def make_gan(
    data,
    seed,
    penalty=None,
    layer=None,
    generator_layer=None,
    technique=None,
    generator_rate=1e-3,
    head=1,
    **arguments,
):
    """A compiled GAN of two vectors' worth of data."""
    import keras

    import kerasgen
    from kerasgen import penalties, techniques

    keras.utils.set_random_seed(seed)
    penalty_of = {
        "two_sided": lambda: penalties.GradientPenalty(1.0),
        "one_sided": lambda: penalties.GradientPenalty(1.0, one_sided=True),
        "r1": lambda: penalties.R1(1.0),
        "r2": lambda: penalties.R2(1.0),
        "dragan": lambda: penalties.DRAGAN(1.0),
        "orthogonal": lambda: penalties.OrthogonalRegularization(1e-2),
    }
    technique_of = {"matching": lambda: techniques.FeatureMatching("features")}
    gan = kerasgen.models.GAN(
        _generator(data, generator_layer),
        _discriminator(layer, head),
        LATENT_DIM,
        penalties=[] if penalty is None else [penalty_of[penalty]()],
        techniques=[] if technique is None else [technique_of[technique]()],
        seed=seed,
        **arguments,
    )
    gan.compile(
        keras.optimizers.Adam(generator_rate, 0.5),
        keras.optimizers.Adam(1e-3, 0.5),
        steps_per_execution=1 if keras.backend.backend() == "torch" else 10,
    )
    return gan


def _generator(data, kind):
    import keras
    from keras import layers

    from kerasgen.layers import (
        DropReference,
        ReferenceBatch,
        VirtualBatchNormalization,
    )

    num = 64
    x = z = keras.Input((LATENT_DIM,))
    if kind == "virtual":
        reference = keras.random.normal((num, LATENT_DIM), seed=0)
        x = ReferenceBatch(keras.ops.convert_to_numpy(reference))(x)
    for _ in range(2):
        x = layers.Dense(UNITS)(x)
        if kind == "virtual":
            x = VirtualBatchNormalization(num)(x)
        x = layers.ReLU()(x)
    x = layers.Dense(2)(x)
    if kind == "virtual":
        x = DropReference(num)(x)
    return keras.Model(z, x)


def _discriminator(kind, head):
    import keras
    from keras import layers

    from kerasgen.layers import (
        InstanceNoise,
        MinibatchDiscrimination,
        MinibatchStdDev,
        SpectralNormalization,
    )

    def dense(units, **arguments):
        inner = layers.Dense(units, **arguments)
        return SpectralNormalization(inner) if kind == "spectral" else inner

    x = point = keras.Input((2,))
    if kind == "noise":
        # Three calls a step, so that the noise is gone after half the training.
        x = InstanceNoise(0.5, decay_steps=3 * NUM_STEPS // 2)(x)
    x = layers.ReLU()(dense(UNITS)(x))
    x = layers.ReLU(name="features")(dense(UNITS)(x))
    if kind == "minibatch":
        x = MinibatchDiscrimination(16, 8)(x)
    if kind == "deviation":
        x = MinibatchStdDev()(x)
    return keras.Model(point, dense(head)(x))


def run(group, name, dataset, seed, num_steps=NUM_STEPS):
    """Trains one GAN; returns what its samples cover."""
    import numpy as np

    from kerasgen import datasets
    from kerasgen.datasets import mixtures
    from kerasgen.metrics import modes_covered

    centers, std = {
        "ring": (mixtures.ring_centers(), mixtures.RING_STD),
        "grid": (mixtures.grid_centers(), mixtures.GRID_STD),
    }[dataset]
    arguments, _ = {"losses": LOSSES, "stabilisers": STABILISERS}[group][name]
    data = datasets.load(f"gaussian_{dataset}", "train", batch_size=BATCH_SIZE)
    gan = make_gan(data, seed, **arguments)
    # Whole epochs of steps that the 50,000 points suffice for.
    steps = STEPS_PER_EPOCH // gan.discriminator_steps
    gan.fit(
        np.asarray(data.images),
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
    key = "/".join(map(str, task[:4]))
    try:
        return key, run(*task)
    except FloatingPointError as error:
        return key, {"modes": 0, "quality": 0.0, "kl_nats": None, "error": str(error)}


def main():
    """Trains what is missing and writes the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    parser.add_argument("--steps", type=int, default=NUM_STEPS)
    parser.add_argument("--only", help="one name of the table, for a look")
    options = parser.parse_args()
    done = json.loads(PATH.read_text()) if PATH.is_file() else {}
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
    RESULTS.mkdir(exist_ok=True)
    # Seeds and data sets share what JAX compiled.
    cache = tempfile.TemporaryDirectory()
    os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", cache.name)
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
    with (
        cache,
        concurrent.futures.ProcessPoolExecutor(
            options.workers, context, max_tasks_per_child=20
        ) as pool,
    ):
        for key, result in pool.map(_run_and_name, tasks):
            print(key, result, flush=True)
            done[key] = result
            if is_whole:
                PATH.write_text(json.dumps(done, indent=0, sort_keys=True) + "\n")
    if is_whole and not options.only:
        (RESULTS / "mode_coverage.md").write_text(render(done))


def render(done):
    """Both tables, in Markdown: median of the seeds, worst in brackets."""
    lines = [
        "# Modes covered in two dimensions",
        "",
        "`KERAS_BACKEND=jax python -m training.benchmarks.mode_coverage`",
        "",
        __doc__.split("\n\n")[2].replace("\n", " "),
        "Modes: median of the seeds, the worst in brackets. Quality: share of samples "
        "within 3 std of a mode; KL: of the histogram over the modes from the uniform "
        "one, in nats; both medians.",
    ]
    for group, table, title in (
        ("losses", LOSSES, "Losses, with no stabiliser"),
        ("stabilisers", STABILISERS, "Stabilisers, on the non-saturating loss"),
    ):
        lines += [
            "",
            f"## {title}",
            "",
            "| name | paper | ring: modes of 8 | quality | KL | grid: modes of 25 | "
            "quality | KL |",
            "| --- | --- | --- | --- | --- | --- | --- | --- |",
        ]
        for name, (_, paper) in table.items():
            cells = [cell for d in DATASETS for cell in _cells(done, group, name, d)]
            lines.append(f"| {name} | {paper} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _cells(done, group, name, dataset):
    runs = [done[f"{group}/{name}/{dataset}/{seed}"] for seed in SEEDS]
    modes = [run["modes"] for run in runs]
    kls = [run["kl_nats"] for run in runs if run["kl_nats"] is not None]
    return (
        f"{statistics.median(modes):g} ({min(modes)})",
        f"{statistics.median(run['quality'] for run in runs):.2f}",
        f"{statistics.median(kls):.2f}" if kls else "diverged",
    )


if __name__ == "__main__":
    main()
