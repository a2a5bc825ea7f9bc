"""`TrainingHealth`: measures against numpy, and each fault where it was planted."""

import math
import warnings

import keras
import numpy as np
import pytest
from keras import layers, ops
from PIL import Image
from sklearn.datasets import load_digits

from kerasgen.callbacks import Checkpoint, TrainingHealth
from kerasgen.callbacks.health_findings import ADVICE, find_faults, lasting_faults
from kerasgen.callbacks.health_measures import measure_health
from kerasgen.callbacks.training_health import first_samples
from kerasgen.datasets import ArrayDataset
from kerasgen.layers import MinibatchDiscrimination
from kerasgen.models import GAN, ModeEnsembleGAN, dcgan
from kerasgen.techniques import FeatureMatching
from tests import contracts
from tests.models.tiny_gan import images, make_gan

pytestmark = pytest.mark.eager


def mlp(units, last, activation=None):
    return keras.Sequential(
        [
            keras.Input((2,)),
            layers.Dense(units, activation="tanh", name="hidden"),
            layers.Dense(last, activation=activation, name="last"),
        ]
    )


def make_vector_gan(loss="non_saturating", rate=0.0):
    keras.utils.set_random_seed(0)
    gan = GAN(mlp(16, 2), mlp(16, 1), latent_dim=2, loss=loss, seed=0)
    gan.compile(keras.optimizers.SGD(rate), keras.optimizers.SGD(rate))
    return gan


def points(num=256, seed=0):
    return np.random.default_rng(seed).standard_normal((num, 2)).astype("float32")


def watch(gan, x, epochs=1, size=64, **arguments):
    health = TrainingHealth(x, **arguments)
    logs = gan.fit(
        x, batch_size=size, epochs=epochs, verbose=0, callbacks=[health]
    ).history
    return health, logs


def warned(run):
    """What `run` returns, and the findings it warned of."""
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        result = run()
    return result, [str(w.message) for w in seen if "Epoch" in str(w.message)]


def set_constant_logit(gan, logit):
    """The discriminator's last layer hardly looks at its input."""
    kernel, bias = gan.discriminator.get_layer("last").get_weights()
    weights = [kernel * 1e-3, np.full_like(bias, logit)]
    gan.discriminator.get_layer("last").set_weights(weights)


def test_measures_against_numpy():
    gan, x = make_vector_gan("hinge"), points(50)
    z = points(50, seed=1)
    measures = measure_health(gan, (x, None), (points(50, seed=2), None), z, 25)
    fake = ops.convert_to_numpy(gan.generator(z)).astype("float64")

    def scores(samples):
        return ops.convert_to_numpy(gan.discriminator(samples))[:, 0]

    for name, expected in (
        ("real_accuracy", scores(x) > 0),
        ("held_out_accuracy", scores(points(50, seed=2)) > 0),
        ("fake_accuracy", scores(fake) < 0),
    ):
        assert measures[name] == pytest.approx(expected.mean(), rel=1e-6)
    first, second = np.triu_indices(50, 1)
    distances = [np.linalg.norm(s[first] - s[second], axis=1).mean() for s in (fake, x)]
    assert measures["diversity"] == pytest.approx(distances[0] / distances[1], rel=1e-5)
    # d/dx of w2.tanh(W1 x + b1), at each point.
    (w1, b1), (w2, _) = (layer.get_weights() for layer in gan.discriminator.layers)
    gradients = [
        ((1 - np.tanh(p @ w1 + b1) ** 2) * w2[:, 0]) @ w1.T
        for p in (x, fake, 0.5 * (x + fake))
    ]
    largest = max(np.linalg.norm(g, axis=1).max() for g in gradients)
    assert measures["lipschitz"] == pytest.approx(largest, rel=1e-4)
    # The hinge generator's gradient by its last bias: minus the mean of dD/dx.
    expected = np.linalg.norm(gradients[1].mean(axis=0))
    names = {name for player, name in measures["layers"] if player == "generator"}
    assert len(names) == 2
    squares = [measures["layers"]["generator", name] ** 2 for name in names]
    assert measures["generator_gradient"] == pytest.approx(math.sqrt(sum(squares)))
    assert measures["generator_gradient"] >= expected


