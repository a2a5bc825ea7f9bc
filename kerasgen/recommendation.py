"""Recommendation by autoencoders: who likes what, from whom has met what.

`models.autorec` makes the model, `datasets.InteractionDataset` feeds it rows of a
sparse matrix, and the functions here rank items and judge the ranking.
"""

import numpy as np

from kerasgen.arguments import check_positive_integer
from kerasgen.datasets.interactions import check_interactions
from kerasgen.models.encoding_model import EncodingModel


def recommend(model, interactions, num_items=10, exclude_seen=True, batch_size=256):
    """The items that a model scores highest for each user.

    Args:
        model: `kerasgen.models.autorec`'s, trained, or any model of vectors with
            `reconstruct`.
        interactions: `scipy.sparse` matrix (num_users, num_items), what the users have
            met; dense for a batch of users at once.
        num_items: Items to recommend to each user.
        exclude_seen: Whether to leave out what a user has met.
        batch_size: Users scored at once.

    Returns:
        int64 array (num_users, num_items), best first.

    Raises:
        TypeError: The interactions are not sparse.
        ValueError: They do not fit the model, hold negative or NaN values, or a user
            has met all but fewer than `num_items`.

    Example:

    >>> from kerasgen.datasets import InteractionDataset, synthetic_interactions
    >>> from kerasgen.models import autorec
    >>> from kerasgen.recommendation import recommend
    >>> counts = synthetic_interactions(num_users=50, num_items=40, mean_items=5)
    >>> model = autorec(num_items=40, latent_dim=4, unobserved_weight=1.0)
    >>> model.compile("adam")
    >>> history = model.fit(InteractionDataset(counts.sign()), verbose=0)
    >>> recommend(model, counts, num_items=3).shape
    (50, 3)
    """
    num_columns = check_interactions(interactions).shape[1]
    is_model = isinstance(model, EncodingModel)
    if not is_model or model.data_shape != (num_columns,):
        raise ValueError(
            "Expected a model with `reconstruct`, such as `models.autorec` makes, of "
            f"vectors of {num_columns} items, as the interactions have. Received: "
            f"{type(model).__name__} of {getattr(model, 'data_shape', 'no samples')}"
        )
    return rank_items(
        lambda rows: model.reconstruct(rows.toarray()),
        interactions,
        num_items,
        exclude_seen,
        batch_size,
    )


def rank_items(score, interactions, num_items=10, exclude_seen=True, batch_size=256):
    """The items of the highest scores for each user; `recommend` for any scorer.

    Args:
        score: Function of some rows of the interactions, a float32
            `scipy.sparse.csr_array`, that returns scores, float (B, num_columns).
        interactions: As in `recommend`.
        num_items: As in `recommend`.
        exclude_seen: As in `recommend`.
        batch_size: As in `recommend`.

    Returns:
        int64 array (num_users, num_items), best first.

    Raises:
        TypeError: As in `recommend`.
        ValueError: As in `recommend`, or the scores are of another shape or not finite.

    Example:

    >>> import numpy as np
    >>> from scipy import sparse
    >>> from kerasgen.recommendation import rank_items
    >>> met = sparse.csr_array([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    >>> popularity = np.array([1.0, 3.0, 2.0])
    >>> rank_items(
    ...     lambda rows: np.tile(popularity, (rows.shape[0], 1)), met, num_items=2
    ... ).tolist()
    [[2, 0], [1, 0]]
    """
    matrix = check_interactions(interactions)
    check_positive_integer("num_items", num_items)
    check_positive_integer("batch_size", batch_size)
    fewest = matrix.shape[1]
    if exclude_seen:
        fewest -= int(np.diff(matrix.indptr).max())
    if num_items > fewest:
        raise ValueError(
            f"Expected num_items of at most {fewest}, what is left for every user. "
            f"Received: num_items={num_items}"
        )
    parts = []
    for start in range(0, matrix.shape[0], batch_size):
        rows = matrix[start : start + batch_size]
        scores = _check_scores(score(rows), rows.shape)
        if exclude_seen:
            scores[rows.nonzero()] = -np.inf
        best = np.argpartition(-scores, num_items - 1, axis=1)[:, :num_items]
        order = np.argsort(
            -np.take_along_axis(scores, best, axis=1), axis=1, kind="stable"
        )
        parts.append(np.take_along_axis(best, order, axis=1))
    return np.concatenate(parts).astype(np.int64)


