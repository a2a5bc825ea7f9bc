"""AutoRec beside popularity and truncated SVD.

    KERAS_BACKEND=torch python -m training.benchmarks.recommendation
    KERAS_BACKEND=torch python -m training.benchmarks.recommendation --data movielens

Whether a user has met an item, a fifth of each user's items held out; NDCG@10 and
recall@10 over the users, what was seen left out. SYNTHETIC interactions by default: a
low-rank Poisson simulator, 4,000 users, 300 items, about 25 a user; `--data movielens`
downloads the 100k ratings through TFDS. AutoRec of 12 units that is trained to bring
back half of what it is not shown, AdamW(5e-3, decay 0.05), batch 64, 60 epochs; SVD of
the best of 2 to 32 factors, chosen on the held-out items, which favours it. Three seeds
of the split and the weights. The table lands in results/recommendation.md.
"""

import argparse
import statistics

import keras
import numpy as np
from sklearn.decomposition import TruncatedSVD

from kerasgen import corruptions, datasets, models, recommendation

from .kept_runs import RESULTS, complete_runs

PATH = RESULTS / "recommendation.json"
SEEDS = (0, 1, 2)
PLACES = 10
FACTORS = (2, 4, 8, 12, 16, 32)
METHODS = ("popularity", "truncated SVD", "AutoRec")


def interactions(data, seed):
    """(kept, held out), 1 where a user has met an item."""
    if data == "movielens":
        matrix = datasets.movielens()
    else:
        matrix = datasets.synthetic_interactions(4000, 300, 8, 25, seed)
    return datasets.hold_out(matrix.sign(), seed=seed)


def score(ranked, held_out):
    """Means over the users."""
    return {
        name: round(float(np.nanmean(measure(ranked, held_out))), 4)
        for name, measure in (
            ("ndcg", recommendation.ndcg),
            ("recall", recommendation.recall),
        )
    }


def run(data, method, seed):
    """Scores of one method."""
    kept, held_out = interactions(data, seed)
    if method == "popularity":
        counts = np.asarray(kept.sum(axis=0))
        ranked = recommendation.rank_items(
            lambda rows: np.tile(counts, (rows.shape[0], 1)), kept, PLACES
        )
        return score(ranked, held_out)
    if method == "truncated SVD":
        found = []
        for factors in FACTORS:
            svd = TruncatedSVD(factors, random_state=seed).fit(kept)
            ranked = recommendation.rank_items(
                lambda rows, svd=svd: svd.inverse_transform(svd.transform(rows)),
                kept,
                PLACES,
            )
            found.append({**score(ranked, held_out), "factors": factors})
        return max(found, key=lambda scores: scores["ndcg"])
    keras.utils.set_random_seed(seed)
    model = models.autorec(
        kept.shape[1],
        latent_dim=12,
        unobserved_weight=1.0,
        corruption=corruptions.MaskingNoise(0.5),
        seed=seed,
    )
    model.compile(keras.optimizers.AdamW(5e-3, weight_decay=0.05))
    batches = datasets.InteractionDataset(kept, batch_size=64, seed=seed)
    model.fit(batches, epochs=60, verbose=0)
    return score(recommendation.recommend(model, kept, PLACES), held_out)


def main():
    """Trains what is missing and writes the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--data", choices=("synthetic", "movielens"), default="synthetic"
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
