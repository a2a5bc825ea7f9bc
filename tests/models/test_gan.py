"""`GAN`: what a step does, what evaluation measures, and every verb."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from kerasgen import backend, losses, models, random
from kerasgen.augmentation import DiffAugment
from kerasgen.models import GAN
from kerasgen.penalties import GradientPenalty
from kerasgen.techniques import FeatureMatching
from tests import contracts
from tests.models.tiny_gan import LATENT_DIM, SHAPE, images, make_gan


class RecordingGAN(GAN):
    """Keeps what each update saw; eager runs only."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.__dict__["seen"] = []

    def discriminator_terms(self, batch, fake, noise, substep):
        part = [ops.convert_to_numpy(t) for t in (batch.x, batch.rows, fake)]
        self.seen.append((*part, substep))
        return super().discriminator_terms(batch, fake, noise, substep)


def test_contract(tmp_path):
    def make_model():
        return make_gan(
            spectral=True,
            loss="hinge",
            penalties=[GradientPenalty(2.0)],
            techniques=[FeatureMatching("features", 0.1, replaces_loss=False)],
            augment=DiffAugment("translation"),
            historical_averaging=0.1,
            discriminator_steps=2,
            ema_decay=0.9,
            seed=7,
            name="mine",
        )

    # Labels: tests/models/test_conditional_gan.py; clipping: test_gan_options.py.
    elsewhere = ["num_classes", "weight_clipping"]
    contracts.check_model(make_model, images(40), tmp_path, elsewhere)


def test_each_discriminator_step_sees_fresh_data():
    gan = make_gan(cls=RecordingGAN, discriminator_steps=3, run_eagerly=True)
    # The value of an image's pixels is its number.
    data = np.tile(np.arange(24, dtype="uint8").reshape(24, 1, 1, 1), (1, *SHAPE))
    gan.fit(data, batch_size=4, verbose=0)
    numbers = [np.round((x[:, 0, 0, 0] + 1) * 127.5).astype(int) for x, *_ in gan.seen]
    assert [len(part) for part in numbers] == [4] * 6
    assert sorted(np.concatenate(numbers)) == list(range(24))
    assert [substep for *_, substep in gan.seen] == [0, 1, 2] * 2
    for step in (gan.seen[:3], gan.seen[3:]):
        rows = np.concatenate([rows for _, rows, _, _ in step])
        assert sorted(rows) == list(range(12))
    fakes = np.concatenate([fake.reshape(4, -1) for _, _, fake, _ in gan.seen])
    assert len(np.unique(fakes, axis=0)) == 24
    assert int(ops.convert_to_numpy(gan.training_steps)) == 2


@pytest.mark.parametrize("player", ["generator", "discriminator"])
def test_a_player_alone_lowers_its_loss_and_moves_no_other(player):
    rates = {"generator": (0.01, 0.0), "discriminator": (0.0, 0.01)}[player]
    gan = make_gan(learning_rates=rates)
    other = gan.discriminator if player == "generator" else gan.generator
    before = [ops.convert_to_numpy(v) for v in other.trainable_variables]
    history = gan.fit(images(16), batch_size=16, epochs=60, verbose=0).history
    values = history["g_loss" if player == "generator" else "d_loss"]
    assert np.mean(values[-10:]) < 0.7 * np.mean(values[:5])
    after = [ops.convert_to_numpy(v) for v in other.trainable_variables]
    contracts.assert_equal_states(before, after)


