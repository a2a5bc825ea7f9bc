"""Sparse interactions, AutoRec, and rankings judged."""

import keras
import numpy as np
import pytest
from scipy import sparse
from sklearn.metrics import ndcg_score

from kerasgen import recommendation
from kerasgen.corruptions import MaskingNoise
from kerasgen.datasets import (
    InteractionDataset,
    hold_out,
    interactions,
    synthetic_interactions,
)
from kerasgen.models import autorec, dense_autoencoder


@pytest.fixture(scope="module")
def synthetic():
    return synthetic_interactions(400, 60, rank=4, mean_items=15, seed=0)


def test_the_simulator_is_seeded_and_of_low_rank(synthetic):
    again = synthetic_interactions(400, 60, rank=4, mean_items=15, seed=0)
    assert (synthetic != again).nnz == 0
    assert (synthetic != synthetic_interactions(400, 60, 4, 15, seed=1)).nnz > 0
    assert 13 < synthetic.sum() / 400 < 17
    dense = synthetic.toarray()
    singular = np.linalg.svd(dense, compute_uv=False) ** 2
    assert singular[:4].sum() > 0.5 * singular.sum()
    assert (dense == np.round(dense)).all() and (dense >= 0).all()


def test_batches_are_rows_and_no_more_is_dense(synthetic, monkeypatch):
    rows_at_once = []

    class Watched(interactions.DenseRows):
        def __getitem__(self, rows):
            found = super().__getitem__(rows)
            rows_at_once.append(len(found))
            return found

    monkeypatch.setattr(interactions, "DenseRows", Watched)
    dataset = InteractionDataset(synthetic, batch_size=32, seed=3)
    model = autorec(60, latent_dim=4, seed=0)
    model.compile("adam")
    model.fit(dataset, epochs=2, verbose=0)
    assert max(rows_at_once) == 32
    batch = dataset.get_batch(1, 2)[0]
    expected = synthetic.toarray()[dataset.order(1)[64:96]]
    np.testing.assert_array_equal(batch, expected)
    assert dataset.take(5).num_samples == 5
    np.testing.assert_array_equal(
        dataset.take(5).matrix.toarray(), synthetic[:5].toarray()
    )


@pytest.mark.eager
def test_a_matrix_that_no_memory_could_hold_dense():
    """A million users and as many items: 4 TB, and five interactions."""
    num = 10**6
    users, items = [0, 1, 1, 5, num - 1], [3, 0, num - 1, 7, 7]
    matrix = sparse.csr_array((np.ones(5), (users, items)), shape=(num, num))
    dataset = InteractionDataset(matrix, batch_size=2, shuffle=False)
    assert dataset.get_batch(0, 0)[0].sum(axis=1).tolist() == [1, 2]
    kept, held_out = hold_out(matrix, share=0.5)
    assert (kept.nnz, held_out.nnz) == (4, 1)
    few = matrix[:4]
    shapes = []

    def score(rows):
        assert sparse.issparse(rows)
        shapes.append(rows.shape)
        return np.zeros(rows.shape, "float32")

    ranked = recommendation.rank_items(score, few, num_items=2, batch_size=1)
    assert shapes == [(1, num)] * 4
    assert np.nanmean(recommendation.recall(ranked, few)) == 0


def test_stored_zeros_and_parts_of_a_value():
    entries = ([0.0, 2.0, 3.0, 1.0], ([0, 0, 0, 1], [0, 1, 1, 2]))
    matrix = sparse.coo_array(entries, shape=(2, 3))
    dataset = InteractionDataset(matrix, shuffle=False)
    assert dataset.matrix.nnz == 2
    assert dataset[0][0].tolist() == [[0, 5, 0], [0, 0, 1]]
    # What is stored as 0 was not met, and may be recommended.
    ranked = recommendation.rank_items(
        lambda rows: np.tile([3.0, 2.0, 1.0], (rows.shape[0], 1)), matrix, num_items=2
    )
    assert ranked.tolist() == [[0, 2], [0, 1]]


