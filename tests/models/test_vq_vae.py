"""`VQVAE`: codes, codebook, and a prior that is handed in."""

import keras
import numpy as np
import pytest

import kerasgen
from kerasgen.likelihoods import Gaussian
from kerasgen.models import VQVAE, GatedPixelCNN, PixelCNN, vq_vae
from tests import contracts

SHAPE = (8, 8, 1)


@pytest.fixture(scope="module")
def digits():
    return kerasgen.datasets.load("digits", split="train[:256]").images


def make(num_codes=16, learning_rate=3e-3, **arguments):
    keras.utils.set_random_seed(0)
    given = {"code_dim": 4, "filters": 16, "num_blocks": 1, "seed": 1}
    model = vq_vae(SHAPE, num_codes, **{**given, **arguments})
    model.compile(keras.optimizers.Adam(learning_rate))
    return model


def test_contract(digits, tmp_path):
    def make_model():
        small = vq_vae(SHAPE, 8, code_dim=3, filters=4, num_blocks=1)
        prior = PixelCNN((2, 2, 1), num_levels=8, num_blocks=1, filters=4)
        # Far enough from even odds for a temperature to change draws.
        rng = np.random.default_rng(0)
        for network, scale in ((prior.network, 0.5), (small.decoder, 1.0)):
            for variable in network.trainable_variables:
                variable.assign(scale * rng.standard_normal(variable.shape))
        model = VQVAE(
            small.encoder,
            small.decoder,
            8,
            likelihood=Gaussian("learned", 0.1),
            commitment_weight=0.5,
            decay=0.9,
            restart_below=0.02,
            prior=prior,
            seed=4,
            name="mine",
        )
        model.quantizer.codebook.assign(rng.standard_normal((8, 3)))
        model.compile()
        return model

    contracts.check_model(make_model, digits[:40], tmp_path)


@pytest.mark.eager
def test_it_learns_codes(digits):
    model = make(num_codes=32)
    history = model.fit(digits, batch_size=32, epochs=25, verbose=0).history
    terms = model.evaluate(digits, batch_size=64, verbose=0, return_dict=True)
    spread = (digits / 127.5 - 1).var(axis=0).mean()
    assert terms["mse"] < 0.75 * spread
    assert 4 < terms["perplexity"] <= 32
    np.testing.assert_allclose(
        history["loss"],
        np.add(history["reconstruction_nats"], 0.25 * np.array(history["commitment"])),
        rtol=1e-5,
    )
    codes = model.encode(digits)
    assert codes.shape == (256, 2, 2) and codes.dtype == np.int32
    shares = np.bincount(codes[:64].ravel(), minlength=32) / codes[:64].size
    entropy = -(shares[shares > 0] * np.log(shares[shares > 0])).sum()
    perplexity = model.evaluate(digits[:64], batch_size=64, verbose=0, return_dict=True)
    np.testing.assert_allclose(perplexity["perplexity"], np.exp(entropy), rtol=1e-4)
    brought = model.reconstruct(digits)
    np.testing.assert_array_equal(model.decode_codes(codes), brought)


@pytest.mark.eager
def test_a_step_looks_for_codes_once_beside_the_averages(digits, monkeypatch):
    model = make()
    model.compile("adam", run_eagerly=True)
    calls = []
    nearest = model.quantizer.nearest
    monkeypatch.setattr(
        model.quantizer, "nearest", lambda x: calls.append(x.shape) or nearest(x)
    )
    model.test_on_batch(digits[:8])
    assert len(calls) == 1
    # The averages move by the codes before the step, the decoder sees those after it.
    calls.clear()
    model.train_on_batch(digits[:8])
    assert len(calls) == 2


def test_code_images_are_levels(digits):
    model = make(num_codes=7)
    images = model.code_images(digits[:20])
    assert images.shape == (20, 2, 2, 1) and images.dtype == np.uint8
    levels = kerasgen.datasets.quantize(images, 7)
    np.testing.assert_array_equal(levels, images)
    back = np.round(images[..., 0] / 255 * 6).astype(int)
    np.testing.assert_array_equal(back, model.encode(digits[:20]))