def test_ema_follows_its_formula():
    decay = 0.4
    gan = make_gan(ema_decay=decay)
    network = gan.moving_average.network
    average = [w.astype("float64") for w in gan.generator.get_weights()]
    contracts.assert_equal_states(gan.generator.get_weights(), network.get_weights())
    steps = []

    class Replica(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            backend.sync(gan)
            beta = min(decay, (1 + batch) / (10 + batch))
            steps.append(beta)
            for index, weight in enumerate(gan.generator.get_weights()):
                average[index] = beta * average[index] + (1 - beta) * weight
            for ours, theirs in zip(average, network.get_weights(), strict=True):
                np.testing.assert_allclose(theirs, ours, rtol=1e-5, atol=1e-6)

    gan.fit(images(80), batch_size=8, verbose=0, callbacks=[Replica()])
    assert len(steps) == 10
    assert max(steps) == decay
    # The samples of average and generator differ, and the average is the default.
    averaged = gan.generate(4, seed=0)
    np.testing.assert_array_equal(averaged, gan.generate(4, seed=0, use_ema=True))
    assert not np.array_equal(averaged, gan.generate(4, seed=0, use_ema=False))


def test_evaluate_measures_held_out_reals_and_fakes():
    gan = make_gan(spectral=True, ema_decay=0.5)
    gan.fit(images(40), batch_size=8, verbose=0)
    held_out = images(11, seed=1)
    # A last batch of 3 counts as 3.
    terms = gan.evaluate(held_out, batch_size=4, verbose=0, return_dict=True)
    noise = random.Noise(gan.seed, -1, np.arange(11, dtype="int32"))
    fake = gan.moving_average.network(noise.normal("latent", (3,)), training=False)
    real = ops.convert_to_tensor(held_out.astype("float32") / 127.5 - 1)
    real, fake = (
        ops.convert_to_numpy(gan.discriminator(x, training=False)).astype("float64")
        for x in (real, fake)
    )
    expected = {
        "d_loss": np.logaddexp(0, -real).mean() + np.logaddexp(0, fake).mean(),
        "g_loss": np.logaddexp(0, -fake).mean(),
        "real_accuracy": (real > 0).mean(),
        "fake_accuracy": (fake < 0).mean(),
    }
    assert set(terms) == set(expected)
    for name, value in expected.items():
        np.testing.assert_allclose(terms[name], value, rtol=1e-5, err_msg=name)
    again = gan.evaluate(held_out, batch_size=4, verbose=0, return_dict=True)
    assert again == terms
    assert gan.evaluate(held_out, batch_size=4, verbose=0, steps=2) != [*terms.values()]


def test_call_predict_and_interpolate():
    gan = make_gan(ema_decay=0.5)
    gan.fit(images(16), batch_size=8, verbose=0)
    z = np.random.default_rng(0).standard_normal((5, LATENT_DIM)).astype("float32")
    called = ops.convert_to_numpy(gan(z))
    assert called.shape == (5, *SHAPE)
    assert called.dtype == "float32"
    np.testing.assert_allclose(gan.predict(z, verbose=0), called, atol=1e-6)
    expected = ops.convert_to_numpy(gan.moving_average.network(z, training=False))
    np.testing.assert_array_equal(called, expected)
    path = gan.interpolate(z[:2], z[2:4], 5)
    assert path.shape == (2, 5, *SHAPE)
    assert path.dtype == "uint8"
    ends = np.trunc(np.clip(called * 127.5 + 128, 0, 255))
    for position, numbers in ((0, [0, 1]), (-1, [2, 3])):
        difference = path[:, position].astype(int) - ends[numbers]
        assert np.abs(difference).max() <= 1
    assert gan.interpolate(z[0], z[1], 3, mode="linear").shape == (3, *SHAPE)


def test_vectors_of_any_range():
    generator = keras.Sequential([keras.Input((2,)), layers.Dense(5)])
    discriminator = keras.Sequential([keras.Input((5,)), layers.Dense(1)])
    gan = GAN(generator, discriminator, 2, loss="wasserstein", weight_clipping=0.1)
    gan.compile("sgd", "sgd")
    x = 100 * np.random.default_rng(0).standard_normal((12, 5))
    gan.fit(x, batch_size=4, verbose=0)
    samples = gan.generate(3, seed=0)
    assert samples.shape == (3, 5)
    assert samples.dtype == "float32"


def test_a_user_s_loss():
    least_squares = losses.AdversarialLoss(
        lambda real, fake: ops.mean((real - 1) ** 2) + ops.mean(fake**2),
        lambda real, fake: ops.mean((fake - 1) ** 2),
    )
    gan = make_gan(loss=least_squares)
    history = gan.fit(images(16), batch_size=8, verbose=0).history
    assert set(history) == {"d_loss", "g_loss"}
    assert np.isfinite([*history.values()]).all()


@pytest.mark.parametrize(
    ("player", "where"), [("discriminator", "d_loss"), ("generator", "g_loss")]
)
def test_nan_stops_training_and_leaves_the_weights(player, where):
    def broken(real, fake):
        return ops.mean(fake) * np.nan

    pair = losses.non_saturating
    gan = make_gan(
        loss=losses.AdversarialLoss(
            broken if player == "discriminator" else pair.discriminator,
            broken if player == "generator" else pair.generator,
        ),
        ema_decay=0.5,
    )
    network = getattr(gan, player)
    before = [ops.convert_to_numpy(v) for v in network.trainable_variables]
    slots = [ops.convert_to_numpy(v) for v in gan.optimizer[player].variables]
    average = gan.moving_average.network.get_weights()
    message = f"NaN or infinity in {where} at training step 1;"
    with pytest.raises(FloatingPointError, match=message):
        gan.fit(images(40), batch_size=8, check_every=2, verbose=0)
    after = [ops.convert_to_numpy(v) for v in network.trainable_variables]
    contracts.assert_equal_states(before, after)
    after = [ops.convert_to_numpy(v) for v in gan.optimizer[player].variables]
    contracts.assert_equal_states(slots, after)
    contracts.assert_equal_states(average, gan.moving_average.network.get_weights())
    for variable in gan.variables:
        assert np.isfinite(ops.convert_to_numpy(variable)).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"latent_dim": 0}, "latent_dim=0"),
        ({"latent_dim": 2.5}, "latent_dim=2.5"),
        ({"discriminator_steps": 0}, "discriminator_steps=0"),
        ({"discriminator_steps": True}, "discriminator_steps=True"),
        ({"ema_decay": 1}, "ema_decay=1"),
        ({"ema_decay": 0}, "ema_decay=0"),
        ({"ema_decay": np.nan}, "ema_decay=nan"),
        ({"loss": "hing"}, "loss='hing'"),
        ({"seed": -1}, "seed=-1"),
        ({"latent_dim": 4}, "input_shape="),
    ],
    ids=str,
)
def test_wrong_arguments(arguments, message):
    gan = models.dcgan(SHAPE, latent_dim=3, filters=4)
    with pytest.raises(ValueError, match=f"Received: .*{message}"):
        GAN(gan.generator, gan.discriminator, **{"latent_dim": 3, **arguments})


