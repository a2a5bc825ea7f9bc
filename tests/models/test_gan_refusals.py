"""Parts of a GAN that cannot work together, each with what would."""

import warnings

import keras
import numpy as np
import pytest
from keras import layers

from kerasgen import losses
from kerasgen.augmentation import DiffAugment
from kerasgen.layers import (
    MinibatchDiscrimination,
    MinibatchStdDev,
    SpectralNormalization,
)
from kerasgen.models import GAN, ModeEnsembleGAN
from kerasgen.penalties import R1, GradientPenalty
from kerasgen.techniques import AuxiliaryClassifier, FeatureMatching, PullingAway
from tests.models.tiny_gan import make_gan

pytestmark = pytest.mark.eager


def generator(*middle):
    body = [keras.Input((2,)), layers.Dense(4), *middle, layers.Dense(2)]
    return keras.Sequential(body)


def discriminator(*middle):
    body = [keras.Input((2,)), layers.Dense(4, name="hidden"), *middle]
    return keras.Sequential([*body, layers.Dense(1)])


@pytest.mark.parametrize(
    "arguments",
    [
        {"penalties": [R1]},
        {"augment": DiffAugment},
        {"techniques": [FeatureMatching]},
    ],
)
def test_a_class_is_no_object(arguments):
    with pytest.raises(ValueError, match="Received: "):
        make_gan(**arguments)


def test_networks_that_share_a_layer():
    """Each player would undo the other's updates, and a file could not be loaded."""
    shared = layers.Dense(4)
    networks = [
        keras.Sequential([keras.Input((2,)), shared, layers.Dense(units)])
        for units in (2, 1)
    ]
    with pytest.raises(ValueError, match="`generator` and `discriminator` share"):
        GAN(*networks, latent_dim=2)


def test_members_that_share_a_network():
    critic = discriminator()
    gans = [GAN(generator(), critic, latent_dim=2) for _ in range(2)]
    with pytest.raises(ValueError, match=r"`gans\[0\]` and `gans\[1\]` share"):
        ModeEnsembleGAN(gans)


@pytest.mark.parametrize("layer", [MinibatchDiscrimination(2, 2), MinibatchStdDev()])
def test_a_generator_whose_samples_depend_on_each_other(layer):
    with pytest.raises(ValueError, match=f"none in the generator.*{layer.name}"):
        GAN(generator(layer), discriminator(), latent_dim=2)


def test_clipped_weights_that_are_normalized_anyway():
    with pytest.raises(ValueError, match="weight_clipping=None.*Received"):
        GAN(
            generator(),
            discriminator(SpectralNormalization(layers.Dense(4))),
            latent_dim=2,
            weight_clipping=0.01,
        )


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {
            "loss": losses.AdversarialLoss(
                losses.wasserstein_discriminator, losses.negative_critic_generator
            )
        },
        {"penalties": [GradientPenalty()]},
        {"weight_clipping": 0.01},
        {"middle": lambda: SpectralNormalization(layers.Dense(4))},
        {"middle": lambda: layers.Dense(4, kernel_constraint="unit_norm")},
    ],
)
def test_a_critic_that_nothing_keeps_lipschitz_is_warned_of(arguments):
    arguments = dict(arguments)
    middle = [make() for make in [arguments.pop("middle", None)] if make]
    critic = discriminator(*middle)
    gan = GAN(generator(), critic, latent_dim=2, **{"loss": "wasserstein", **arguments})
    other = GAN(generator(), discriminator(), latent_dim=2)
    for model in (gan, ModeEnsembleGAN([other, gan])):
        if not ({*arguments} - {"loss"} or middle):
            with warnings.catch_warnings(record=True) as seen:
                warnings.simplefilter("always")
                model.compile()
            messages = [str(each.message) for each in seen]
            assert sum("GradientPenalty" in message for message in messages) == 1
        else:
            model.compile()  # A warning would be an error here.


def test_features_of_labels_alone():
    """They are the same for reals and fakes: nothing for a generator to match."""
    x, labels = keras.Input((2,)), keras.Input((), dtype="int32")
    words = layers.Embedding(3, 4, name="words")(labels)
    joined = layers.Concatenate(name="joined")([layers.Dense(4)(x), words])
    critic = keras.Model([x, labels], layers.Dense(1)(joined))
    z, given = keras.Input((2,)), keras.Input((), dtype="int32")
    word = layers.Embedding(3, 2)(given)
    maker = keras.Model([z, given], layers.Dense(2)(layers.Concatenate()([z, word])))

    def make(layer):
        techniques = [FeatureMatching(layer)]
        return GAN(maker, critic, latent_dim=2, num_classes=3, techniques=techniques)

    make("joined")
    with pytest.raises(ValueError, match="samples and its output.*'words'"):
        make("words")


@pytest.mark.parametrize("is_nested", [False, True])
@pytest.mark.parametrize("sees_labels", [False, True])
def test_class_logits_that_see_the_labels(sees_labels, is_nested):
    """A judgement may depend on the labels, what they are guessed from may not."""
    x, labels = keras.Input((2,)), keras.Input((), dtype="int32")
    word = layers.Embedding(3, 4)(labels)
    joined = layers.Concatenate()([layers.Dense(4)(x), word])
    classes = layers.Dense(3)(joined if sees_labels else x)
    critic = keras.Model([x, labels], [layers.Dense(1)(joined), classes])
    if is_nested:
        inputs = keras.Input((2,)), keras.Input((), dtype="int32")
        critic = keras.Model([*inputs], critic([*inputs]))
    z, given = keras.Input((2,)), keras.Input((), dtype="int32")
    word = layers.Embedding(3, 2)(given)
    maker = keras.Model([z, given], layers.Dense(2)(layers.Concatenate()([z, word])))

    def make():
        techniques = [AuxiliaryClassifier()]
        return GAN(maker, critic, latent_dim=2, num_classes=3, techniques=techniques)

    if sees_labels:
        with pytest.raises(ValueError, match="samples alone. Received: .* second inp"):
            make()
    else:
        make()


@pytest.mark.parametrize("layer", [3, [], ["a", "a"], [None], None])
def test_names_of_layers(layer):
    for technique in (FeatureMatching, PullingAway):
        with pytest.raises(ValueError, match="name of a layer.*Received"):
            technique(layer)
    with pytest.raises(ValueError, match="one layer"):
        PullingAway(["a", "b"])


@pytest.mark.parametrize("value", ["no", 1, None])
def test_switches_are_booleans(value):
    with pytest.raises(ValueError, match="True or False"):
        GradientPenalty(one_sided=value)
    with pytest.raises(ValueError, match="True or False"):
        FeatureMatching("features", replaces_loss=value)


def test_numpy_images_are_augmented():
    from kerasgen import random

    noise = random.Noise(0, 0, np.arange(2))
    images = np.zeros((2, 8, 8, 1), "float32")
    assert tuple(DiffAugment()(images, noise, "test").shape) == images.shape
    with pytest.raises(ValueError, match="height, width"):
        DiffAugment()(images[0], noise, "test")
