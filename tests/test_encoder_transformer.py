"""`EncoderTransformer` in scikit-learn's pipelines."""

import pickle

import keras
import numpy as np
import pytest
from scipy import sparse
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


def test_clones_keep_the_arguments_and_share_no_model(digits):
    """Cross-validation fits a clone a fold."""
    fit = {"epochs": 3, "verbose": 0}
    given = make_model()
    start = given.get_weights()
    for warm_start in (False, True):
        encoder = EncoderTransformer(given, warm_start, fit_kwargs=fit)
        encoder.fit(digits.images[:32])
        given.set_weights(start)
        copy = clone(encoder)
        assert not hasattr(copy, "model_")
        assert copy.warm_start is warm_start and copy.fit_kwargs == fit
        copy.fit(digits.images[:32])
        assert len(copy.history_.history["loss"]) == 3
        assert copy.model_ is not given
        for a, b in zip(start, given.get_weights(), strict=True):
            np.testing.assert_array_equal(a, b)
    copy = clone(EncoderTransformer(make_model, model_kwargs={"latent_dim": 3}))
    assert copy.model is make_model and copy.model_kwargs == {"latent_dim": 3}


@pytest.mark.eager
def test_a_fitted_one_is_pickled_with_its_model(digits):
    encoder = EncoderTransformer(make_model()).fit(digits.images, verbose=0)
    copy = pickle.loads(pickle.dumps(encoder))
    codes = encoder.transform(digits.images[:9])
    np.testing.assert_array_equal(copy.transform(digits.images[:9]), codes)


def test_images_in_a_range_of_their_own(digits):
    x = (digits.images / 255).astype("float32")
    encoder = EncoderTransformer(make_model())
    codes = encoder.fit(x, value_range=(0, 1), verbose=0).transform(x)
    expected = encoder.model_.encode(digits.images)
    np.testing.assert_allclose(codes, expected, atol=1e-4)


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
    with pytest.raises(TypeError, match="Expected a model, or a .*Received: model='x'"):
        EncoderTransformer("x").fit(digits.images)
    conditional = dense_vae(SHAPE, 2, hidden=(4,), num_classes=10)
    conditional.compile("adam")
    with pytest.raises(ValueError, match="unconditional one. Received: VAE, num_c"):
        EncoderTransformer(conditional).fit(digits.images, digits.labels)
    matrix = sparse.csr_array(np.eye(3, 64))
    for data, name in ((digits, "ArrayDataset"), (matrix, r"csr_array of .*3, 64")):
        with pytest.raises(TypeError, match=f"Received: {name}"):
            EncoderTransformer(make_model()).fit(data)
    encoder = EncoderTransformer(make_model()).fit(digits.images, verbose=0)
    with pytest.raises(ValueError, match=r"latents of shape \(..., 8\)"):
        encoder.inverse_transform(np.zeros((4, 2)))