def test_networks_must_fit_together():
    gan = models.dcgan(SHAPE, latent_dim=3, filters=4)
    other = models.dcgan((8, 8, 3), latent_dim=3, filters=4)
    with pytest.raises(ValueError, match=r"Received: \(None, 8, 8, 1\) and"):
        GAN(gan.generator, other.discriminator, 3)
    with pytest.raises(ValueError, match="`discriminator` is a built keras.Model"):
        GAN(gan.generator, keras.Sequential([layers.Dense(1)]), 3)


@pytest.mark.parametrize("rate", [-1.0, np.nan, np.inf])
def test_wrong_learning_rate(rate):
    gan = models.dcgan(SHAPE, latent_dim=3, filters=4)
    with pytest.raises(ValueError, match=f"learning rate.*Received: {rate}"):
        gan.compile(keras.optimizers.Adam(rate), "adam")
    with pytest.raises(ValueError, match="discriminator optimizer.*beta_1.*: 2"):
        gan.compile("adam", keras.optimizers.Adam(0.1, beta_1=2.0))
    assert not gan.compiled


@pytest.mark.parametrize(
    "arguments",
    [
        {"epochs": 0},
        {"batch_size": 0},
        {"batch_size": 2.5},
        {"check_every": 0},
        {"steps_per_epoch": 0},
    ],
    ids=str,
)
def test_wrong_fit_arguments(arguments):
    gan = make_gan()
    name, value = next(iter(arguments.items()))
    name = name.removesuffix("_per_epoch")
    with pytest.raises(ValueError, match=f"`{name}` is .*Received: {name}={value}"):
        gan.fit(images(16), verbose=0, **arguments)
