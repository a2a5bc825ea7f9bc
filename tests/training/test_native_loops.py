"""What benchmarks of pixel models time beside ours computes the same."""

import numpy as np
import pytest

from training.benchmarks import pixel_sampling, pixel_training


@pytest.mark.eager
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


@pytest.mark.eager
def test_a_benchmark_of_different_things_ends_with_an_error():
    pixel_training.check_losses({"fit": 4000.0, "by hand": 4001.0})
    with pytest.raises(AssertionError, match="of by hand"):
        pixel_training.check_losses({"fit": 4000.0, "by hand": 4010.0})
    drawn = {key: np.zeros((2, 3, 3, 1), int) for key in ("cached", "naive")}
    drawn["naive"][1, 2, 0] = 1
    pixel_sampling.check_equal(drawn, 6)
    with pytest.raises(AssertionError, match="cached and naive sampling differ"):
        pixel_sampling.check_equal(drawn, 7)


@pytest.mark.eager
def test_a_ratio_below_the_target_is_not_rounded_up_to_it():
    row = {"images_per_second": {}, "first_mean_losses": {}, "ratio": 0.946}
    assert "| 0.946 |" in pixel_training.render({"jax": row})
