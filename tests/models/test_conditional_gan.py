"""Conditional GANs: labels in training, generation, interpolation and export."""

import keras
import numpy as np
import pytest
from keras import layers, ops

import kerasgen
from kerasgen import models, networks
from kerasgen.models import GAN
from kerasgen.models.critic import Judgement
from kerasgen.networks import conditional
from kerasgen.techniques import AuxiliaryClassifier
from tests import contracts

SHAPE = (8, 8, 1)
NUM_CLASSES = 3
BUILDERS = {
    "projection_gan": models.projection_gan,
    "conditional_gan": models.conditional_gan,
    "acgan": models.acgan,
}


def data(num=48, seed=0):
    """Images whose grey level tells their class."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, NUM_CLASSES, num)
    noise = rng.integers(0, 40, (num, *SHAPE))
    return (labels[:, None, None, None] * 100 + noise).astype("uint8"), labels


def make(name, **arguments):
    keras.utils.set_random_seed(0)
    gan = BUILDERS[name](
        SHAPE, NUM_CLASSES, latent_dim=4, filters=8, **{"seed": 1, **arguments}
    )
    gan.compile(keras.optimizers.Adam(2e-3, 0.5), keras.optimizers.Adam(2e-3, 0.5))
    return gan


@pytest.fixture(scope="module", params=BUILDERS)
def gan(request):
    """A little trained, so that the average of its weights tells classes apart."""
    gan = make(request.param, ema_decay=0.9)
    gan.fit(*data(), batch_size=16, epochs=2, verbose=0)
    return gan


@pytest.mark.eager
def test_training_on_labels_moves_every_variable(gan):
    before = [ops.convert_to_numpy(v).copy() for v in gan.trainable_variables]
    history = gan.fit(*data(), batch_size=16, verbose=0).history
    after = [ops.convert_to_numpy(v) for v in gan.trainable_variables]
    assert all((a != b).any() for a, b in zip(before, after, strict=True))
    assert all(np.isfinite(values).all() for values in history.values())
    terms = gan.evaluate(*data(20, seed=1), verbose=0, return_dict=True)
    assert set(terms) == set(gan.evaluation_terms)


def test_labels_choose_the_class_and_nothing_else(gan):
    asked = np.array([0, 1, 2, 2])
    images = gan.generate(4, seed=3, labels=asked)
    np.testing.assert_array_equal(images, gan.generate(4, seed=3, labels=asked))
    one = gan.generate(4, seed=3, labels=2)
    np.testing.assert_array_equal(one[2:], images[2:])
    assert (one[:2] != images[:2]).any()
    in_parts = gan.generate(4, seed=3, labels=asked, batch_size=3)
    np.testing.assert_allclose(images.astype(float), in_parts.astype(float), atol=1)


def test_without_labels_classes_are_drawn_by_the_seed(gan):
    images = gan.generate(60, seed=5)
    np.testing.assert_array_equal(images, gan.generate(60, seed=5))
    by_class = np.stack([gan.generate(60, seed=5, labels=c) for c in range(3)])
    matches = (by_class.astype(int) - images.astype(int)).reshape(3, 60, -1)
    nearest = np.abs(matches).sum(axis=2)
    counts = np.bincount(nearest.argmin(axis=0), minlength=3)
    assert (nearest.min(axis=0) == 0).all()
    assert counts.min() >= 10  # 20 are expected


def test_interpolation_keeps_its_class(gan):
    a, b = np.random.default_rng(0).standard_normal((2, 2, 4))
    path = gan.interpolate(a, b, 3, labels=[0, 2])
    assert path.shape == (2, 3, *SHAPE)
    z = ops.convert_to_tensor(a, dtype="float32")
    first = gan.to_data_domain(gan([z, ops.convert_to_tensor([0, 2])]))
    difference = path[:, 0].astype(int) - ops.convert_to_numpy(first).astype(int)
    assert np.abs(difference).max() <= 1
    with pytest.raises(ValueError, match="class of each path.*Received: labels=None"):
        gan.interpolate(a, b, 3)


@pytest.mark.parametrize(
    ("labels", "error"),
    [
        ([0, 1], ValueError),
        ([0, 1, 3], ValueError),
        ([0, 1, -1], ValueError),
        ([0.0, 1.0, 2.0], TypeError),
        ("cat", TypeError),
        (7, ValueError),
    ],
)
def test_bad_labels_are_refused(gan, labels, error):
    with pytest.raises(error, match="Received: "):
        gan.generate(3, labels=labels)


def test_training_without_labels_is_refused(gan):
    with pytest.raises(ValueError, match="conditional: expected labels"):
        gan.fit(data()[0], verbose=0)


def test_contract(tmp_path):
    """Of a model with two inputs each; labels go with the data."""
    gan = make("projection_gan", ema_decay=0.9, seed=7)
    x, labels = data()
    gan.fit(x, labels, batch_size=16, verbose=0)
    path = tmp_path / "gan.keras"
    gan.save(path)
    loaded = keras.saving.load_model(path)
    for seed in (0, 1):
        np.testing.assert_array_equal(
            loaded.generate(4, seed=seed), gan.generate(4, seed=seed)
        )
    histories = [
        m.fit(x, labels, batch_size=16, verbose=0).history for m in (gan, loaded)
    ]
    assert histories[0] == histories[1]
    contracts.assert_equal_states(contracts.state_of(gan), contracts.state_of(loaded))


def test_a_preset_generates_the_same(gan, tmp_path):
    gan.save_to_preset(tmp_path / "mine")
    loaded = kerasgen.from_preset(tmp_path / "mine")
    np.testing.assert_array_equal(
        loaded.generate(5, seed=2, labels=1), gan.generate(5, seed=2, labels=1)
    )


@pytest.mark.eager
def test_the_generator_learns_the_classes():
    """Grey levels of 20, 120 and 220: samples come nearest to the one asked for."""
    gan = make("projection_gan")
    x, labels = data(512)
    gan.fit(x, labels, batch_size=32, epochs=25, verbose=0)
    asked = np.arange(60) % NUM_CLASSES
    levels = gan.generate(60, seed=0, labels=asked).mean(axis=(1, 2, 3))
    nearest = np.abs(levels[:, None] - [20, 120, 220]).argmin(axis=1)
    assert (nearest == asked).mean() > 0.9


def test_auxiliary_classifier_is_the_cross_entropy_of_both_kinds():
    rng = np.random.default_rng(0)
    labels = np.array([0, 2, 1, 1])
    logits = {side: rng.standard_normal((4, 3)) for side in ("real", "fake")}
    real, fake = (
        Judgement(None, ops.convert_to_tensor(logits[side], dtype="float32"), {})
        for side in ("real", "fake")
    )

    def cross_entropy(values):
        log_p = values - np.log(np.exp(values).sum(axis=1, keepdims=True))
        return -log_p[np.arange(4), labels].mean()

    entropies = {side: cross_entropy(values) for side, values in logits.items()}
    technique = AuxiliaryClassifier(0.7)
    (own,) = technique.discriminator_terms(real, fake, labels)
    (made,) = technique.generator_terms(real, fake, labels)
    assert float(own) == pytest.approx(0.7 * sum(entropies.values()), rel=1e-5)
    assert float(made) == pytest.approx(0.7 * entropies["fake"], rel=1e-5)


def softmax_head():
    """A classifier whose second output is probabilities, not logits."""
    image = keras.Input(SHAPE)
    x = layers.Dense(8)(layers.Flatten()(image))
    heads = [layers.Dense(1)(x), layers.Dense(3, activation="softmax")(x)]
    return keras.Model(image, heads)


# What does not fit together.


def generator(num_classes=None):
    return networks.dcgan_generator(SHAPE, 4, 4, num_classes)


def discriminator(num_classes=None):
    return networks.dcgan_discriminator(SHAPE, 4, num_classes=num_classes)


def float_labels():
    z, labels = keras.Input((4,)), keras.Input((), dtype="float32")
    x = layers.Concatenate()([z, layers.Reshape((1,))(labels)])
    x = layers.Reshape(SHAPE)(layers.Dense(64, activation="tanh")(x))
    return keras.Model([z, labels], x)


@pytest.mark.parametrize(
    ("make_networks", "arguments", "message"),
    [
        (lambda: (generator(), discriminator()), {"num_classes": 3}, "takes z and lab"),
        (lambda: (generator(3), discriminator(3)), {}, "beside num_classes"),
        (
            lambda: (generator(3), discriminator()),
            {"num_classes": 3},
            "or has a second output",
        ),
        (lambda: (float_labels(), discriminator(3)), {"num_classes": 3}, "integer lab"),
        (lambda: (generator(), discriminator()), {"num_classes": 0}, "num_classes"),
        (
            lambda: (generator(3), discriminator(3)),
            {"num_classes": 3, "techniques": [AuxiliaryClassifier()]},
            "second output is class logits",
        ),
        (
            lambda: (generator(3), classifying(3)),
            {"num_classes": 3},
            "second output is class logits",
        ),
        (
            lambda: (generator(3), classifying(4)),
            {"num_classes": 3, "techniques": [AuxiliaryClassifier()]},
            "at most a second of class",
        ),
        (
            lambda: (generator(), classifying(3)),
            {"techniques": [AuxiliaryClassifier()]},
            "trains on labels: expected num_classes",
        ),
        (
            lambda: (generator(3), softmax_head()),
            {"num_classes": 3, "techniques": [AuxiliaryClassifier()]},
            "takes class logits",
        ),
    ],
)
def test_parts_that_do_not_fit(make_networks, arguments, message):
    with pytest.raises(ValueError, match=message + "(.|\n)*Received"):
        GAN(*make_networks(), 4, **arguments)


def classifying(num_classes):
    return conditional.classifying_discriminator(SHAPE, num_classes, 4)
