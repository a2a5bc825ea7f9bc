"""AutoRec beside popularity and truncated SVD.

    KERAS_BACKEND=torch python -m training.benchmarks.recommendation
    KERAS_BACKEND=torch python -m training.benchmarks.recommendation --data movielens

Whether a user has met an item, a fifth of each user's items held out; NDCG@10 and
recall@10 over the users, what was seen left out. SYNTHETIC interactions by default: a
low-rank Poisson simulator, 4,000 users, 300 items, about 25 a user; `--data movielens`
downloads the 100k ratings through TFDS. AutoRec of 12 units that is trained to bring
back half of what it is not shown, AdamW(5e-3, decay 0.05), batch 64, 60 epochs; SVD of
the best of 2 to 32 factors, chosen on the held-out items, which favours it. Three seeds
of the data, the split and the weights. The table lands in results/recommendation.md.
"""

import argparse
import statistics

import keras

from ..applications import autorec_interactions
from .kept_runs import RESULTS, complete_runs

PATH = RESULTS / "recommendation.json"
SEEDS = (0, 1, 2)


def judge_autorec(p, kept, held_out):
    """Scores of the trained model."""
    keras.utils.set_random_seed(p["seed"])
    model = autorec_interactions.make_model(p, kept.shape[1])
    batches = autorec_interactions.make_batches(p, kept)
    model.fit(batches, epochs=p["epochs"], verbose=0)
    return autorec_interactions.judge_model(p, model, kept, held_out)


METHODS = {
    "popularity": autorec_interactions.judge_popularity,
    "truncated SVD": autorec_interactions.judge_svd,
    "AutoRec": judge_autorec,
}


def run(data, method, seed):
    """Scores of one method."""
    p = {**autorec_interactions.PARAMETERS, "dataset": data, "seed": seed}
    return METHODS[method](p, *autorec_interactions.load(p))


def main():
    """Trains what is missing and writes the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--data", choices=autorec_interactions.SOURCES, default="synthetic"
    )
    data = parser.parse_args().data
    tasks = {f"{data}/{m}/{s}": (data, m, s) for m in METHODS for s in SEEDS}
    PATH.with_suffix(".md").write_text(render(complete_runs(PATH, tasks, run)))


def render(done):
    """The table in Markdown.

    Args:
        done: Content of recommendation.json.
    """
    lines = [
        "# Recommendation",
        "",
        "`KERAS_BACKEND=torch python -m training.benchmarks.recommendation`",
        "",
        __doc__.split("\n\n")[2].replace("\n", " "),
        "",
        "| data | method | NDCG@10 | recall@10 |",
        "| --- | --- | --- | --- |",
    ]
    for data in sorted({key.split("/")[0] for key in done}):
        for method in METHODS:
            runs = [done[f"{data}/{method}/{seed}"] for seed in SEEDS]
            cells = [
                f"{statistics.mean(values):.3f} ({min(values):.3f} to "
                f"{max(values):.3f})"
                for values in ([r[key] for r in runs] for key in ("ndcg", "recall"))
            ]
            lines.append(f"| {data} | {method} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
