"""PixelCNN and Gated PixelCNN: exact likelihood, samples, completions."""

import itertools

import keras
import numpy as np
import pytest
from keras import ops

import kerasgen
from kerasgen.pixel_distributions import Categorical
from tests import contracts
from tests.models.small_pixel_models import MAKERS, NUM_LEVELS, SHAPE, images, randomize


@pytest.fixture(params=MAKERS)
def make(request):
    return MAKERS[request.param]


@pytest.mark.parametrize("channels", [1, 3])
def test_probabilities_of_all_images_sum_to_one(make, channels):
    shape = (3, 3, 1) if channels == 1 else (1, 3, 3)
    model = randomize(make(image_shape=shape, num_levels=2))
    every = np.array([*itertools.product([0, 255], repeat=9)], "uint8")
    log_p = model.log_likelihood(every.reshape(-1, *shape))
    assert np.exp(log_p).sum() == pytest.approx(1.0, abs=1e-5)
    assert log_p.std() > 0.5


def test_a_uniform_model_takes_eight_bits(make):
    model = make(num_levels=256)
    kernel = model.network.head[-1].kernel
    kernel.assign(np.zeros(kernel.shape))
    x = np.random.default_rng(0).integers(0, 256, (5, *SHAPE)).astype("uint8")
    np.testing.assert_allclose(model.bits_per_dim(x), 8.0, atol=1e-6)


@pytest.mark.eager
def test_training_lowers_the_bits_and_evaluate_agrees(make):
    keras.utils.set_random_seed(0)
    model = make()
    model.compile(keras.optimizers.Adam(0.02))
    x = images()
    history = model.fit(x, batch_size=8, epochs=12, verbose=0).history
    assert history["bits_per_dim"][-1] < 0.7 * history["bits_per_dim"][0]
    found = model.evaluate(x, batch_size=8, verbose=0, return_dict=True)
    assert found["bits_per_dim"] == pytest.approx(
        model.bits_per_dim(x).mean(), rel=1e-4
    )
    nats = found["bits_per_dim"] * 16 * np.log(2)
    assert found["loss"] == pytest.approx(nats, rel=1e-4)


@pytest.mark.eager
def test_labels_condition_the_gated_model():
    keras.utils.set_random_seed(0)
    model = MAKERS["gated"](num_classes=NUM_LEVELS, ema_decay=0.9)
    model.compile(keras.optimizers.Adam(0.02))
    x, labels = images(32), np.arange(32) % NUM_LEVELS
    model.fit(x, labels, batch_size=8, epochs=25, verbose=0)
    right, wrong = (model.log_likelihood(x, y) for y in (labels, (labels + 1) % 4))
    assert (right > wrong).mean() > 0.9
    samples = model.generate(16, seed=0, labels=np.arange(16) % 4)
    levels = np.round(samples.mean(axis=(1, 2, 3)) / 85)
    assert (levels == np.arange(16) % 4).mean() > 0.7
    with pytest.raises(ValueError, match="expected labels"):
        model.log_likelihood(x)


def test_samples_lie_on_the_levels_and_follow_the_seed(make):
    model = randomize(make())
    samples = model.generate(9, seed=3)
    assert samples.dtype == np.uint8 and {*np.unique(samples)} <= {0, 85, 170, 255}
    np.testing.assert_array_equal(samples, model.generate(9, seed=3, batch_size=4))
    assert (samples != model.generate(9, seed=4)).any()


@pytest.mark.eager
def test_low_temperature_gives_likelier_samples(make):
    model = randomize(make())
    cold, warm = (
        model.log_likelihood(model.generate(40, seed=0, temperature=t)).mean()
        for t in (0.3, 1.0)
    )
    assert cold > warm + 1.0


def test_samples_have_the_model_s_distribution():
    """Frequencies of all 16 binary 2x2 images against their probabilities."""
    model = randomize(MAKERS["gated"](image_shape=(2, 2, 1), num_levels=2), seed=2)
    every = np.array([*itertools.product([0, 255], repeat=4)], "uint8")
    p = np.exp(model.log_likelihood(every.reshape(-1, 2, 2, 1)))
    samples = model.generate(4000, seed=0, batch_size=4000).reshape(-1, 4) > 0
    counts = np.bincount(samples @ [8, 4, 2, 1], minlength=16)
    error = (counts - 4000 * p) / np.sqrt(4000 * p * (1 - p) + 1)
    assert np.abs(error).max() < 4


@pytest.mark.eager
def test_completions_keep_what_is_given_and_differ_elsewhere(make):
    model = randomize(make())
    x = images(3)
    mask = np.zeros(SHAPE[:2], bool)
    mask[:2] = True
    found = model.complete(x, mask, seed=0, num_draws=5)
    assert found.shape == (3, 5, *SHAPE) and found.dtype == np.uint8
    np.testing.assert_array_equal(found[:, :, :2], np.repeat(x[:, None, :2], 5, 1))
    assert found[:, :, 2:].std(axis=1).max() > 0
    one = model.complete(x, np.broadcast_to(mask, (3, 4, 4)), seed=0)
    assert one.shape == (3, *SHAPE)
    hidden = x.copy()
    hidden[:, 2:] = 7  # on no level, and hidden
    np.testing.assert_array_equal(model.complete(hidden, mask, seed=0), one)
    np.testing.assert_array_equal(
        model.complete(x, np.ones((3, *SHAPE), bool), seed=1), x
    )


@pytest.mark.eager
def test_nothing_given_is_sampling():
    """All hidden: the draws of `complete` have the model's distribution too."""
    model = randomize(MAKERS["gated"]())
    x = np.zeros((300, *SHAPE), "uint8")
    completed = model.complete(x, np.zeros(SHAPE, bool), seed=0)
    sampled = model.generate(300, seed=0)
    means = [model.log_likelihood(s).mean() for s in (completed, sampled)]
    assert abs(means[0] - means[1]) < 1.0


@pytest.mark.eager
def test_saved_and_loaded(make, tmp_path):
    model = make(ema_decay=0.8)
    model.compile(keras.optimizers.Adam(0.02))
    model.fit(images(), batch_size=8, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.get_config() == model.get_config()
    np.testing.assert_array_equal(loaded.generate(4, seed=0), model.generate(4, seed=0))
    histories = [
        m.fit(images(), batch_size=8, verbose=0).history for m in (model, loaded)
    ]
    assert histories[0] == histories[1]
    contracts.assert_equal_states(contracts.state_of(model), contracts.state_of(loaded))
    model.save_to_preset(tmp_path / "preset")
    preset = kerasgen.from_preset(tmp_path / "preset")
    np.testing.assert_array_equal(preset.generate(4, seed=0), model.generate(4, seed=0))


def test_a_low_temperature_is_the_likeliest_level():
    logits = np.random.default_rng(0).standard_normal((50, 7)).astype("float32") * 5
    uniform = np.linspace(0, 0.999, 50, dtype="float32")
    drawn = Categorical(7).draw(*map(ops.convert_to_tensor, (uniform, logits)), 1e-6)
    found = ops.convert_to_numpy(drawn)
    np.testing.assert_array_equal(found, logits.argmax(axis=1))
