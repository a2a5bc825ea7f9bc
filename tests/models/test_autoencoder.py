"""`Autoencoder` and `DenoisingAutoencoder`."""

import json

import keras
import numpy as np
import pytest
from keras import layers, ops

import kerasgen
from kerasgen.corruptions import GaussianNoise, MaskingNoise, SaltAndPepper
from kerasgen.likelihoods import Bernoulli, Gaussian
from kerasgen.models import (
    VAE,
    Autoencoder,
    DenoisingAutoencoder,
    autorec,
    backbone_autoencoder,
    conv_autoencoder,
    dense_autoencoder,
    dense_vae,
    vq_vae,
)
from kerasgen.sparsity import KLSparsity, L1Sparsity
from tests import contracts

SHAPE = (8, 8, 1)


@pytest.fixture(scope="module")
def digits():
    return kerasgen.datasets.load("digits", split="train[:256]").images


def make(latent_dim=4, learning_rate=3e-3, **arguments):
    keras.utils.set_random_seed(0)
    model = dense_autoencoder(
        SHAPE, latent_dim, hidden=(32,), **{"seed": 1, **arguments}
    )
    model.compile(keras.optimizers.Adam(learning_rate))
    return model


def reconstructions(model):
    x = np.random.default_rng(0).integers(0, 256, (4, *SHAPE), "uint8")
    return model.reconstruct(x)


def test_contract_of_the_autoencoder(digits, tmp_path):
    contracts.check_model(
        lambda: make(
            likelihood=Gaussian("learned", 0.5),
            sparsity=L1Sparsity(0.1),
            code_activation="relu",
            name="mine",
        ),
        digits[:40],
        tmp_path,
        outputs=reconstructions,
    )


@pytest.mark.eager
def test_contract_of_the_denoising_autoencoder(digits, tmp_path):
    def make_model():
        return make(
            likelihood="bernoulli",
            sparsity=KLSparsity(0.1, 0.2),
            code_activation="sigmoid",
            corruption=SaltAndPepper(0.3),
            name="mine",
        )

    contracts.check_model(make_model, digits[:40], tmp_path, outputs=reconstructions)
    assert type(make_model()) is DenoisingAutoencoder


@pytest.mark.eager
def test_it_learns_to_bring_digits_back(digits):
    model = make(latent_dim=8)
    model.fit(digits, batch_size=32, epochs=30, verbose=0)
    terms = model.evaluate(digits, verbose=0, return_dict=True)
    spread = (digits / 127.5 - 1).var(axis=0).mean()
    assert terms["mse"] < 0.4 * spread
    # The fixed Gaussian of variance 1: half the squared error and a constant.
    nats = 64 * (0.5 * terms["mse"] + 0.5 * np.log(2 * np.pi))
    np.testing.assert_allclose(terms["reconstruction_nats"], nats, rtol=1e-5)
    brought = model.reconstruct(digits)
    assert brought.dtype == np.uint8
    error = np.square(brought.astype(float) / 127.5 - digits / 127.5).mean()
    # Clipped to grey levels, which are nearer than what is beyond them.
    assert 0.9 * terms["mse"] < error < 1.01 * terms["mse"]
    codes = model.encode(digits)
    assert codes.shape == (256, 8)
    path = model.interpolate(digits[0], digits[1], 3)
    np.testing.assert_array_equal(path[[0, 2]], brought[:2])


@pytest.mark.eager
def test_a_linear_autoencoder_spans_what_pca_does(digits):
    """Baldi and Hornik 1989: the least error of a linear code is PCA's."""
    keras.utils.set_random_seed(0)
    model = dense_autoencoder(SHAPE, latent_dim=3, hidden=(), seed=0)
    model.compile(keras.optimizers.Adam(1e-2))
    model.fit(digits, batch_size=64, epochs=200, verbose=0)
    mse = model.evaluate(digits, verbose=0, return_dict=True)["mse"]
    x = digits.reshape(256, -1) / 127.5
    singular = np.linalg.svd(x - x.mean(0), compute_uv=False)
    least = (singular[3:] ** 2).sum() / x.size
    assert 0.999 * least <= mse < 1.05 * least


