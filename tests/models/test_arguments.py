"""Arguments out of range: one error before any work, the same on every backend."""

import keras
import numpy as np
import pytest

import kerasgen
from kerasgen import datasets
from kerasgen.datasets import ArrayDataset
from kerasgen.models import GatedPixelCNN, dense_vae
from kerasgen.penalties import GradientPenalty

SHAPE = (8, 8, 1)
IMAGES = np.random.RandomState(0).randint(0, 256, (24, *SHAPE)).astype("uint8")


@pytest.fixture(scope="module")
def vae():
    vae = kerasgen.models.dense_vae(SHAPE, latent_dim=2, hidden=(8,), seed=1)
    vae.compile()
    return vae


@pytest.fixture(scope="module")
def gan():
    gan = kerasgen.models.dcgan(SHAPE, latent_dim=4, filters=4, seed=1)
    gan.compile()
    return gan


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"validation_data": IMAGES, "validation_batch_size": 0}, "integer >= 1"),
        ({"validation_freq": 0}, "`validation_freq` is an integer >= 1"),
        ({"initial_epoch": -1}, "`initial_epoch` is an integer >= 0"),
        ({"validation_data": (IMAGES, None, None)}, "the tuple .x, y."),
        ({"steps_per_epoch": 0}, "integer >= 1"),
    ],
)
def test_bad_arguments_of_fit(vae, arguments, message):
    before = vae.get_weights()
    with pytest.raises(ValueError, match=message + "(.|\n)*Received"):
        vae.fit(IMAGES, verbose=0, **arguments)
    for a, b in zip(before, vae.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_batch_size_of_the_training_data_is_not_one_of_a_validation_dataset(vae):
    validation = kerasgen.datasets.load("digits", "test[:20]", batch_size=5)
    history = vae.fit(IMAGES, batch_size=8, validation_data=validation, verbose=0)
    assert "val_loss" in history.history


def schedule(rate):
    return keras.optimizers.schedules.ExponentialDecay(rate, 1, 0.5)


@pytest.mark.parametrize(
    ("optimizer", "message"),
    [
        (None, "Expected a Keras optimizer"),
        (lambda: keras.optimizers.Adam(-1.0), "learning rate >= 0"),
        (lambda: keras.optimizers.Adam(float("nan")), "learning rate >= 0"),
        (lambda: keras.optimizers.Adam(schedule(-1.0)), "at step 0 of its schedule"),
        (lambda: keras.optimizers.Adam(schedule(np.inf)), "at step 0 of its schedule"),
        (lambda: keras.optimizers.Adam(1e-3, beta_1=2.0), "beta_1 in"),
    ],
)
def test_bad_optimizers(optimizer, message):
    vae = kerasgen.models.dense_vae((4,), latent_dim=2, hidden=(8,))
    with pytest.raises(ValueError, match=message + ".*Received"):
        vae.compile(optimizer and optimizer())


def test_bad_steps_per_execution():
    vae = kerasgen.models.dense_vae((4,), latent_dim=2, hidden=(8,))
    with pytest.raises(ValueError, match="`steps_per_execution` is an integer >= 1"):
        vae.compile(steps_per_execution=0)


@pytest.mark.parametrize(
    ("penalties", "message"),
    [
        (["gradient"], "A penalty is an object with a `name`"),
        (GradientPenalty(), "`penalties` is a list"),
        ([GradientPenalty(1.0), GradientPenalty(2.0)], "different names"),
    ],
)
def test_bad_penalties(gan, penalties, message):
    with pytest.raises(ValueError, match=message + ".*Received"):
        kerasgen.models.GAN(gan.generator, gan.discriminator, 4, penalties=penalties)


def test_bad_networks():
    network = keras.Sequential([keras.Input((4,)), keras.layers.Dense(4)])
    with pytest.raises(ValueError, match="Expected two networks.*Received"):
        kerasgen.models.GAN(network, network, 4)


@pytest.mark.parametrize("shape", [8, (8, 8), (8, 0), (-1,), None])
def test_bad_shapes(shape):
    for build in (kerasgen.models.dense_vae, kerasgen.models.dcgan):
        with pytest.raises(ValueError, match="_shape` is .*Received"):
            build(shape)


@pytest.mark.parametrize("temperature", ["a", 0, -1.0, np.nan, None])
def test_bad_temperatures(gan, temperature):
    with pytest.raises(ValueError, match="`temperature` is a number > 0"):
        gan.generate(1, temperature=temperature)


def test_latents_that_are_not_finite(gan):
    with pytest.raises(ValueError, match="Expected finite latents. Received"):
        gan.interpolate(np.full(4, np.nan), np.zeros(4), 3)


def test_vectors_beyond_float32():
    vae = kerasgen.models.dense_vae((4,), latent_dim=2, hidden=(8,))
    vae.compile()
    with pytest.raises(ValueError, match="float32 can hold. Received: float64 values"):
        vae.fit(np.full((8, 4), 1e300), verbose=0)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (IMAGES[:, :4], r"Expected data of shape \(num_samples"),
        (IMAGES / 255.0, r"Expected uint8 images, or float images in \[-1, 1\]"),
        (IMAGES * np.nan, "Expected finite values. Received: NaN"),
        (None, "Received: "),
        ("images", "Received: "),
        (iter([IMAGES / 255.0]), r"Expected uint8 images, or float images in"),
    ],
    ids=["shape", "range", "nan", "none", "string", "iterator"],
)
def test_predict_refuses_what_fit_refuses(vae, x, message):
    with pytest.raises((TypeError, ValueError), match=message):
        vae.predict(x, verbose=0)


