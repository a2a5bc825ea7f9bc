"""`Critic`: features of a discriminator's layers, in models inside it too."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from kerasgen import losses
from kerasgen.models import GAN
from kerasgen.models.critic import Critic
from kerasgen.techniques import FeatureMatching

X = np.random.RandomState(0).uniform(-1, 1, (6, 8)).astype("float32")


def block(*names):
    return keras.Sequential(
        [
            keras.Input((8,)),
            layers.Dense(8, activation="tanh", name=names[0]),
            layers.BatchNormalization(name=names[1]),
        ]
    )


def backbone():
    """A Functional model with a Sequential one inside."""
    x = keras.Input((8,))
    inner = block("deep", "norm")
    return keras.Model(x, layers.Dense(8, name="shallow")(inner(x))), inner


def make_nested():
    """A discriminator, and models of the features called "deep" and "shallow"."""
    x = keras.Input((8,))
    body, inner = backbone()
    hidden = layers.Dense(8, name="own")(x)
    network = keras.Model(
        x, layers.Dense(1)(layers.LeakyReLU(name="act")(body(hidden)))
    )
    own = keras.Model(x, hidden)
    deep = keras.Model(inner.inputs[0], inner.get_layer("deep").output)
    return network, {
        "deep": lambda x: deep(own(x)),
        "shallow": lambda x: body(own(x)),
        "own": own,
    }


def to_numpy(tensor):
    return ops.convert_to_numpy(tensor)


@pytest.mark.parametrize("names", [["deep"], ["own", "deep", "shallow"]])
def test_features_of_layers_in_nested_models(names):
    network, expected = make_nested()
    critic = Critic(network, losses.hinge, names)
    before = network.get_weights()
    judgement = critic(X, training=False)
    assert [*judgement.features] == names
    np.testing.assert_allclose(
        to_numpy(judgement.logits), to_numpy(network(X)), rtol=1e-5
    )
    for name in names:
        found, wanted = judgement.features[name], expected[name](X)
        np.testing.assert_allclose(to_numpy(found), to_numpy(wanted), rtol=1e-5)
    # The layers run once: moving averages are updated once.
    logits = critic(X, training=True).logits
    after = network.get_weights()
    network.set_weights(before)
    np.testing.assert_allclose(
        to_numpy(logits), to_numpy(network(X, training=True)), rtol=1e-5
    )
    for found, wanted in zip(after, network.get_weights(), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-5)


def test_a_nested_layer_is_matched_and_the_model_is_saved(tmp_path):
    network, _ = make_nested()
    generator = keras.Sequential([keras.Input((2,)), layers.Dense(8)])
    gan = GAN(
        generator, network, latent_dim=2, techniques=[FeatureMatching("deep")], seed=0
    )
    gan.compile()
    history = gan.fit(X, batch_size=3, verbose=0).history
    assert history["feature_matching"][0] > 0.0
    gan.save(tmp_path / "gan.keras")
    copy = keras.models.load_model(tmp_path / "gan.keras")
    for model in (gan, copy):
        model.compile("sgd", "sgd")
    again = [model.fit(X, batch_size=6, verbose=0).history for model in (gan, copy)]
    for name, values in again[0].items():
        np.testing.assert_allclose(again[1][name], values, rtol=1e-4)


@pytest.mark.eager
def test_a_name_of_layers_in_two_models_is_refused():
    x = keras.Input((8,))
    features = block("same", "third")(block("same", "second")(x))
    network = keras.Model(x, layers.Dense(1, name="last")(features))
    Critic(network, losses.hinge, ["second", "third"])
    for wrong in ("same", "none"):
        with pytest.raises(ValueError, match=f"nested model: .* Received: .*'{wrong}'"):
            Critic(network, losses.hinge, [wrong])
