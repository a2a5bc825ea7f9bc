"""Classes in turn, and clusters of samples."""

import numpy as np
import pytest

from kerasgen import datasets
from kerasgen.datasets import StratifiedDataset

LABELS = np.array([0] * 12 + [1] * 3 + [2] * 6)


def make(**arguments):
    x = np.arange(len(LABELS), dtype="float32")[:, None]
    return StratifiedDataset(x, LABELS, 3, batch_size=9, **arguments)


def test_classes_take_turns_in_every_epoch():
    data = make(seed=1)
    for epoch in range(3):
        order = data.order(epoch)
        assert len(order) == len(LABELS)
        np.testing.assert_array_equal(LABELS[order], np.arange(len(order)) % 3)


def test_small_classes_come_again_in_another_order_and_large_ones_in_part():
    order = make(seed=1).order(0)
    small, large = order[LABELS[order] == 1], order[LABELS[order] == 0]
    assert len(small) == 7 and len(large) == len({*large}) == 7
    laps = small[:3], small[3:6]
    assert {*laps[0]} == {*laps[1]} == {12, 13, 14}
    orders = {tuple(make(seed=s).order(0)[1::3]) for s in range(8)}
    assert len(orders) > 4


def test_order_is_a_function_of_seed_and_epoch():
    first = make(seed=1)
    first.order(0), first.order(5)
    np.testing.assert_array_equal(first.order(2), make(seed=1).order(2))
    assert (make(seed=1).order(2) != make(seed=2).order(2)).any()
    assert (make(seed=1).order(2) != make(seed=1).order(3)).any()


def test_without_shuffling_the_order_is_that_of_the_data():
    np.testing.assert_array_equal(
        make(shuffle=False).order(0)[:6], [0, 12, 15, 1, 13, 16]
    )


def test_classes_take_turns_in_a_part_of_the_data():
    part = make(seed=1).take(16)
    np.testing.assert_array_equal(LABELS[part.order(0)], np.arange(16) % 3)
    assert part.order(0).max() < 16 == part.num_samples


def test_a_class_without_samples_is_refused():
    with pytest.raises(ValueError, match="each of 3 classes.*0"):
        make().take(12)
    with pytest.raises(ValueError, match="each of 4 classes.*0"):
        StratifiedDataset(np.zeros((21, 1), "float32"), LABELS, 4)


def test_clusters_of_a_ring_are_its_modes():
    data = datasets.load("gaussian_ring", "train[:2000]")
    found = datasets.cluster(data.images, 8, seed=3)
    centers = datasets.ring_centers()
    for mode in range(8):
        nearest = np.linalg.norm(
            data.images[found == mode][:, None] - centers, axis=2
        ).argmin(axis=1)
        assert len({*nearest}) == 1
    sizes = np.bincount(found)
    assert (np.diff(sizes) <= 0).all()


def test_bad_clusters_are_refused():
    x = np.zeros((3, 2))
    with pytest.raises(ValueError, match="at least 4 samples"):
        datasets.cluster(x, 4)
    with pytest.raises(ValueError, match="finite"):
        datasets.cluster(x + np.nan, 2)