def test_predict_keeps_the_order_of_a_shuffling_dataset(vae):
    expected = vae.predict(IMAGES, verbose=0)
    dataset = ArrayDataset(IMAGES, batch_size=4, seed=1)
    np.testing.assert_allclose(vae.predict(dataset, verbose=0), expected, atol=1e-6)
    in_parts = (IMAGES[start : start + 4] for start in range(0, len(IMAGES), 4))
    np.testing.assert_allclose(vae.predict(in_parts, verbose=0), expected, atol=1e-6)
    assert vae.predict(dataset, steps=1, verbose=0).shape == (4, *expected.shape[1:])
    for steps in (0, 1.5):
        with pytest.raises(ValueError, match="`steps` is an integer >= 1. Received"):
            vae.predict(IMAGES, steps=steps, verbose=0)


def test_a_conditional_model_predicts_with_its_labels():
    model = dense_vae((8, 8, 1), 2, hidden=(4,), num_classes=3)
    images, labels = IMAGES[:6], np.arange(6) % 3
    expected = model.predict([images, labels], verbose=0)
    dataset = ArrayDataset(images, labels, batch_size=4)
    np.testing.assert_allclose(model.predict(dataset, verbose=0), expected, atol=1e-6)
    assert not np.allclose(model.predict([images, labels[::-1]], verbose=0), expected)
    pixels = GatedPixelCNN((8, 8, 1), 4, num_blocks=1, filters=4, num_classes=3)
    x = datasets.quantize(images, 4)
    np.testing.assert_allclose(
        pixels.predict((x, labels), verbose=0),
        keras.ops.convert_to_numpy(pixels(x, labels)),
        atol=1e-5,
    )


def test_latents_that_predict_draws_from_are_checked(gan):
    for z in (np.zeros((2, 3), "float32"), np.full((2, gan.latent_dim), np.inf)):
        with pytest.raises(ValueError, match="Received: "):
            gan.predict(z, verbose=0)


def test_predict_takes_uint8_as_it_takes_floats(vae):
    floats = (IMAGES / 127.5 - 1.0).astype("float32")
    np.testing.assert_allclose(
        vae.predict(IMAGES, verbose=0), vae.predict(floats, verbose=0), atol=1e-5
    )


def test_what_was_compiled_for_uint8_takes_floats_for_floats(vae):
    """Numbers of one dtype could be cast to the other, and mean something else."""
    floats = (IMAGES / 127.5 - 1.0).astype("float32")
    losses = [vae.evaluate(x, verbose=0)[0] for x in (IMAGES, floats, IMAGES)]
    np.testing.assert_allclose(losses, losses[0], rtol=1e-5)


@pytest.mark.parametrize("player", ["generator", "discriminator"])
def test_freezing_after_compile_asks_for_compile(gan, player):
    network = getattr(gan, player)
    network.trainable = False
    try:
        with pytest.raises(ValueError, match="compile the model again.*Received"):
            gan.fit(IMAGES, verbose=0)
        with pytest.raises(ValueError, match="compile the model again.*Received"):
            gan.train_on_batch(IMAGES)
    finally:
        network.trainable = True
    gan.fit(IMAGES, verbose=0)


def test_train_on_batch_names_nan_and_trains_on():
    vae = kerasgen.models.dense_vae(SHAPE, latent_dim=2, hidden=(8,), seed=1)
    vae.compile(keras.optimizers.SGD(1e30))
    before = vae.get_weights()
    with pytest.raises(FloatingPointError, match="NaN or infinity in"):
        for _ in range(4):
            vae.train_on_batch(IMAGES)
    vae.set_weights(before)
    vae.compile("adam")
    kernel = np.array(vae.encoder.get_weights()[0])
    vae.train_on_batch(IMAGES)
    assert np.abs(vae.encoder.get_weights()[0] - kernel).max() > 0