def test_what_is_held_out(synthetic):
    kept, held_out = hold_out(synthetic, share=0.25, seed=1)
    np.testing.assert_array_equal((kept + held_out).toarray(), synthetic.toarray())
    counts, held = (np.diff(m.indptr) for m in (synthetic, held_out))
    np.testing.assert_array_equal(held, np.floor(0.25 * counts))
    assert (kept.toarray() * held_out.toarray() == 0).all()
    others = hold_out(synthetic, share=0.25, seed=2)[1]
    assert (others != held_out).nnz > 0


def test_rankings_against_scikit_learn():
    rng = np.random.default_rng(0)
    scores = rng.uniform(size=(30, 20))
    relevant = sparse.csr_array(rng.uniform(size=(30, 20)) < 0.2, dtype=np.float32)
    ranked = recommendation.rank_items(
        lambda rows: scores, relevant, num_items=5, exclude_seen=False
    )
    np.testing.assert_array_equal(ranked, np.argsort(-scores, axis=1)[:, :5])
    found = recommendation.ndcg(ranked, relevant)
    for user, expected in enumerate(relevant.toarray()):
        if expected.sum():
            value = ndcg_score(expected[None], scores[user][None], k=5)
            assert found[user] == pytest.approx(value)
        else:
            assert np.isnan(found[user])
    for wrong in (scores[:, :-1], np.where(scores > 0.5, np.nan, scores)):
        with pytest.raises(ValueError, match=r"shape \(30, 20\). Received: "):
            recommendation.rank_items(lambda rows, s=wrong: s, relevant, num_items=5)
    # By hand: two of three held out among the first two places.
    held_out = sparse.csr_array([[1.0, 0, 1, 1, 0]])
    ranked = np.array([[0, 2]])
    assert recommendation.ndcg(ranked, held_out) == [1.0]
    assert recommendation.recall(ranked, held_out) == [1.0]
    assert recommendation.recall(np.array([[0, 1]]), held_out) == [0.5]


def test_what_was_met_is_left_out(synthetic):
    model = autorec(60, latent_dim=4, seed=0)
    ranked = recommendation.recommend(model, synthetic, num_items=10, batch_size=64)
    assert ranked.shape == (400, 10)
    for user, items in enumerate(ranked):
        assert not synthetic[[user]].toarray()[0, items].any()
        assert len({*items}) == 10
    scores = model.reconstruct(synthetic[:5].toarray())
    for user in range(5):
        best = scores[user][ranked[user]]
        assert (np.diff(best) <= 0).all()


@pytest.mark.slow
def test_autorec_beats_popularity_on_synthetic_counts():
    matrix = synthetic_interactions(1500, 100, rank=6, mean_items=20, seed=0)
    presence = matrix.sign()
    kept, held_out = hold_out(presence, seed=0)
    keras.utils.set_random_seed(0)
    model = autorec(100, 6, unobserved_weight=1.0, corruption=MaskingNoise(0.5), seed=0)
    model.compile(keras.optimizers.AdamW(5e-3, weight_decay=0.05))
    model.fit(InteractionDataset(kept, batch_size=64), epochs=40, verbose=0)
    popularity = np.asarray(kept.sum(axis=0))
    rankings = {
        "autorec": recommendation.recommend(model, kept),
        "popularity": recommendation.rank_items(
            lambda rows: np.tile(popularity, (rows.shape[0], 1)), kept
        ),
    }
    scores = {
        name: np.nanmean(recommendation.ndcg(ranked, held_out))
        for name, ranked in rankings.items()
    }
    assert scores["autorec"] > 1.15 * scores["popularity"]


