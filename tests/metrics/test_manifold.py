import numpy as np
import pytest

from kerasgen.metrics import (
    density_coverage,
    distances,
    memorization,
    precision_recall,
)

# Binary fractions: distances are exact, and ties are ties.
REAL = np.array([[0.0], [1.0], [2.0], [3.0]])


@pytest.fixture
def small_blocks(monkeypatch):
    monkeypatch.setattr(distances, "_ROWS", 7)


def all_distances(x, y):
    return ((x[:, None] - y[None]) ** 2).sum(-1)


def test_blocks_change_nothing(small_blocks):
    r = np.random.RandomState(0)
    x, y = r.randn(40, 3), r.randn(33, 3) + 0.3
    to_self = np.sort(all_distances(x, x) + np.diag(np.full(40, np.inf)), axis=1)
    np.testing.assert_allclose(distances.squared_radii(x, 4), to_self[:, 3], rtol=1e-9)
    index, squared = distances.nearest_neighbors(y, x)
    np.testing.assert_array_equal(index, all_distances(y, x).argmin(1))
    np.testing.assert_allclose(squared, all_distances(y, x).min(1), rtol=1e-9)
    small = precision_recall(x, y), density_coverage(x, y)
    distances._ROWS = 1000
    assert (precision_recall(x, y), density_coverage(x, y)) == small


def test_a_sample_on_the_edge_of_a_ball_counts_for_recall_not_for_density():
    edge = np.array([[-1.0], [8.0]])
    assert precision_recall(REAL, edge, k=1)[0] == 0.5
    assert density_coverage(REAL, edge, k=1) == (0.0, 0.0)


def test_a_sample_is_not_its_own_neighbor_but_an_equal_one_is():
    x = np.array([[0.0], [0.0], [5.0]])
    assert distances.squared_radii(x, 1).tolist() == [0.0, 0.0, 25.0]


def brute_force(x, y, k):
    """Precision, recall, density and coverage from differences in float64."""
    x, y = x.astype("float64"), y.astype("float64")
    own = [all_distances(a, a) + np.diag(np.full(len(a), np.inf)) for a in (x, y)]
    real, generated = (np.sort(squared, axis=1)[:, k - 1] for squared in own)
    cross = all_distances(x, y)
    inside = cross < real[:, None]
    return (
        (cross <= real[:, None]).any(0).mean(),
        (cross <= generated[None]).any(1).mean(),
        inside.sum() / (k * len(y)),
        inside.any(1).mean(),
    )


def tied_features(kind):
    r = np.random.RandomState(0)
    if kind == "grid":
        return r.randint(0, 3, (150, 3)) + 50.0, r.randint(0, 3, (120, 3)) + 50.0
    if kind == "sparse":
        return (np.maximum(r.randn(n, 64) - 2, 0) for n in (150, 120))
    if kind == "repeated":
        return (np.repeat(r.randn(10, 5), 15, axis=0) for _ in range(2))
    x = r.randn(150, 8)
    return (x, x[:120]) if kind == "equal" else (x * 1e19, x[:120] * 1e19)


@pytest.mark.parametrize("dtypes", ["ff", "dd", "fd"])
@pytest.mark.parametrize("kind", ["grid", "sparse", "repeated", "equal", "huge"])
def test_ties_are_decided_as_by_differences(kind, dtypes, monkeypatch):
    monkeypatch.setattr(distances, "_ROWS", 50)
    # Values that float32 holds, whatever the dtype that they come in.
    x, y = (np.asarray(a).astype("float32") for a in tied_features(kind))
    x, y = x.astype(dtypes[0]), y.astype(dtypes[1])
    for k in (1, 5):
        found = *precision_recall(x, y, k), *density_coverage(x, y, k)
        assert found == pytest.approx(brute_force(x, y, k), rel=1e-12)


def test_bounds_on_the_edge_are_decided_exactly():
    """Distances that are nearly equal in float32 and differ in float64."""
    x = np.zeros((1, 1), "float32")
    y = np.array([[1.0], [1.0 + 2.0**-23], [1.0 - 2.0**-24]], "float32")
    blocks = distances.DistanceBlocks(x, y)
    (block,) = blocks
    cases = (False, [True, False, True]), (True, [False, False, True])
    for strict, expected in cases:
        inside = blocks.within(*block, np.ones((1, 1)), strict)
        assert inside.tolist() == [expected]