def ndcg(recommended, held_out):
    """Normalised discounted cumulative gain of each user with held-out items.

    The sum of 1 / log2(1 + place) over the held-out items among the k recommended,
    over that of the best ranking; gains are 0 or 1.

    Args:
        recommended: int (num_users, k), as `recommend` returns it.
        held_out: `scipy.sparse` matrix (num_users, num_items), what should be there.

    Returns:
        float64 (num_users,) in [0, 1], NaN for users without held-out items; take
        `numpy.nanmean`.

    Raises:
        TypeError: `held_out` is not sparse.
        ValueError: The users are not the same, or an item is out of range or twice in a
            user's list.

    Example:

    >>> import numpy as np
    >>> from scipy import sparse
    >>> from kerasgen.recommendation import ndcg
    >>> held_out = sparse.csr_array([[1.0, 0.0, 0.0]])
    >>> round(float(ndcg(np.array([[2, 0]]), held_out)[0]), 4)  # in the second place
    0.6309

    Reference: Järvelin and Kekäläinen 2002, "Cumulated Gain-Based Evaluation of IR
    Techniques"; as in Liang et al. 2018, "Variational Autoencoders for Collaborative
    Filtering", section 4.2.
    """
    hits, counts = _hits(recommended, held_out)
    gains = 1.0 / np.log2(np.arange(2, hits.shape[1] + 2))
    best = np.concatenate([[np.nan], np.cumsum(gains)])
    return hits @ gains / best[np.minimum(counts, hits.shape[1])]


def recall(recommended, held_out):
    """Share of each user's held-out items among the k recommended.

    Divided by min(k, number held out), so that 1 can be reached.

    Args:
        recommended: As in `ndcg`.
        held_out: As in `ndcg`.

    Returns:
        float64 (num_users,) in [0, 1], NaN for users without held-out items.

    Raises:
        TypeError: `held_out` is not sparse.
        ValueError: As in `ndcg`.

    Example:

    >>> import numpy as np
    >>> from scipy import sparse
    >>> from kerasgen.recommendation import recall
    >>> held_out = sparse.csr_array([[1.0, 0.0, 1.0]])
    >>> float(recall(np.array([[1, 0]]), held_out)[0])
    0.5

    Reference: Liang et al. 2018, section 4.2.
    """
    hits, counts = _hits(recommended, held_out)
    possible = np.minimum(counts, hits.shape[1]).astype(np.float64)
    possible[possible == 0] = np.nan
    return hits.sum(axis=1) / possible


def _check_scores(scores, shape):
    scores = np.array(scores, np.float64)
    if scores.shape != shape or not np.isfinite(scores).all():
        what = "NaN or infinity" if scores.shape == shape else f"shape={scores.shape}"
        raise ValueError(f"Expected finite scores of shape {shape}. Received: {what}")
    return scores


def _hits(recommended, held_out):
    """Whether each recommendation was held out, and how many were, for each user."""
    held_out = check_interactions(held_out)
    recommended = np.asarray(recommended)
    is_ranking = (
        recommended.ndim == 2
        and recommended.size
        and np.issubdtype(recommended.dtype, np.integer)
    )
    if not is_ranking or len(recommended) != held_out.shape[0]:
        raise ValueError(
            f"Expected int recommendations ({held_out.shape[0]}, k), k >= 1, a row a "
            "user. "
            f"Received: shape={recommended.shape}, dtype={recommended.dtype}"
        )
    if recommended.min() < 0 or recommended.max() >= held_out.shape[1]:
        raise ValueError(
            f"Expected items in [0, {held_out.shape[1]}). Received: items in "
            f"[{recommended.min()}, {recommended.max()}]"
        )
    ordered = np.sort(recommended, axis=1)
    repeats = (ordered[:, 1:] == ordered[:, :-1]).any(axis=1)
    if repeats.any():
        raise ValueError(
            "Expected each item once in a user's list. "
            f"Received: {recommended[np.argmax(repeats)]} of user {np.argmax(repeats)}"
        )
    num_users, num_items = held_out.shape
    counts = np.diff(held_out.indptr)
    # One number for a user and an item.
    starts = np.arange(num_users, dtype=np.int64) * num_items
    there = np.repeat(starts, counts) + held_out.indices
    hits = np.isin(starts[:, None] + recommended.astype(np.int64), there)
    return hits.astype(np.float64), counts
