"""Users and items: sparse matrices of interactions, densified batch by batch."""

import numpy as np
from scipy import sparse

from kerasgen import seeds
from kerasgen.arguments import (
    check_open_unit,
    check_positive,
    check_positive_integer,
)
from kerasgen.datasets.array_dataset import ArrayDataset
from kerasgen.datasets.rows import Rows


class InteractionDataset(ArrayDataset):
    """Rows of a sparse matrix as dense vectors, no more than a batch at once.

    The order of an epoch is a function of `(seed, epoch)`, as in `ArrayDataset`.

    Args:
        matrix: `scipy.sparse` matrix or array (num_users, num_items) of finite
            numbers >= 0: ratings or counts; what is not stored was not observed.
        batch_size: Users a batch.
        shuffle: As in `ArrayDataset`.
        seed: As in `ArrayDataset`.

    Raises:
        TypeError: `matrix` is not sparse.
        ValueError: A value is negative or not finite, or there are no users or items.

    Example:

    >>> from scipy import sparse
    >>> matrix = sparse.csr_array([[5.0, 0.0, 3.0], [0.0, 1.0, 0.0]])
    >>> InteractionDataset(matrix, batch_size=2, shuffle=False)[0][0].tolist()
    [[5.0, 0.0, 3.0], [0.0, 1.0, 0.0]]
    """

    def __init__(self, matrix, batch_size=64, shuffle=True, seed=0):
        super().__init__(matrix, batch_size=batch_size, shuffle=shuffle, seed=seed)

    @property
    def matrix(self):
        """The interactions: `scipy.sparse.csr_array`, float32."""
        return self.images.matrix

    def check_samples(self, samples):
        return DenseRows(check_interactions(samples))

    def check_whole(self):
        num_users, num_items = self.matrix.shape
        raise ValueError(
            "Interactions are dense a batch at a time: expected a model that takes "
            "batches, or an array, such as `dataset.matrix.toarray()` where it fits "
            f"into memory. Received: an InteractionDataset of {num_users} users and "
            f"{num_items} items, for a model that takes all at once"
        )


class DenseRows(Rows):
    """A sparse matrix that gives dense rows.

    Args:
        matrix: `scipy.sparse.csr_array`.
    """

    def __init__(self, matrix):
        super().__init__(matrix.shape, matrix.dtype)
        self.matrix = matrix

    def part(self, numbers):
        return DenseRows(self.matrix[np.asarray(numbers)])

    def read(self, rows):
        return self.matrix[rows].toarray()


def check_interactions(matrix):
    """Interactions as a float32 `scipy.sparse.csr_array`.

    Args:
        matrix: See `InteractionDataset`.

    Raises:
        TypeError: `matrix` is not sparse, or not of real numbers.
        ValueError: A value is negative or not finite, or there are no users or items.
    """
    if not sparse.issparse(matrix):
        raise TypeError(
            "Expected a scipy.sparse matrix of interactions, such as "
            f"scipy.sparse.csr_array(ratings). Received: {type(matrix).__name__}"
        )
    if matrix.dtype.kind not in "biuf":
        raise TypeError(
            f"Expected interactions of real numbers. Received: dtype={matrix.dtype}"
        )
    if matrix.ndim != 2 or 0 in matrix.shape:
        raise ValueError(
            "Expected interactions of shape (num_users, num_items). "
            f"Received: shape={matrix.shape}"
        )
    with np.errstate(over="ignore"):  # What float32 cannot hold is not finite below.
        matrix = sparse.csr_array(matrix).astype(np.float32)
    matrix.sum_duplicates()
    bad = ~np.isfinite(matrix.data) | (matrix.data < 0)
    if bad.any():
        position = int(np.argmax(bad))
        user = int(np.searchsorted(matrix.indptr, position, side="right")) - 1
        raise ValueError(
            "Expected interactions that are finite numbers >= 0. Received: "
            f"{matrix.data[position]} of user {user}, item {matrix.indices[position]}"
        )
    matrix.eliminate_zeros()
    return matrix


def hold_out(matrix, share=0.2, seed=0):
    """Splits the interactions of every user in two.

    Args:
        matrix: See `InteractionDataset`.
        share: Share in (0, 1) of each user's items to hold out, rounded down; users of
            one item keep it.
        seed: Integer in [0, 2**32).

    Returns:
        `(kept, held_out)`, float32 `scipy.sparse.csr_array` of the same shape.

    Raises:
        TypeError: `matrix` is not sparse.
        ValueError: An argument is out of its range.

    Example:

    >>> from scipy import sparse
    >>> matrix = sparse.csr_array([[1.0] * 5, [0.0] * 5])
    >>> [part.nnz for part in hold_out(matrix)]
    [4, 1]
    """
    matrix = check_interactions(matrix)
    check_open_unit("share", share)
    seed = seeds.check_seed(seed)
    counts = np.diff(matrix.indptr)
    users = np.repeat(np.arange(matrix.shape[0]), counts)
    draws = np.random.default_rng(seed).uniform(size=matrix.nnz)
    # Ranks of the draws within each user.
    order = np.lexsort((draws, users))
    ranks = np.empty(matrix.nnz, np.int64)
    ranks[order] = np.arange(matrix.nnz) - np.repeat(matrix.indptr[:-1], counts)
    is_held_out = ranks < np.floor(share * counts)[users]
    parts = []
    for chosen in (~is_held_out, is_held_out):
        entries = (matrix.data[chosen], (users[chosen], matrix.indices[chosen]))
        parts.append(sparse.csr_array(entries, shape=matrix.shape))
    return tuple(parts)


def synthetic_interactions(
    num_users=2000, num_items=500, rank=8, mean_items=30, seed=0
):
    """Synthetic counts: Poisson, of low rank, some items more popular than others.

    User u meets item i `Poisson(r_ui)` times, with r = (tastes x kinds) * popularity:
    gamma tastes and kinds of shape 0.3, most of which are near nothing, popularity
    falling as 1 / sqrt(rank of the item), all scaled to a mean of `mean_items` a user.
    It stands in where no real interactions are at hand, and says nothing of them.

    Args:
        num_users: Rows.
        num_items: Columns.
        rank: Rank of the rates.
        mean_items: Mean count a user, > 0.
        seed: Integer in [0, 2**32).

    Returns:
        float32 `scipy.sparse.csr_array` (num_users, num_items).

    Raises:
        ValueError: An argument is out of its range.

    Reference: Gopalan et al. 2015, "Scalable Recommendation with Hierarchical Poisson
    Factorization", section 2 (the generative model).
    """
    for name, value in (
        ("num_users", num_users),
        ("num_items", num_items),
        ("rank", rank),
    ):
        check_positive_integer(name, value)
    check_positive("mean_items", mean_items)
    rng = np.random.default_rng(seeds.check_seed(seed))
    popularity = rng.permutation(1.0 / np.sqrt(np.arange(1, num_items + 1)))
    kinds = rng.gamma(0.3, size=(rank, num_items)) * popularity
    rows = []
    for _ in range(num_users):
        rates = rng.gamma(0.3, size=rank) @ kinds
        counts = rng.poisson(mean_items * rates / max(rates.sum(), 1e-12))
        rows.append(sparse.csr_array(counts[None].astype(np.float32)))
    return sparse.csr_array(sparse.vstack(rows))
