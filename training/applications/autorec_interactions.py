"""Recommendation: AutoRec on who has met what, a fifth of it held out.

    kerasgen train autorec_interactions --backend torch
    kerasgen train autorec_interactions --backend torch --set dataset=movielens

SYNTHETIC interactions, of a low-rank Poisson simulator, or MovieLens's 100k ratings,
which TFDS downloads. `training.benchmarks.recommendation` repeats this over seeds.
"""

import keras
import numpy as np
from sklearn.decomposition import TruncatedSVD

from kerasgen import corruptions, datasets, models, recommendation

from ..recipe import check_option
from ..runs import GenerativeRun

PARAMETERS = {
    "dataset": "synthetic",
    "num_users": 4000,
    "num_items": 300,
    "rank": 8,
    "mean_items": 25,
    "epochs": 60,
    "batch_size": 64,
    "latent_dim": 12,
    "unobserved_weight": 1.0,
    "masked": 0.5,
    "learning_rate": 5e-3,
    "weight_decay": 0.05,
    "num_places": 10,
    "seed": 0,
}
QUICK = {
    "num_users": 120,
    "num_items": 40,
    "rank": 2,
    "mean_items": 12,
    "epochs": 2,
    "latent_dim": 3,
    "num_places": 5,
}
# The simulator's parameters mean nothing to the others.
SOURCES = {
    "synthetic": lambda p: datasets.synthetic_interactions(
        p["num_users"], p["num_items"], p["rank"], p["mean_items"], p["seed"]
    ),
    "movielens": lambda p: datasets.movielens(),
}
MEASURES = {"ndcg": recommendation.ndcg, "recall": recommendation.recall}
FACTORS = (2, 4, 8, 12, 16, 32)


class RankingRun(GenerativeRun):
    """A `GenerativeRun` of a model of vectors, of which there are no pictures."""

    captions = {}

    def watchers(self, folder):
        return []

    def save_pictures(self, folder):
        """There are none."""


def build(p):
    """The run of these parameters."""
    kept, held_out = load(p)
    num_users, num_items = kept.shape
    protocol = (
        f"mean over {num_users} users of {p['dataset']} data, seed {p['seed']}, a "
        "fifth of each user's items held out, what was seen left out"
    )

    def named(scores):
        return {f"test_{name}_at_{p['num_places']}": scores[name] for name in MEASURES}

    # Now: it finds out whether there are so many items to rank.
    popularity = named(judge_popularity(p, kept, held_out))

    def measure(model):
        values = named(judge_model(p, model, kept, held_out))
        return {k: {"value": v, "protocol": protocol} for k, v in values.items()}

    return RankingRun(
        model=make_model(p, num_items),
        data=make_batches(p, kept),
        score=None,
        measure=measure,
        references=lambda: {
            "popularity": popularity,
            "truncated_svd": named(judge_svd(p, kept, held_out)),
        },
        card={
            "description": f"AutoRec of {p['latent_dim']} units on {p['dataset']} "
            f"interactions of {num_users} users with {num_items} items",
            "family": "autoencoder",
            "paper": "Sedhain et al. 2015, doi:10.1145/2740908.2742726",
            "dataset": p["dataset"],
            "split": "four fifths of each user's items",
            "usage": "items = kerasgen.recommendation.recommend(model, matrix)",
        },
    )


def load(p):
    """(kept, held out), 1 where a user has met an item."""
    check_option("dataset", p["dataset"], SOURCES)
    interactions = SOURCES[p["dataset"]](p).sign()
    kept, held_out = datasets.hold_out(interactions, seed=p["seed"])
    if not held_out.nnz:
        raise ValueError(
            "Expected users of five items or more, of which one is held out. "
            f"Received: at most {int(interactions.sum(axis=1).max())} items a user"
        )
    return kept, held_out


def make_model(p, num_items):
    """The compiled model, which is to bring back more than it is shown."""
    model = models.autorec(
        num_items,
        latent_dim=p["latent_dim"],
        unobserved_weight=p["unobserved_weight"],
        corruption=corruptions.MaskingNoise(p["masked"]),
        seed=p["seed"],
    )
    model.compile(
        keras.optimizers.AdamW(p["learning_rate"], weight_decay=p["weight_decay"])
    )
    return model


def make_batches(p, kept):
    """What it is trained on."""
    return datasets.InteractionDataset(kept, batch_size=p["batch_size"], seed=p["seed"])


def judge_model(p, model, kept, held_out):
    """Means of the `MEASURES` over the users."""
    ranked = recommendation.recommend(model, kept, p["num_places"])
    return _judge(ranked, held_out)


def judge_popularity(p, kept, held_out):
    """As `judge_model`, of the items that most users have met."""
    counts = np.asarray(kept.sum(axis=0))
    ranked = recommendation.rank_items(
        lambda rows: np.tile(counts, (rows.shape[0], 1)), kept, p["num_places"]
    )
    return _judge(ranked, held_out)


def judge_svd(p, kept, held_out):
    """As `judge_model`, and the `FACTORS` that do best on what was held out."""
    found = []
    for factors in (n for n in FACTORS if n < kept.shape[1]):
        svd = TruncatedSVD(factors, random_state=p["seed"]).fit(kept)
        ranked = recommendation.rank_items(
            lambda rows, svd=svd: svd.inverse_transform(svd.transform(rows)),
            kept,
            p["num_places"],
        )
        found.append({**_judge(ranked, held_out), "factors": factors})
    return max(found, key=lambda scores: scores["ndcg"])


def _judge(ranked, held_out):
    return {
        name: round(float(np.nanmean(measure(ranked, held_out))), 4)
        for name, measure in MEASURES.items()
    }
