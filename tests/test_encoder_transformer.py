"""`EncoderTransformer` in scikit-learn's pipelines."""

import keras
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline

import kerasgen
from kerasgen import EncoderTransformer
from kerasgen.models import dcgan, dense_autoencoder, dense_vae

SHAPE = (8, 8, 1)


@pytest.fixture(scope="module")
def digits():
    return kerasgen.datasets.load("digits", split="train[:400]")


def make_model(X=None, y=None, latent_dim=8):
    keras.utils.set_random_seed(0)
    model = dense_autoencoder(SHAPE, latent_dim, hidden=(32,), seed=0)
    model.compile(keras.optimizers.Adam(5e-3))
    return model


@pytest.mark.eager
def test_a_pipeline_classifies_codes(digits):
    fit = {"epochs": 15, "verbose": 0}
    pipeline = make_pipeline(
        EncoderTransformer(make_model(), fit_kwargs=fit), KNeighborsClassifier(3)
    )
    pipeline.fit(digits.images[:300], digits.labels[:300])
    assert pipeline.score(digits.images[300:], digits.labels[300:]) > 0.8
    encoder = pipeline[0]
    codes = encoder.transform(digits.images[:5])
    np.testing.assert_array_equal(codes, encoder.model_.encode(digits.images[:5]))
    back = encoder.inverse_transform(codes)
    np.testing.assert_array_equal(back, encoder.model_.reconstruct(digits.images[:5]))
    assert len(encoder.history_.history["loss"]) == 15


def test_each_fit_starts_anew_unless_it_is_warm(digits):
    given = make_model()
    start = given.get_weights()
    cold = EncoderTransformer(given, fit_kwargs={"verbose": 0})
    first = cold.fit(digits.images).model_
    second = cold.fit(digits.images).model_
    assert first is not second and first is not given
    for a, b in zip(start, given.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    warm = EncoderTransformer(given, warm_start=True, fit_kwargs={"verbose": 0})
    assert warm.fit(digits.images).model_ is given
    assert warm.fit(digits.images).model_ is given
    copy = clone(cold)
    assert copy.fit_kwargs is None or copy.fit_kwargs == {"verbose": 0}
    assert not hasattr(copy, "model_")


def test_a_fit_goes_from_the_weights_given(digits):
    given = make_model()
    given.fit(digits.images, epochs=5, verbose=0)
    given.compile(keras.optimizers.SGD(1e-12))
    encoder = EncoderTransformer(given).fit(digits.images, verbose=0)
    codes = given.encode(digits.images)
    np.testing.assert_allclose(encoder.transform(digits.images), codes, atol=1e-5)


def test_a_function_makes_the_model(digits):
    encoder = EncoderTransformer(make_model, model_kwargs={"latent_dim": 3})
    codes = encoder.fit_transform(digits.images, verbose=0)
    assert codes.shape == (400, 3)


def test_vectors(digits):
    x = digits.images.reshape(400, 64).astype("float32") / 255
    model = dense_vae((64,), 2, hidden=(8,), likelihood="gaussian")
    model.compile("adam")
    codes = EncoderTransformer(model).fit(x, verbose=0).transform(x)
    assert codes.shape == (400, 2)


def test_what_is_refused(digits):
    with pytest.raises(NotFittedError):
        EncoderTransformer(make_model()).transform(digits.images)
    for model in (dense_vae(SHAPE, 2, hidden=(4,)), dcgan(SHAPE, 4, 4)):
        with pytest.raises(ValueError, match="Received: (VAE|GAN), compiled=False"):
            EncoderTransformer(model).fit(digits.images)
    conditional = dense_vae(SHAPE, 2, hidden=(4,), num_classes=10)
    conditional.compile("adam")
    with pytest.raises(ValueError, match="unconditional one. Received: VAE, num_c"):
        EncoderTransformer(conditional).fit(digits.images, digits.labels)
    encoder = EncoderTransformer(make_model()).fit(digits.images, verbose=0)
    with pytest.raises(ValueError, match=r"latents of shape \(..., 8\)"):
        encoder.inverse_transform(np.zeros((4, 2)))
