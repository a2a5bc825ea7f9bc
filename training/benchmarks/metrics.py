"""FID, KID and precision/recall beside other libraries' functions on equal features.

    python -m training.benchmarks.metrics

10,000 real and 10,000 generated features of 2048 dimensions, float32, drawn from two
Gaussians with decaying spectra. The two sides are alternated in one process, the
median of the repetitions counts; peak memory is that of a process for each side and
metric. The table lands in results/metrics.md and .json.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

RESULTS = Path(__file__).parent / "results"
# The matrix square root of scipy, as pytorch-fid and clean-fid take it.
SQUARE_ROOT = "FID trace term, beside pytorch-fid"
TARGETS = {
    SQUARE_ROOT: 5.0,
    "FID trace term": 3.0,
    "FID statistics and trace": 1.5,
    "KID, 100 subsets of 1,000": 1.0,
    "precision and recall, k=3": 1.0,
}


def make_features(num=10_000, dimension=2048):
    """Two float32 arrays (num, dimension) of correlated, non-negative features."""
    draws = np.random.RandomState(0)
    scales = 1.0 / np.sqrt(1.0 + np.arange(dimension))
    mixing = draws.randn(dimension, dimension) * (8.0 / np.sqrt(dimension))
    arrays = []
    for shift in (0.0, 0.02):
        x = (draws.randn(num, dimension) * scales) @ mixing
        arrays.append(np.abs(x + shift).astype("float32"))
    return arrays


def ours():
    """Name to function of (real, generated)."""
    from kerasgen import metrics

    def trace(gaussians):
        return metrics.frechet_distance(*gaussians[0], *gaussians[1])

    return {
        SQUARE_ROOT: trace,
        "FID trace term": trace,
        "FID statistics and trace": metrics.fid,
        "KID, 100 subsets of 1,000": lambda x, y: metrics.kid(x, y)[0],
        "precision and recall, k=3": metrics.precision_recall,
    }


def theirs():
    """The same of torch-fidelity 0.4.0 and pytorch-fid 0.3.0."""
    import torch

    from .other_libraries import pytorch_fid_distance, torch_fidelity

    distance = pytorch_fid_distance()

    fid, kid, prc = (torch_fidelity(f"metric_{n}") for n in ("fid", "kid", "prc"))

    def trace(gaussians):
        pair = [{"mu": mu, "sigma": sigma} for mu, sigma in gaussians]
        return fid.fid_statistics_to_metric(*pair, False)[fid.KEY_METRIC_FID]

    def whole_fid(x, y):
        pair = [fid.fid_features_to_statistics(torch.from_numpy(a)) for a in (x, y)]
        return fid.fid_statistics_to_metric(*pair, False)[fid.KEY_METRIC_FID]

    def mean_kid(x, y):
        result = kid.kid_features_to_metric(
            torch.from_numpy(x),
            torch.from_numpy(y),
            kid_subsets=100,
            kid_subset_size=1000,
            rng_seed=2020,
            verbose=False,
        )
        return result[kid.KEY_METRIC_KID_MEAN]

    def precision_recall(x, y):
        result = prc.prc_features_to_metric(
            torch.from_numpy(y),
            torch.from_numpy(x),
            prc_neighborhood=3,
            prc_batch_size=10_000,
            save_cpu_ram=False,
            verbose=False,
        )
        return result["precision"], result["recall"]

    return {
        SQUARE_ROOT: lambda gaussians: distance(*gaussians[0], *gaussians[1]),
        "FID trace term": trace,
        "FID statistics and trace": whole_fid,
        "KID, 100 subsets of 1,000": mean_kid,
        "precision and recall, k=3": precision_recall,
    }


def arguments_of(name, features):
    """What the functions of this name take."""
    if not name.startswith("FID trace term"):
        return features
    return [[(x.mean(0, "float64"), np.cov(x, rowvar=False)) for x in features]]


def measure_memory(side, name, num):
    """Peak megabytes that one side adds to the features, in a process of its own."""
    command = [sys.executable, "-m", "training.benchmarks.metrics", "--memory"]
    result = subprocess.run(
        [*command, side, "--only", name, "--num", str(num)],
        check=True,
        capture_output=True,
        text=True,
    )
    return float(result.stdout.splitlines()[-1])


def print_memory(side, name, num):
    """Prints the growth of the peak memory while one function runs."""
    function = (ours if side == "ours" else theirs)()[name]
    # Libraries keep buffers from their first call on.
    function(*arguments_of(name, make_features(1100, 64)))
    arguments = arguments_of(name, make_features(num))
    # Linux: the peak starts anew from what the process holds now.
    Path("/proc/self/clear_refs").write_text("5")
    before = _peak_kilobytes()
    function(*arguments)
    print((_peak_kilobytes() - before) / 1024)


def _peak_kilobytes():
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0])


def time_both(name, functions, features, repetitions):
    """Seconds of each side, alternated after a run to warm up, and the values."""
    arguments = arguments_of(name, features)
    seconds, values = {side: [] for side in functions}, {}
    for repetition in range(repetitions + 1):
        for side, function in functions.items():
            start = time.perf_counter()
            values[side] = function(*arguments)
            if repetition:
                seconds[side].append(time.perf_counter() - start)
    return {side: statistics.median(runs) for side, runs in seconds.items()}, values


def main():
    """Measures and writes the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--num", type=int, default=10_000)
    parser.add_argument("--memory", choices=("ours", "theirs"))
    parser.add_argument("--only", choices=list(TARGETS))
    options = parser.parse_args()
    if options.memory:
        print_memory(options.memory, options.only, options.num)
        return
    names = [options.only] if options.only else list(TARGETS)
    sides = {"ours": ours(), "theirs": theirs()}
    features = make_features(options.num)
    rows = []
    for name in names:
        functions = {side: found[name] for side, found in sides.items()}
        seconds, values = time_both(name, functions, features, options.repetitions)
        memory = {side: measure_memory(side, name, options.num) for side in functions}
        ratio = seconds["theirs"] / seconds["ours"]
        rows.append(
            {
                "metric": name,
                "speed_ratio": round(ratio, 2),
                "target": TARGETS[name],
                "memory_mb": {k: round(v) for k, v in memory.items()},
                "values": {k: np.round(v, 9).tolist() for k, v in values.items()},
                "relative_difference": float(
                    np.max(np.abs(np.divide(values["ours"], values["theirs"]) - 1.0))
                ),
            }
        )
        print(json.dumps(rows[-1]), flush=True)
    if options.only or options.num != 10_000:
        return
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "metrics.json").write_text(json.dumps(rows, indent=1) + "\n")
    (RESULTS / "metrics.md").write_text(render(rows, options.repetitions))


def render(rows, repetitions):
    """The table, in Markdown."""
    lines = [
        "# Metrics beside torch-fidelity 0.4.0 and pytorch-fid 0.3.0",
        "",
        "`python -m training.benchmarks.metrics`",
        "",
        "10,000 real and 10,000 generated features of 2048 dimensions; the sides "
        f"alternated, median of {repetitions} runs after one to warm up; CPU, "
        f"{platform.machine()}, {len(os.sched_getaffinity(0))} core(s). Speed "
        "is their time over ours; memory is what a side adds to the features at its "
        "peak, in MB, after a small call. The square root of a matrix is "
        "pytorch-fid's, the rest torch-fidelity's, which computes KID and "
        "precision/recall in float32; "
        "kerasgen multiplies float32 features in float32 and decides in float64.",
        "",
        "| metric | speed | target | memory, ours | theirs | value, ours | theirs | "
        "relative difference |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in rows:
        memory, values = row["memory_mb"], row["values"]
        lines.append(
            f"| {row['metric']} | {row['speed_ratio']} | {row['target']} | "
            f"{memory['ours']} | {memory['theirs']} | {values['ours']} | "
            f"{values['theirs']} | {row['relative_difference']:.1e} |"
        )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