def test_training_goes_on_as_if_it_were_not_there():
    runs = []
    for watched in (False, True):
        gan = make_gan(spectral=True)
        callbacks = [TrainingHealth(images(32), num=32)] if watched else []
        gan.fit(images(32), batch_size=8, epochs=2, verbose=0, callbacks=callbacks)
        runs.append(contracts.state_of(gan))
    contracts.assert_equal_states(*runs)


def test_the_course_is_logged_and_drawn(tmp_path):
    health, logs = watch(make_vector_gan(), points(), 4, every=2, path=tmp_path)
    assert [epoch for epoch, _ in health.history] == [2, 4]
    for name in ("real_accuracy", "gradient_ratio", "lipschitz", "diversity"):
        assert len(logs[f"health_{name}"]) == 2
    with Image.open(tmp_path / "health.png") as picture:
        assert picture.size == (900, 600)


def collapse(gan, factor):
    kernel, bias = gan.generator.get_layer("last").get_weights()
    gan.generator.get_layer("last").set_weights([kernel * factor, bias])


def test_a_collapsed_generator_is_found():
    gan = make_vector_gan()
    collapse(gan, 1e-3)
    (health, _), messages = warned(lambda: watch(gan, points(), 3))
    assert health.findings == {"collapsed generator": 2}
    (message,) = messages
    assert message.startswith("Epoch 2: collapsed generator; ")
    assert "try minibatch discrimination" in message