def test_the_loss_is_over_what_was_observed():
    x = np.array([[5.0, 0.0, 3.0], [0.0, 0.0, 1.0]], "float32")
    model = autorec(3, latent_dim=2, seed=0)
    model.compile("sgd")
    loss = model.evaluate(x, verbose=0, return_dict=True)["reconstruction_nats"]
    brought = model.reconstruct(x)
    expected = (0.5 * np.where(x > 0, (x - brought) ** 2, 0)).sum(axis=1).mean()
    np.testing.assert_allclose(loss, expected, rtol=1e-5)


@pytest.mark.parametrize(
    "matrix, error, message",
    [
        (np.ones((2, 3)), TypeError, "Received: ndarray"),
        (sparse.csr_array([[1.0, -2.0]]), ValueError, "-2.0 of user 0, item 1"),
        (
            sparse.csr_array([[0.0, 1.0], [np.nan, 0.0]]),
            ValueError,
            "nan of user 1, item 0",
        ),
        (sparse.csr_array((0, 3)), ValueError, r"shape=\(0, 3\)"),
        (sparse.csr_array([[1e300]]), ValueError, "inf of user 0, item 0"),
        (sparse.csr_array([[1j]]), TypeError, "dtype=complex128"),
    ],
)
def test_bad_interactions(matrix, error, message):
    for call in (
        InteractionDataset,
        hold_out,
        lambda m: recommendation.ndcg(np.zeros((2, 1), int), m),
    ):
        with pytest.raises(error, match=message):
            call(matrix)


def test_a_sparse_matrix_alone_is_no_data(synthetic):
    model = autorec(60, latent_dim=4, seed=0)
    model.compile("adam")
    for verb in (model.fit, model.evaluate, model.encode, model.reconstruct):
        with pytest.raises(TypeError, match="InteractionDataset. Received: csr_array"):
            verb(synthetic)


def test_a_model_of_other_samples_recommends_nothing(synthetic):
    images = dense_autoencoder((8, 8, 1), 2, hidden=(4,))
    fewer = autorec(59, latent_dim=4)
    for model, message in (
        ("autorec", "Received: str"),
        (images, r"Received: Autoencoder of \(8, 8, 1\)"),
        (fewer, r"vectors of 60 items, .*Received: Autoencoder of \(59,\)"),
    ):
        with pytest.raises(ValueError, match=message):
            recommendation.recommend(model, synthetic)


def test_other_bad_arguments(synthetic):
    model = autorec(60, latent_dim=4, seed=0)
    most = int(np.diff(synthetic.indptr).max())
    for call, message in (
        (lambda: hold_out(synthetic, share=1.0), "share=1.0"),
        (lambda: hold_out(synthetic, share="half"), "share='half'"),
        (lambda: hold_out(synthetic, seed=-1), "seed=-1"),
        (
            lambda: InteractionDataset(synthetic).take(401),
            r"in \[1, 400\]",
        ),
        (lambda: synthetic_interactions(num_users=0), "num_users=0"),
        (lambda: synthetic_interactions(mean_items=0), "mean_items=0"),
        (lambda: synthetic_interactions(mean_items=np.inf), "mean_items=inf"),
        (lambda: synthetic_interactions(5, 4, 2, 1, seed=-1), "seed=-1"),
        (lambda: autorec(0), "num_items=0"),
        (
            lambda: recommendation.recommend(model, synthetic, num_items=61 - most),
            f"at most {60 - most}",
        ),
        (
            lambda: recommendation.ndcg(np.zeros((3, 2), int), synthetic),
            r"\(400, k\)",
        ),
        (lambda: recommendation.recall(np.full((400, 1), 60), synthetic), r"\[0, 60\)"),
        (
            lambda: recommendation.ndcg(np.zeros((400, 0), int), synthetic),
            "k >= 1",
        ),
        (
            lambda: recommendation.ndcg(np.full((400, 2), 7), synthetic),
            r"once in a user's list. Received: \[7 7\] of user 0",
        ),
    ):
        with pytest.raises(ValueError, match=message):
            call()
