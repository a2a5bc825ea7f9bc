"""What benchmarks of pixel models time beside ours computes the same."""

import types

import numpy as np
import pytest

from training.benchmarks import (
    native_pixel_cnn,
    pixel_sampling,
    pixel_training,
    step_time,
)


@pytest.fixture(autouse=True)
def few_steps(monkeypatch):
    """Rounding has less time to grow here, and so have faults."""
    tolerances = pixel_training.LOSS_TOLERANCES / 5
    monkeypatch.setattr(pixel_training, "LOSS_TOLERANCES", tolerances)


@pytest.fixture(scope="module")
def sides():
    """Losses of `fit` in a few epochs, and new loops by hand with their data."""
    model = pixel_training.make_model(1, 8, (10, 10, 1))
    data = pixel_training.make_data(96, (10, 10, 1))
    loops = pixel_training.loops_by_hand(model)
    fit = {"batch_size": 8, "shuffle": False, "verbose": 0}
    losses = [model.fit(*data, **fit).history["loss"][0] for _ in range(3)]
    return losses, loops, data


def losses_of(epoch, images, labels):
    return [epoch(images, labels, 8).mean() for _ in range(3)]


def test_loops_by_hand_train_as_fit_does(sides):
    own, loops, data = sides
    assert own == sorted(own, reverse=True)
    by_hand = {name: losses_of(epoch, *data) for name, epoch in loops.items()}
    pixel_training.check_losses({"fit": own, **by_hand})


FAULTS = {
    "no image": lambda p, sizes, x, labels, f: (p, sizes, 0 * x, labels, f),
    "no labels": lambda p, sizes, x, labels, f: (p, sizes, x, 0 * labels, f),
    "no gate": lambda p, sizes, x, labels, f: (
        *(p, sizes, x, labels),
        types.SimpleNamespace(**{**vars(f), "sigmoid": lambda a: 0 * a + 1}),
    ),
}


@pytest.mark.eager
@pytest.mark.parametrize("fault", FAULTS)
def test_a_loop_of_another_network_ends_with_an_error(sides, fault, monkeypatch):
    """Data that teach nothing, such as noise, could not tell."""
    own, _, data = sides
    logits = native_pixel_cnn.logits
    monkeypatch.setattr(
        native_pixel_cnn, "logits", lambda *given: logits(*FAULTS[fault](*given))
    )
    model = pixel_training.make_model(1, 8, (10, 10, 1))
    epoch, *_ = pixel_training.loops_by_hand(model).values()
    losses = {"fit": own, "by hand": losses_of(epoch, *data)}
    with pytest.raises(AssertionError, match="of by hand"):
        pixel_training.check_losses(losses)


@pytest.mark.eager
def test_samplers_that_differ_end_with_an_error():
    drawn = {key: np.zeros((2, 3, 3, 1), int) for key in ("cached", "naive")}
    drawn["naive"][1, 2, 0] = 1
    pixel_sampling.check_equal(drawn, 6)
    with pytest.raises(AssertionError, match="cached and naive sampling differ"):
        pixel_sampling.check_equal(drawn, 7)


@pytest.mark.eager
def test_a_ratio_below_the_target_is_not_rounded_up_to_it():
    row = {"images_per_second": {}, "mean_losses": {}, "ratio": 0.946}
    assert "| 0.946 |" in pixel_training.render({"jax": row})


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("VAE", marks=pytest.mark.eager),
        # XLA takes long to compile them.
        pytest.param("DCGAN", marks=pytest.mark.slow),
        pytest.param("WGAN-GP", marks=pytest.mark.slow),
    ],
)
def test_steps_by_hand_are_those_of_fit(name):
    model = step_time.make_model(name)
    loops = step_time.loops_by_hand(name, model)
    before = model.get_weights()
    losses = step_time.check_losses(name, model, loops)
    assert set(losses) == set(model.training_terms)
    # Without given noise they draw their own, and go on.
    images = step_time.make_images(2 * 64 * step_time.NATIVE[name].BATCHES_PER_STEP)
    for loop in loops.values():
        assert np.isfinite([*loop(images, 64).values()]).all()
    model.set_weights(before)
    with pytest.raises(AssertionError, match="by hand"):
        step_time.check_losses(name, model, loops)


@pytest.mark.once
def test_the_page_of_step_times_has_a_ratio_for_each_row():
    seconds = {
        "fit": [2.0, 1.0, 1.0],
        "by hand": [1.9, 0.9, 0.8],
        "XLA": [2.5, 2.0, 2.0],
    }
    row = step_time.row_of(seconds, 100, fit_call_ms=3.0)
    assert row["ratio"] == 0.9 and row["ratios"] == [0.8, 0.95]
    assert row["ms_per_step"] == {"fit": 10.0, "by hand": 9.0, "XLA": 20.0}
    bfloat16 = step_time.row_of(seconds, 100)
    page = step_time.render({"torch": {"VAE": row, "DCGAN, mixed_bfloat16": bfloat16}})
    assert "| 0.900 (0.80 to 0.95) | 0.9 | 3.0 |" in page
    assert "| 0.900 (0.80 to 0.95) | 1.5 |  |" in page