def test_a_vae_without_variance_is_the_autoencoder(digits):
    """At log-variance -80 and beta 0 losses and gradients are the same."""
    likelihood = Bernoulli()
    plain = dense_autoencoder(SHAPE, 4, hidden=(16,), likelihood=likelihood, seed=0)

    def without_variance(z):
        return ops.concatenate([z, ops.zeros_like(z) - 80.0], axis=-1)

    moments = layers.Lambda(without_variance, output_shape=(8,))(plain.encoder.output)
    encoder = keras.Model(plain.encoder.input, moments)
    vae = VAE(encoder, plain.decoder, Bernoulli(), beta=0.0, seed=0)
    start = plain.get_weights()
    runs = []
    for model in (plain, vae):
        plain.set_weights(start)
        model.compile(keras.optimizers.SGD(1e-3))
        history = model.fit(digits, batch_size=32, epochs=2, verbose=0).history
        weights = [*plain.encoder.get_weights(), *plain.decoder.get_weights()]
        runs.append((history["loss"], weights))
    np.testing.assert_allclose(runs[0][0], runs[1][0], rtol=1e-6)
    for a, b in zip(runs[0][1], runs[1][1], strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)
    assert not np.allclose(runs[0][1][0], start[0])


@pytest.mark.eager
def test_l1_makes_codes_sparse(digits):
    shares = []
    for weight in (0.0, 3.0):
        model = make(latent_dim=32, code_activation="relu", sparsity=L1Sparsity(weight))
        history = model.fit(digits, batch_size=32, epochs=15, verbose=0).history
        codes = model.encode(digits)
        shares.append((codes > 1e-3).mean())
        expected = weight * np.abs(codes).sum(axis=1).mean()
        terms = model.evaluate(digits, verbose=0, return_dict=True)
        np.testing.assert_allclose(terms["sparsity"], expected, rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(
            history["loss"],
            np.add(history["reconstruction_nats"], history["sparsity"]),
            rtol=1e-5,
        )
    assert shares[1] < 0.6 * shares[0]


def test_kl_sparsity_holds_the_mean_activation(digits):
    model = make(
        latent_dim=16, code_activation="sigmoid", sparsity=KLSparsity(20.0, 0.1)
    )
    model.fit(digits, batch_size=64, epochs=30, verbose=0)
    assert abs(model.encode(digits).mean() - 0.1) < 0.05


@pytest.mark.eager
@pytest.mark.parametrize(
    "corruption", [GaussianNoise(0.6), MaskingNoise(0.4), SaltAndPepper(0.3)]
)
def test_a_denoising_autoencoder_takes_noise_away(digits, corruption):
    model = make(latent_dim=16, corruption=corruption, learning_rate=5e-3)
    model.fit(digits, batch_size=32, epochs=60, verbose=0)
    noisy = model.corrupt(digits, seed=5)
    assert noisy.dtype == np.uint8
    assert not np.array_equal(noisy, model.corrupt(digits, seed=6))
    np.testing.assert_array_equal(noisy, model.corrupt(digits, seed=5))
    before, after = (
        np.square(x.astype(float) - digits).mean()
        for x in (noisy, model.denoise(noisy))
    )
    assert after < 0.6 * before
    np.testing.assert_array_equal(model.denoise(noisy), model.reconstruct(noisy))


def test_corrupted_vectors_are_what_the_model_takes():
    model = dense_autoencoder(
        (6,), 2, (4,), likelihood="bernoulli", corruption=GaussianNoise(2.0), seed=0
    )
    noisy = model.corrupt(np.zeros((64, 6), "float32"))
    assert noisy.min() == -1.0 and noisy.max() == 1.0
    assert model.denoise(noisy).shape == (64, 6)


def test_noise_differs_between_steps_and_not_between_evaluations(digits):
    model = make(corruption=GaussianNoise(0.5))
    first, second = (model.evaluate(digits, verbose=0) for _ in range(2))
    assert first == second
    model.compile(keras.optimizers.SGD(1e-12))
    losses = model.fit(digits, batch_size=256, epochs=2, verbose=0).history["loss"]
    assert losses[0] != losses[1]


def test_generate_says_what_to_do_instead():
    with pytest.raises(ValueError, match="LatentGMM.*Received: generate of Auto"):
        make().generate(3)


@pytest.mark.eager
def test_convolutional_and_backbone_encoders(digits):
    model = conv_autoencoder(SHAPE, latent_dim=4, filters=4, seed=0)
    model.compile()
    model.fit(digits[:32], verbose=0)
    assert model.encode(digits[:3]).shape == (3, 4)
    model = backbone_autoencoder(
        SHAPE, latent_dim=4, weights=None, filters=4, trainable=False
    )
    frozen = [w.copy() for w in model.encoder.get_weights()]
    model.compile()
    model.fit(digits[:8], batch_size=4, verbose=0)
    moved = [
        not np.array_equal(a, b)
        for a, b in zip(frozen, model.encoder.get_weights(), strict=True)
    ]
    # The last layer alone is trained.
    assert moved == [False] * (len(moved) - 2) + [True, True]
    assert model.reconstruct(digits[:3]).shape == (3, *SHAPE)


def test_vectors():
    x = np.random.default_rng(0).standard_normal((64, 5)).astype("float32")
    model = dense_autoencoder(
        (5,), latent_dim=2, hidden=(8,), corruption=MaskingNoise(0.5)
    )
    model.compile()
    model.fit(x, verbose=0)
    noisy = model.corrupt(x)
    assert noisy.dtype == np.float32
    assert set(np.unique((noisy == x) | (noisy == 0))) == {True}
    assert 0.3 < (noisy == 0).mean() < 0.7
    assert model.denoise(noisy).shape == x.shape


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"latent_dim": 0}, "`latent_dim` is an integer >= 1"),
        ({"hidden": (4, 0)}, r"`hidden\[1\]` is an integer >= 1"),
        ({"hidden": 8}, "tuple or list of units. Received: hidden=8"),
        ({"data_shape": (8, 8)}, "`data_shape` is"),
        ({"likelihood": "normal"}, "Received: likelihood='normal'"),
        ({"sparsity": 0.1}, "`sparsity` is an object of kerasgen.sparsity"),
        ({"sparsity": KLSparsity(1.0)}, "last activation is a sigmoid"),
        ({"corruption": 0.1}, "`corruption` is a kerasgen.corruptions object"),
        (
            {"data_shape": (5,), "corruption": SaltAndPepper()},
            "Black and white are those of images",
        ),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        dense_autoencoder(**{"data_shape": SHAPE, "hidden": (4,), **arguments})