@pytest.mark.eager
@pytest.mark.parametrize("num_codes", [1, 300])
def test_a_prior_needs_codes_that_images_have_levels_of(digits, num_codes):
    model = make(num_codes=num_codes)
    prior = PixelCNN((2, 2, 1), num_levels=256, num_blocks=1, filters=4)
    for call in (lambda: model.code_images(digits), lambda: model.set_prior(prior)):
        message = rf"num_codes in \[2, 256\]. Received: .* num_codes={num_codes}"
        with pytest.raises(ValueError, match=message):
            call()
    codes = model.encode(digits[:9])
    brought = model.reconstruct(digits[:9])
    np.testing.assert_array_equal(model.decode_codes(codes), brought)


@pytest.mark.eager
def test_generate_needs_a_prior_and_draws_from_it(digits):
    model = make(num_codes=8)
    model.fit(digits, batch_size=32, epochs=3, verbose=0)
    with pytest.raises(ValueError, match="set_prior.*a model without one"):
        model.generate(2)
    prior = GatedPixelCNN((2, 2, 1), num_levels=8, num_blocks=1, filters=8, seed=0)
    prior.compile(keras.optimizers.Adam(1e-2))
    prior.fit(model.code_images(digits), batch_size=32, epochs=5, verbose=0)
    model.set_prior(prior)
    samples = model.generate(6, seed=3)
    images = prior.generate(6, seed=3)
    codes = np.round(images[..., 0] / 255 * 7).astype(np.int32)
    np.testing.assert_array_equal(samples, model.decode_codes(codes))
    # The prior stays as it is while the model is trained on.
    before = prior.get_weights()
    model.fit(digits[:64], verbose=0)
    for a, b in zip(before, prior.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.eager
def test_a_prior_with_labels(digits):
    model = make(num_codes=8)
    prior = GatedPixelCNN(
        (2, 2, 1), num_levels=8, num_blocks=1, filters=4, num_classes=3, seed=0
    )
    model.set_prior(prior)
    assert model.generate(2, seed=0, labels=[0, 2]).shape == (2, *SHAPE)
    with pytest.raises(ValueError, match=r"labels in \[0, 3\)"):
        model.generate(2, labels=[0, 3])
    # The autoencoder itself has none.
    model.fit(digits[:32], verbose=0)
    assert model.encode(digits[:2]).shape == (2, 2, 2)


def test_presets_hold_the_prior(digits, tmp_path):
    model = make(num_codes=8)
    model.set_prior(PixelCNN((2, 2, 1), num_levels=8, num_blocks=1, filters=4))
    model.save_to_preset(tmp_path / "mine", name="mine")
    loaded = kerasgen.from_preset(tmp_path / "mine")
    np.testing.assert_array_equal(loaded.generate(3, seed=1), model.generate(3, seed=1))
    np.testing.assert_array_equal(loaded.encode(digits[:9]), model.encode(digits[:9]))


def test_a_prior_can_be_replaced(digits, tmp_path):
    model = make(num_codes=8)
    for num_blocks in (1, 2):
        prior = GatedPixelCNN((2, 2, 1), 8, num_blocks=num_blocks, filters=4)
        model.set_prior(prior)
    assert len(model.weights) == len(make(num_codes=8).weights) + len(prior.weights)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded.generate(3, seed=1), model.generate(3, seed=1))
    model.save_weights(tmp_path / "model.weights.h5")
    model.load_weights(tmp_path / "model.weights.h5")


def test_wrong_priors_and_codes(digits):
    model = make(num_codes=8)
    for prior in (
        PixelCNN((2, 2, 1), num_levels=9, num_blocks=1, filters=4),
        PixelCNN((2, 3, 1), num_levels=8, num_blocks=1, filters=4),
        model,
    ):
        with pytest.raises(ValueError, match=r"\(2, 2, 1\) with num_levels=8"):
            model.set_prior(prior)
    with pytest.raises(TypeError, match="Received: dtype=float"):
        model.decode_codes(np.zeros((1, 2, 2)))
    with pytest.raises(ValueError, match="`batch_size` is an integer >= 1"):
        model.decode_codes(np.zeros((1, 2, 2), int), batch_size=0)
    for codes in (
        np.zeros((1, 2, 3), int),
        np.full((1, 2, 2), 8),
        np.zeros((0, 2, 2), int),
    ):
        with pytest.raises(ValueError, match="Received: "):
            model.decode_codes(codes)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"num_codes": 0}, "`num_codes` is an integer >= 1"),
        ({"code_dim": 0}, "`code_dim` is an integer >= 1"),
        ({"commitment_weight": -1}, "`commitment_weight` is a finite number >= 0"),
        ({"image_shape": (10, 8, 1)}, "multiples of 4"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        vq_vae(**{"image_shape": SHAPE, "filters": 4, **arguments})
