"""`LatentGMM`: a sampler over the codes of a trained model."""

import keras
import numpy as np
import pytest
from scipy import sparse

import kerasgen
from kerasgen.datasets import InteractionDataset
from kerasgen.models import (
    GaussianMixture,
    LatentGMM,
    autorec,
    dcgan,
    dense_autoencoder,
    dense_vae,
)
from tests import contracts

SHAPE = (8, 8, 1)


@pytest.fixture(scope="module")
def digits():
    return kerasgen.datasets.load("digits", split="train[:512]")


@pytest.fixture(scope="module")
def autoencoder(digits):
    keras.utils.set_random_seed(0)
    model = dense_autoencoder(SHAPE, latent_dim=4, hidden=(64,), seed=0)
    model.compile(keras.optimizers.Adam(3e-3))
    model.fit(digits.images, batch_size=32, epochs=30, verbose=0)
    return model


def make(model, num_components=8, **arguments):
    mixture = GaussianMixture((model.latent_dim,), num_components, seed=0)
    return LatentGMM(model, mixture, **{"seed": 1, **arguments})


@pytest.mark.eager
def test_samples_of_an_autoencoder_look_like_its_data(digits, autoencoder):
    sampler = make(autoencoder)
    before = autoencoder.get_weights()
    history = sampler.fit(digits.images, verbose=0).history
    assert history["log_likelihood_nats"][-1] > history["log_likelihood_nats"][0]
    samples = sampler.generate(512, seed=0)
    contracts.check_generation(sampler)
    # Codes drawn from N(0, I) decode to nothing like digits.
    z = np.random.default_rng(0).standard_normal((512, 4)).astype("float32")
    naive = autoencoder.decode_path(z)

    def distance(images):
        real = digits.images.reshape(512, -1).astype(float)
        return kerasgen.metrics.fid(real, images.reshape(512, -1).astype(float))

    assert distance(samples) < 0.5 * distance(naive)
    for a, b in zip(before, autoencoder.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    nats = sampler.evaluate(digits.images)[0]
    codes = autoencoder.encode(digits.images)
    np.testing.assert_allclose(nats, sampler.mixture.log_likelihood(codes).mean())


def test_it_draws_codes_and_decodes_them(digits, autoencoder):
    sampler = make(autoencoder)
    sampler.fit(digits.images, verbose=0)
    codes = sampler.mixture.generate(5, seed=7)
    expected = autoencoder.decode_path(codes).astype(int)
    assert np.abs(sampler.generate(5, seed=7) - expected).max() <= 1


def test_a_conditional_vae(digits):
    vae = dense_vae(SHAPE, latent_dim=2, hidden=(8,), num_classes=10, seed=0)
    sampler = make(vae, 2)
    sampler.fit(digits.images, digits.labels, verbose=0)
    assert sampler.generate(3, seed=0, labels=[1, 2, 3]).shape == (3, *SHAPE)
    with pytest.raises(ValueError, match="labels=None"):
        sampler.fit(digits.images, verbose=0)
    held_out = (digits.images[:100], digits.labels[:100])
    history = sampler.fit(
        digits.images, digits.labels, validation_data=held_out, verbose=0
    ).history
    nats = sampler.evaluate(*held_out)[0]
    assert history["val_log_likelihood_nats"][-1] == pytest.approx(nats)


@pytest.mark.eager
@pytest.mark.parametrize("num_rows", [60, 300])
def test_codes_are_drawn_batch_by_batch_as_of_the_whole(digits, num_rows):
    vae = dense_vae(SHAPE, latent_dim=2, hidden=(8,), seed=0)
    x = digits.images[:num_rows]
    batches = kerasgen.datasets.ArrayDataset(x, batch_size=50, shuffle=False)
    mixtures = []
    for data in (x, batches, iter([x[:7], x[7:]])):
        sampler = make(vae, 2)
        sampler.fit(data, verbose=0)
        mixtures.append(sampler.mixture.mixture.components.means)
    for means in mixtures[1:]:
        np.testing.assert_allclose(means, mixtures[0], rtol=1e-4, atol=1e-5)


@pytest.mark.eager
def test_a_sampler_of_interactions_is_never_dense():
    """Two rows a batch; ten of these users would be 40 GB."""
    num_items = 10**6
    matrix = sparse.csr_array((np.ones(10), (range(10), range(10))), (10, num_items))
    sizes = []

    class Watched(InteractionDataset):
        def get_batch(self, *arguments):
            batch = super().get_batch(*arguments)
            sizes.append(len(batch[0]))
            return batch

    model = autorec(num_items, latent_dim=1, seed=0)
    sampler = make(model, 1)
    sampler.fit(Watched(matrix, batch_size=2), epochs=1, verbose=0)
    assert sizes == [2] * 5
    with pytest.raises(ValueError, match="toarray.*10 users and 1000000 items"):
        GaussianMixture((num_items,), 1, "diagonal").fit(InteractionDataset(matrix))


def test_the_codes_of_a_vae_are_draws(digits):
    """An untrained encoder has means near 0 and variances near 1."""
    keras.utils.set_random_seed(0)
    vae = dense_vae(SHAPE, latent_dim=2, hidden=(8,), seed=0)
    sampler = make(vae, 1)
    sampler.fit(digits.images, verbose=0)
    draws = sampler.mixture.generate(500, seed=0)
    means, log_vars = vae.encode_distribution(digits.images)
    spread = means.var(axis=0) + np.exp(log_vars).mean(axis=0)
    np.testing.assert_allclose(draws.var(axis=0), spread, rtol=0.3)
    assert (spread > 2 * means.var(axis=0)).all()


@pytest.mark.eager
def test_bright_images_are_fitted_to_in_the_range_that_is_given(digits, autoencoder):
    bright = 128 + digits.images // 4
    codes = autoencoder.encode(bright)
    sampler = make(autoencoder, 1)
    for x, value_range in (
        (bright.astype("float32") / 255, (0, 1)),
        (bright.astype("float32") / 127.5 - 1, (-1, 1)),
    ):
        sampler.fit(x, value_range=value_range, verbose=0)
        drawn = sampler.mixture.generate(500, seed=0)
        spread = codes.std(axis=0)
        assert (np.abs(drawn.mean(axis=0) - codes.mean(axis=0)) < 0.3 * spread).all()
        assert np.isfinite(sampler.evaluate(x, value_range=value_range)).all()


def test_saving(digits, autoencoder, tmp_path):
    sampler = make(autoencoder, 3)
    sampler.fit(digits.images, verbose=0)
    sampler.save(tmp_path / "sampler.keras")
    sampler.save_to_preset(tmp_path / "mine", name="mine")
    for loaded in (
        keras.saving.load_model(tmp_path / "sampler.keras"),
        kerasgen.from_preset(tmp_path / "mine"),
    ):
        np.testing.assert_array_equal(
            loaded.generate(4, seed=2), sampler.generate(4, seed=2)
        )


def test_parts_must_fit(autoencoder):
    with pytest.raises(ValueError, match=r"latent_dim, \(4,\).*over \(3,\)"):
        LatentGMM(autoencoder, GaussianMixture((3,), 2))
    with pytest.raises(ValueError, match="Received: GAN"):
        LatentGMM(dcgan(SHAPE, latent_dim=4, filters=4), GaussianMixture((4,), 2))


@pytest.mark.parametrize(
    ("error", "arguments", "message"),
    [
        (ValueError, {"validation_data": (None,)}, "Received: a tuple of 1"),
        (ValueError, {"validation_data": np.zeros((2, 3, 8, 1))}, r"\(2, 3, 8, 1\)"),
        (ValueError, {"epochs": 0}, "epochs"),
        (ValueError, {"tolerance": -1.0}, "tolerance"),
        (ValueError, {"warm_start": True, "num_starts": 2}, "num_starts=1"),
        (TypeError, {"learning_rate": 0.1}, "learning_rate"),
    ],
)
def test_arguments_are_checked_before_anything_is_encoded(
    autoencoder, monkeypatch, error, arguments, message
):
    sampler = make(autoencoder, 2)
    monkeypatch.setattr(sampler.model, "draw_codes", lambda *args, **more: 1 / 0)
    with pytest.raises(error, match=message):
        sampler.fit(np.zeros((8, *SHAPE), "uint8"), **arguments)
