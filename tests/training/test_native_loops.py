"""Loops by hand, beside which benchmarks time `fit`, compute what it computes."""

import pytest

from training.benchmarks import pixel_training


def test_the_loop_by_hand_trains_as_fit_does():
    model = pixel_training.make_model(1, 4, (6, 6, 1))
    data = pixel_training.make_data(12, (6, 6, 1))
    loops = pixel_training.loops_by_hand(model)
    fit = {"batch_size": 4, "shuffle": False, "verbose": 0}
    own = [model.fit(*data, **fit).history["loss"][0] for _ in range(2)]
    assert own[0] > own[1]
    for epoch in loops.values():
        by_hand = [epoch(*data, 4).mean() for _ in range(2)]
        assert by_hand == pytest.approx(own, rel=1e-5)