def test_many_equal_float32_samples():
    x = np.repeat(np.eye(3, dtype="float32"), 20, axis=0)
    assert distances.squared_radii(x, 19).tolist() == [0.0] * 60
    assert distances.squared_radii(x, 20).tolist() == [2.0] * 60


@pytest.mark.parametrize("scale", [1e-170, 1e160])
def test_squares_beyond_float64_are_refused(scale):
    r = np.random.RandomState(1)
    x, y = r.randn(50, 4) * scale, r.randn(50, 4) * scale
    for function in (precision_recall, density_coverage):
        with pytest.raises(ValueError, match="float64 can hold. Received"):
            function(x, y)


def test_an_outlier_makes_blocks_of_float64():
    r = np.random.RandomState(1)
    x, y = (r.randn(60, 8).astype("float32") for _ in range(2))
    assert distances.DistanceBlocks(x, y)._left.dtype == np.float32
    x[7] *= 100.0
    assert distances.DistanceBlocks(x, y)._left.dtype == np.float64
    found = *precision_recall(x, y, 3), *density_coverage(x, y, 3)
    assert found == pytest.approx(brute_force(x, y, 3), rel=1e-12)


def test_large_offsets_do_not_cancel():
    r = np.random.RandomState(1)
    x, y = r.randn(50, 4), r.randn(50, 4)
    assert precision_recall(x + 1e6, y + 1e6) == precision_recall(x, y)


def test_a_generator_that_has_collapsed_is_scored():
    x = np.arange(10.0)[:, None]
    inside, outside = np.full((10, 1), 4.25), np.full((10, 1), 50.0)
    assert precision_recall(x, inside, 1) == (1.0, 0.0)
    assert precision_recall(x, outside, 1) == (0.0, 0.0)
    assert density_coverage(x, inside, 1) == (2.0, 0.2)
    assert density_coverage(x, outside, 1) == (0.0, 0.0)


@pytest.mark.parametrize("function", [precision_recall, density_coverage])
@pytest.mark.parametrize(
    ("real", "generated", "k", "message"),
    [
        (REAL, REAL[:2], 3, "generated must hold more than k=3 samples"),
        (REAL[:1], REAL, 3, "real must have shape"),
        (REAL, np.zeros((4, 2)), 1, "same number of features"),
        (np.ones((5, 2)), np.zeros((5, 2)), 1, "features that differ"),
        (REAL * np.nan, REAL, 1, "must be finite"),
        (REAL, REAL, 0, "`k` is an integer >= 1"),
        (REAL, REAL, 1.5, "`k` is an integer >= 1"),
    ],
)
def test_bad_input(function, real, generated, k, message):
    with pytest.raises(ValueError, match=message + "[^|]*Received"):
        function(real, generated, k)


class TestMemorization:
    def data(self, seed, num):
        return np.random.RandomState(seed).randn(num, 4)

    def test_fresh_samples_are_as_near_to_both(self):
        found = memorization(self.data(0, 2000), self.data(1, 5000), self.data(2, 500))
        assert abs(found.share - found.expected) < 0.05

    def test_copies_are_found_and_pointed_at(self):
        train = self.data(1, 300)
        found = memorization(train[[5, 9]] + 1e-6, train, self.data(2, 300))
        assert found.share == 1.0
        assert found.nearest_train.tolist() == [5, 9]
        assert found.distances.max() < 1e-5

    def test_a_tie_counts_half(self):
        x = self.data(0, 20)
        found = memorization(x, x, x)
        assert (found.share, found.excess) == (0.5, 0.0)

    @pytest.mark.parametrize("num_train", [100, 300, 3000])
    def test_copies_and_fresh_samples_whatever_the_sizes(self, num_train):
        train, test = self.data(1, num_train), self.data(2, 300)
        copies = memorization(train[:80], train, test)
        assert (copies.share, copies.excess) == (1.0, 1.0)
        fresh = memorization(self.data(3, 4000), train, test)
        assert fresh.expected == num_train / (num_train + 300)
        # The two sets are themselves draws, hence more than the samples' own spread.
        assert abs(fresh.excess) < 0.2

    def test_bad_input(self):
        with pytest.raises(ValueError, match="train and test.*Received"):
            memorization(self.data(0, 5), self.data(1, 5), np.zeros((5, 3)))
