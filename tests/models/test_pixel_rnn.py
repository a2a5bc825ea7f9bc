"""`PixelRNN`: exact probabilities, equal samples, training, saving, refusals."""

import functools
import itertools
import json

import keras
import numpy as np
import pytest
from keras import ops

from kerasgen.models import PixelRNN
from kerasgen.models.pixel_sampling import sample_naively, sample_pixels

CELLS = ("row_lstm", "diagonal_bilstm")


def make_model(cell, image_shape=(3, 3, 1), num_levels=2, **arguments):
    """A small model whose weights are large enough for every connection to count."""
    arguments = {"num_layers": 1, "filters": 3, "first_kernel_size": 3, **arguments}
    model = PixelRNN(image_shape, num_levels, cell, seed=0, **arguments)
    rng = np.random.default_rng(0)
    for variable in model.network.trainable_variables:
        variable.assign(0.4 * rng.standard_normal(variable.shape))
    return model


def images(num_samples):
    """Four grey levels that grow to the right by one, from any of them."""
    start = np.random.default_rng(0).integers(0, 4, (num_samples, 1, 1, 1))
    levels = (start + np.arange(4)[:, None] + np.arange(3)) % 4
    return np.broadcast_to(levels * 85, (num_samples, 3, 4, 3)).astype("uint8")


@functools.cache
def trained(cell):
    """A model after training, what it logged, and its weights before."""
    keras.utils.set_random_seed(0)
    model = PixelRNN(
        (3, 4, 3),
        num_levels=4,
        cell=cell,
        num_layers=1,
        filters=6,
        kernel_size=5 if cell == "row_lstm" else None,
        first_kernel_size=3,
        ema_decay=0.9,
        seed=3,
        name="mine",
    )
    model.compile(keras.optimizers.Adam(0.02))
    before = [ops.convert_to_numpy(v) + 0 for v in model.network.trainable_variables]
    history = model.fit(images(32), batch_size=16, epochs=12, verbose=0).history
    return model, history, before


@pytest.mark.parametrize("image_shape", [(3, 3, 1), (1, 3, 3)])
@pytest.mark.parametrize("cell", CELLS)
def test_probabilities_of_all_images_sum_to_one(cell, image_shape):
    model = make_model(cell, image_shape)
    every = np.array(list(itertools.product((0, 255), repeat=9)), "uint8")
    log_p = model.log_likelihood(every.reshape(-1, *image_shape))
    assert log_p.std() > 0.3
    assert abs(np.exp(log_p).sum() - 1) < 1e-5


@pytest.mark.parametrize("image_shape", [(4, 5, 1), (3, 3, 3)])
@pytest.mark.parametrize("cell", CELLS)
def test_samples_are_those_of_whole_passes(cell, image_shape):
    model = make_model(cell, image_shape, num_levels=5)
    samples = []
    for seed in (0, 1):
        uniform = np.random.default_rng(seed).uniform(size=(6, *image_shape))
        both = [
            model.compiled_function(function.__name__, draw_with(model, function))(
                ops.convert_to_tensor(uniform.astype("float32"))
            )
            for function in (sample_pixels, sample_naively)
        ]
        both = [ops.convert_to_numpy(levels) for levels in both]
        np.testing.assert_array_equal(*both)
        samples.append(both[0])
    assert (samples[0] != samples[1]).mean() > 0.1
    assert len(np.unique(samples)) == 5


def draw_with(model, function):
    return lambda uniform: function(model.network, model.distribution, uniform, 1.0)


@pytest.mark.parametrize("cell", CELLS)
def test_training_lowers_the_loss_and_moves_every_weight(cell):
    model, history, before = trained(cell)
    assert history["bits_per_dim"][-1] < 0.7 * history["bits_per_dim"][0]
    for variable, old in zip(model.network.trainable_variables, before, strict=True):
        assert np.abs(ops.convert_to_numpy(variable) - old).max() > 0, variable.path


@pytest.mark.eager
@pytest.mark.parametrize("cell", CELLS)
def test_saved_and_loaded_model_is_equal(cell, tmp_path):
    model, _, _ = trained(cell)
    config = model.get_config()
    assert json.loads(json.dumps(config)) == config
    assert config["cell"] == cell and config["num_layers"] == 1
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert type(loaded) is PixelRNN and loaded.get_config() == config
    for ours, theirs in zip(model.variables, loaded.variables, strict=True):
        np.testing.assert_array_equal(*map(ops.convert_to_numpy, (ours, theirs)))
    drawn = model.generate(4, seed=1)
    assert drawn.shape == (4, 3, 4, 3) and drawn.dtype == "uint8"
    assert (drawn % 85 == 0).all()
    np.testing.assert_array_equal(drawn, loaded.generate(4, seed=1))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"cell": "lstm"}, "`cell` is one of .*Received: cell='lstm'"),
        ({"num_layers": 0}, "Received: num_layers=0"),
        ({"filters": 0}, "Received: filters=0"),
        ({"filters": 4}, "multiple of 3 .*Received: filters=4"),
        ({"kernel_size": 2}, "`kernel_size` is odd. Received: kernel_size=2"),
        ({"kernel_size": -3}, "Received: kernel_size=-3"),
        ({"first_kernel_size": 4}, "is odd. Received: first_kernel_size=4"),
        (
            {"cell": "diagonal_bilstm", "kernel_size": 3},
            "Received: cell='diagonal_bilstm', kernel_size=3",
        ),
        ({"num_levels": 1}, "Received: num_levels=1"),
        ({"image_shape": (4, 4)}, r"Received: image_shape=\(4, 4\)"),
        ({"ema_decay": 1.0}, "Received: ema_decay=1.0"),
    ],
)
def test_arguments_out_of_range(arguments, message):
    arguments = {"image_shape": (4, 4, 3), "filters": 3, "num_layers": 1, **arguments}
    with pytest.raises(ValueError, match=message + "$"):
        PixelRNN(**arguments)