@pytest.mark.eager
def test_sizes_may_be_numpy_s_integers():
    """Such as the largest label and one."""
    size = np.int64(3)
    for model in (
        dense_autoencoder(SHAPE, size, hidden=(4,)),
        conv_autoencoder(SHAPE, size, filters=4),
        autorec(size, size),
        dense_vae(SHAPE, size, hidden=(4,), num_classes=size),
        vq_vae(SHAPE, num_codes=size, code_dim=2, filters=4),
    ):
        json.dumps(keras.saving.serialize_keras_object(model))
        assert type(model).from_config(model.get_config()).built


def test_networks_must_fit_together():
    one = dense_autoencoder((4,), latent_dim=2, hidden=(3,))
    other = dense_autoencoder((4,), latent_dim=3, hidden=(3,))
    with pytest.raises(ValueError, match=r"emits z: .*\(batch, 2\)"):
        Autoencoder(other.encoder, one.decoder)
    z = one.encoder.output
    two = keras.Model(one.encoder.input, [z, z])
    with pytest.raises(ValueError, match=r"`encoder` has one output.*\(None, 2\), "):
        Autoencoder(two, one.decoder)
    square = keras.Sequential([keras.Input((4,)), layers.Dense(4)], name="square")
    with pytest.raises(ValueError, match="two networks. Received: square twice"):
        Autoencoder(square, square)
    with pytest.raises(ValueError, match="of shape .*num_samples, 4"):
        one.compile()
        one.fit(np.zeros((8, 5), "float32"), verbose=0)
