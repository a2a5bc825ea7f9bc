"""`GenerativeClassifier` against Bayes' rule by hand, and on real digits."""

import keras
import numpy as np
import pytest

import kerasgen
from kerasgen import GenerativeClassifier
from kerasgen.models import GatedPixelCNN, dcgan, dense_vae, projection_gan

SHAPE = (8, 8, 1)


@pytest.fixture(scope="module")
def digits():
    return kerasgen.datasets.load("digits", split="train")


@pytest.fixture(scope="module")
def vae(digits):
    keras.utils.set_random_seed(0)
    model = dense_vae(SHAPE, latent_dim=4, hidden=(64,), num_classes=10, seed=0)
    model.compile(keras.optimizers.Adam(5e-3))
    x, labels = digits.images[:900], digits.labels[:900]
    model.fit(x, labels, batch_size=64, epochs=20, verbose=0)
    return model


@pytest.mark.eager
def test_bayes_rule_by_hand(digits, vae):
    x = digits.images[:6]
    prior = np.arange(1.0, 11.0)
    classifier = GenerativeClassifier(vae, prior, num_samples=3, seed=1)
    joint = np.empty((6, 10))
    for label in range(10):
        nats = vae.log_likelihood(x, 3, 1, labels=np.full(6, label))
        joint[:, label] = np.exp(nats + 60) * prior[label] / prior.sum()
    expected = joint / joint.sum(axis=1, keepdims=True)
    found = classifier.predict_proba(x)
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    np.testing.assert_allclose(found.sum(axis=1), 1)
    np.testing.assert_array_equal(classifier.predict(x), expected.argmax(axis=1))


@pytest.mark.eager
def test_it_tells_digits_apart(digits, vae):
    classifier = GenerativeClassifier(vae, num_samples=5)
    held_out = digits.images[900:1100]
    accuracy = (classifier.predict(held_out) == digits.labels[900:1100]).mean()
    assert accuracy > 0.85


@pytest.mark.eager
def test_exact_likelihoods_and_their_labels():
    model = GatedPixelCNN((2, 2, 1), 4, num_blocks=1, filters=4, num_classes=3, seed=0)
    rng = np.random.default_rng(0)
    for variable in model.network.trainable_variables:
        variable.assign(0.5 * rng.standard_normal(variable.shape))
    x = kerasgen.datasets.quantize(rng.integers(0, 256, (5, 2, 2, 1), "uint8"), 4)
    prior = [0.2, 0.3, 0.5]
    nats = [model.log_likelihood(x, np.full(5, label)) for label in range(3)]
    found = GenerativeClassifier(model, prior).predict_proba(x)
    joint = np.exp(np.transpose(nats)) * prior
    expected = joint / joint.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert np.ptp(nats, axis=0).min() > 1e-3


def test_what_is_refused(vae):
    with pytest.raises(ValueError, match="Received: GAN with num_classes=None"):
        GenerativeClassifier(dcgan(SHAPE, latent_dim=4, filters=4))
    with pytest.raises(ValueError, match="Received: GAN, which has none"):
        GenerativeClassifier(projection_gan(SHAPE, 3, latent_dim=4, filters=4))
    for arguments in ({"draws": 3}, {"labels": 3}):
        with pytest.raises(ValueError, match="VAE.log_likelihood, labels aside"):
            GenerativeClassifier(vae, **arguments)
    for prior in (np.ones(9), np.zeros(10), [np.nan] * 10, ["a"] * 10):
        with pytest.raises(ValueError, match="10 finite numbers > 0"):
            GenerativeClassifier(vae, prior)