def test_a_collapse_is_found_when_it_happens_and_again_when_it_comes_back():
    class Plant(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch + 1 in factors:
                collapse(self.model, factors[epoch + 1])

    factors = {4: 1e-3, 7: 1e3, 9: 1e-3}
    health = TrainingHealth(points())
    callbacks = [Plant(), health]
    _, messages = warned(
        lambda: make_vector_gan().fit(
            points(), batch_size=64, epochs=11, verbose=0, callbacks=callbacks
        )
    )
    assert [message.split(";")[0] for message in messages] == [
        "Epoch 5: collapsed generator",
        "Epoch 10: collapsed generator",
    ]
    assert health.findings == {"collapsed generator": 10}


def test_a_dcgan_that_begins_to_learn_digits_is_left_in_peace():
    """In its first epochs the fakes are grey and alike, and grow more diverse."""
    data = load_digits()
    x = np.round(data.images[:512, :, :, None] * (255 / 16)).astype("uint8")
    keras.utils.set_random_seed(2)
    gan = dcgan((8, 8, 1), latent_dim=16, filters=8)
    gan.compile(*(keras.optimizers.Adam(1e-3, 0.5) for _ in range(2)))
    health = TrainingHealth(x, num=128)
    _, messages = warned(
        lambda: gan.fit(x, batch_size=64, epochs=6, verbose=0, callbacks=[health])
    )
    assert messages == []
    assert health.history[0][1]["diversity"] < health.history[-1][1]["diversity"]


def course(**measures):
    """History of fixed measures and of those that are given, an epoch each."""
    same = {"held_out_accuracy": math.nan, "gradient_ratio": 1.0, "real_accuracy": 1.0}
    num = len(next(iter(measures.values())))
    return [
        (epoch, {**same, **{name: values[epoch] for name, values in measures.items()}})
        for epoch in range(num)
    ]


@pytest.mark.parametrize("diversities", [[1e-3, 2e-3], [0.05, 0.5, 1e-3, 2e-3, 4e-3]])
def test_a_collapsed_generator_that_jitters_is_found(diversities):
    history = course(diversity=diversities * 6, fake_accuracy=[0.5] * 30)
    history = history[: 6 * len(diversities)]
    assert lasting_faults(history, 2) == ["collapsed generator"]


def test_a_generator_that_begins_is_told_from_one_that_stays_behind():
    """Measures of a DCGAN on digits, whose fakes are all told at first."""
    told = [1.0, 1.0, 0.258, 0.031]
    history = course(diversity=[0.022, 0.066, 0.162, 0.267], fake_accuracy=told)
    for epoch in range(len(history)):
        assert lasting_faults(history[: epoch + 1], 2) == []
    history = course(diversity=[0.022, 0.066, 0.07, 0.07], fake_accuracy=[1.0] * 4)
    faults = ["collapsed generator", "saturated discriminator"]
    assert lasting_faults(history, 2) == faults


def make_counting_gan():
    """Its discriminator takes a sample for real if more than 48 are judged at once."""
    x = keras.Input((2,))
    compared = MinibatchDiscrimination(1, 1, "zeros")(x)
    logit = layers.Dense(1, name="last")(compared)
    generator = keras.Sequential([keras.Input((2,)), layers.Dense(2)])
    gan = GAN(generator, keras.Model(x, logit), latent_dim=2)
    gan.compile(*(keras.optimizers.SGD(0.0) for _ in range(2)))
    kernel = np.array([[0.0], [0.0], [1.0]], "float32")
    gan.discriminator.get_layer("last").set_weights([kernel, np.full(1, -48.0)])
    return gan


@pytest.mark.parametrize("batch_size, is_real", [(64, 1.0), (32, 0.0)])
def test_samples_are_judged_in_batches_like_those_of_training(batch_size, is_real):
    gan, x = make_counting_gan(), points(200)
    health, _ = watch(gan, x, held_out=points(100, 1), num=200, size=batch_size)
    measures = health.history[0][1]
    assert measures["real_accuracy"] == measures["held_out_accuracy"] == is_real
    assert measures["fake_accuracy"] == 1.0 - is_real
    given, _ = watch(gan, x, num=200, size=batch_size, batch_size=96 - batch_size)
    assert given.history[0][1]["real_accuracy"] == 1.0 - is_real
    # Held-out samples that do not fill a batch make those of reals as small.
    (few, _), messages = warned(
        lambda: watch(gan, x, 2, held_out=points(40, 1), num=200, size=64)
    )
    assert few.history[0][1]["real_accuracy"] == 0.0
    assert not [message for message in messages if "by heart" in message]


def test_a_member_of_an_ensemble_is_watched():
    gans = [make_vector_gan() for _ in range(2)]
    collapse(gans[1], 1e-3)
    ensemble = ModeEnsembleGAN(gans)
    ensemble.compile(keras.optimizers.SGD(0.0), keras.optimizers.SGD(0.0))
    watched = [TrainingHealth(points(64), member=member) for member in range(2)]
    modes = np.arange(128) % 2
    logs, messages = warned(
        lambda: (
            ensemble.fit(
                points(128),
                modes,
                batch_size=16,
                epochs=2,
                verbose=0,
                callbacks=watched,
            ).history
        )
    )
    assert [m.split(";")[0] for m in messages if "collapsed" in m] == [
        "Epoch 2: collapsed generator of member 1"
    ]
    assert [health._batch_size for health in watched] == [16, 16]
    assert {"health_diversity_0", "health_diversity_1"} < set(logs)
    for member in (None, 2):
        with pytest.raises(ValueError, match="one by one.*Received: member="):
            ensemble.fit(
                points(128),
                modes,
                verbose=0,
                callbacks=[TrainingHealth(points(64), member=member)],
            )
    with pytest.raises(ValueError, match="no ensemble. Received: member=0"):
        watch(make_vector_gan(), points(), member=0)


def test_small_gradients_at_an_equilibrium_are_no_fault():
    """LSGAN's Pearson targets: where D is 0 everywhere, so is the gradient."""
    gan = make_vector_gan("least_squares_pearson")
    set_constant_logit(gan, 0.0)
    measures = measure_health(gan, (points(), None), None, points(seed=1), 64)
    assert measures["gradient_ratio"] < 0.01
    assert "vanishing generator gradient" not in find_faults(measures)


def test_energies_have_no_gradient_of_logits():
    keras.utils.set_random_seed(0)
    gan = GAN(mlp(16, 2), mlp(16, 2), latent_dim=2, loss="ebgan", seed=0)
    gan.compile()
    measures = measure_health(gan, (points(), None), None, points(seed=1), 64)
    assert math.isnan(measures["gradient_ratio"])


def test_a_resumed_run_goes_on_with_its_course(tmp_path):
    runs = {}
    for name, epochs in (("whole", [4]), ("resumed", [2, 4])):
        for number in epochs:
            gan = make_gan()
            health = TrainingHealth(images(32), num=32, path=tmp_path / name)
            callbacks = [health, Checkpoint(tmp_path / name)]
            gan.fit(
                images(32),
                batch_size=8,
                epochs=number,
                verbose=0,
                callbacks=callbacks,
            )
        runs[name] = health.history
    assert [epoch for epoch, _ in runs["resumed"]] == [1, 2, 3, 4]
    for (_, whole), (_, resumed) in zip(*runs.values(), strict=True):
        assert whole.keys() == resumed.keys()
        for key in whole.keys() - {"layers"}:
            np.testing.assert_equal(resumed[key], whole[key])
        # Keras numbers the layers of each model anew.
        norms = [[*found["layers"].values()] for found in (resumed, whole)]
        assert norms[0] == norms[1] and len(norms[0]) > 3
    # Epochs that are trained again are measured again.
    gan = make_gan()
    health = TrainingHealth(images(32), num=32, path=tmp_path / "whole")
    gan.fit(images(32), batch_size=8, verbose=0, callbacks=[health])
    assert [epoch for epoch, _ in health.history] == [1]


def test_a_damaged_course_is_named_before_training(tmp_path):
    (tmp_path / "health.json").write_text('[{"epoch": 1')
    gan = make_vector_gan()
    before = contracts.state_of(gan)
    with pytest.raises(ValueError, match=r"health\.json"):
        watch(gan, points(), path=tmp_path)
    contracts.assert_equal_states(contracts.state_of(gan), before)


def test_samples_of_a_dataset_and_of_nothing_else():
    x, labels = points(10), np.arange(10)
    dataset = ArrayDataset(x, labels, batch_size=4, shuffle=False)
    found, given = first_samples(dataset, 6)
    np.testing.assert_array_equal(found, x[:6])
    np.testing.assert_array_equal(given, labels[:6])
    assert first_samples(ArrayDataset(x, batch_size=4), 6)[1] is None
    for wrong in (iter([x]), None, (x, 3)):
        with pytest.raises(ValueError, match="Expected an array of samples"):
            first_samples(wrong, 6)
    health, _ = watch(make_vector_gan(), points(), held_out=ArrayDataset(points(64)))
    assert 0 <= health.history[0][1]["held_out_accuracy"] <= 1


def test_a_saturated_discriminator_is_found():
    gan = make_vector_gan()
    bias = np.array([50.0, 0.0], "float32")
    last = gan.generator.get_layer("last")
    last.set_weights([last.get_weights()[0], bias])
    hidden, head = gan.discriminator.layers
    kernel = np.zeros((2, 16), "float32")
    kernel[0] = -1.0
    hidden.set_weights([kernel, np.full(16, 25.0, "float32")])
    head.set_weights([np.full((16, 1), 1.0, "float32"), np.zeros(1, "float32")])
    (health, _), messages = warned(lambda: watch(gan, points(), 2))
    assert "saturated discriminator" in health.findings
    assert any("every fake: try spectral" in message for message in messages)


def test_an_overfitted_discriminator_is_found():
    """Fakes of the reals' own distribution: only by heart can the two be told apart."""
    keras.utils.set_random_seed(0)
    discriminator = keras.Sequential(
        [keras.Input((20,)), layers.Dense(256, activation="relu"), layers.Dense(1)]
    )
    identity = layers.Dense(20, use_bias=False, kernel_initializer="identity")
    generator = keras.Sequential([keras.Input((20,)), identity])
    gan = GAN(generator, discriminator, latent_dim=20, seed=0)
    gan.compile(keras.optimizers.SGD(0.0), keras.optimizers.Adam(1e-2))
    draws = np.random.default_rng(0).standard_normal((256, 20)).astype("float32")
    train, held_out = draws[:64], draws[64:]
    health = TrainingHealth(train, held_out, num=192)
    _, messages = warned(
        lambda: gan.fit(train, batch_size=64, epochs=80, verbose=0, callbacks=[health])
    )
    assert any("by heart: try DiffAugment" in message for message in messages)
    gaps = [m["real_accuracy"] - m["held_out_accuracy"] for _, m in health.history]
    assert gaps[-1] > 0.3 and gaps[-1] > 2.0 * gaps[0]


def test_vanishing_gradients_are_found_and_are_those_of_the_theory():
    """Where D(fake) < 0.005, minimax's gradient is a 200th of the other's."""
    ratios = {}
    for loss in ("minimax", "non_saturating"):
        gan = make_vector_gan(loss)
        set_constant_logit(gan, -5.5)  # sigmoid 0.0041
        measures = measure_health(gan, (points(), None), None, points(seed=1), 64)
        ratios[loss] = measures["gradient_ratio"]
        found = find_faults(measures)
        assert ("vanishing generator gradient" in found) == (loss == "minimax")
    assert ratios["non_saturating"] == pytest.approx(1.0)
    assert ratios["minimax"] < 0.01


def test_a_gan_that_trains_well_is_left_in_peace(recwarn):
    gan = make_vector_gan(rate=0.05)
    health, _ = watch(gan, points(1024), 8, held_out=points(256, seed=9))
    assert health.findings == {}
    assert not [w for w in recwarn if "Epoch" in str(w.message)]


def test_a_conditional_gan_takes_labels():
    from tests.models.test_conditional_gan import data, make

    gan = make("projection_gan")
    health = TrainingHealth(data(), data(20, seed=1), num=16)
    warned(lambda: gan.fit(*data(), batch_size=16, verbose=0, callbacks=[health]))
    assert len(health.history) == 1


def test_every_finding_has_advice():
    worst = {
        "real_accuracy": 1.0,
        "held_out_accuracy": 0.0,
        "fake_accuracy": 1.0,
        "gradient_ratio": 0.0,
        "diversity": 0.0,
    }
    assert set(find_faults(worst)) == set(ADVICE)


@pytest.mark.parametrize(
    "arguments",
    [
        {"num": 1},
        {"every": 0},
        {"patience": 0},
        {"seed": -1},
        {"batch_size": 0},
        {"member": -1},
    ],
)
def test_bad_arguments(arguments):
    with pytest.raises(ValueError, match="Received: "):
        TrainingHealth(points(), **arguments)


def test_another_model_or_other_data_is_refused(tmp_path):
    gan = make_vector_gan()
    with pytest.raises(ValueError, match="Received: shape"):
        gan.fit(points(), verbose=0, callbacks=[TrainingHealth(points()[:, :1])])


def test_diversity_does_not_depend_on_the_order_of_the_reals():
    gan, x, z = make_vector_gan(), points(64), points(64, seed=1)
    found = [
        measure_health(gan, (part, None), None, z, 64)["diversity"]
        for part in (x, x[np.argsort(x[:, 0])])
    ]
    assert found[0] == pytest.approx(found[1], rel=1e-5)


def test_images_in_the_range_that_fit_was_given():
    gan = make_gan()
    x = images(16).astype("float32") / 255
    health = TrainingHealth(x, num=16, value_range=(0, 1))
    gan.fit(x, batch_size=8, value_range=(0, 1), callbacks=[health], verbose=0)
    expected = measure_health(gan, (2 * x - 1, None), None, health._latents, 8)
    assert health.history[0][1]["real_accuracy"] == expected["real_accuracy"]


def test_a_loss_that_is_replaced_does_not_vanish():
    gan = make_gan(loss="minimax", techniques=[FeatureMatching("features")])
    x = images(8) / np.float32(127.5) - 1
    measures = measure_health(gan, (x, None), None, np.zeros((8, 3), "float32"), 8)
    assert math.isnan(measures["gradient_ratio"])
    assert "vanishing generator gradient" not in find_faults(measures)
