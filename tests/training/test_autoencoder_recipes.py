"""Recipes of autoencoders: what they bring back, and what their cards say."""

import numpy as np
import pytest
from PIL import Image

from kerasgen import from_preset
from kerasgen.presets import preset_card
from training.publish import pictures_of, publish, render_readme
from training.runner import train

pytestmark = pytest.mark.once


def test_a_card_has_the_errors_of_training_and_test_images(tmp_path):
    name = "autoencoder_fashion_mnist"
    preset = train(name, tmp_path / "run", ["epochs=2"], quick=True, verbose=0)
    card = preset_card(preset)
    latent = {"latent_continuity", "latent_completeness"}
    assert {*card["metrics"]} == {"test_psnr_db", "train_psnr_db"} | latent
    assert all(np.isfinite(m["value"]) for m in card["metrics"].values())
    assert {*pictures_of(card)} == {"reconstructions.png"}
    assert (tmp_path / "run" / "reconstructions" / "epoch-0002.png").is_file()
    page = render_readme(card)
    assert "](reconstructions.png)" in page and "model.reconstruct(x)" in page
    target = publish(tmp_path / "run", tmp_path / "zoo")
    with Image.open(target / "reconstructions.png") as image:
        assert image.size[0] > image.size[1]
    assert from_preset(target).reconstruct(np.zeros((1, 8, 8, 1), "uint8")).any()


def test_denoising_is_beside_the_noise_and_a_median_filter(tmp_path):
    name = "denoising_autoencoder_fashion_mnist"
    preset = train(name, tmp_path / "run", ["epochs=2"], quick=True, verbose=0)
    metrics = preset_card(preset)["metrics"]
    noisy, filtered, denoised = (
        metrics[f"{kind}_test_psnr_db"]["value"]
        for kind in ("noisy", "median_filtered", "denoised")
    )
    assert 5 < min(noisy, filtered, denoised) < 30
    assert "Noisy test images" in render_readme(preset_card(preset))


def test_a_conditional_vae_is_judged_by_class(tmp_path):
    preset = train("cvae_fashion_mnist", tmp_path / "run", quick=True, verbose=0)
    card = preset_card(preset)
    assert len(card["classes"]) == 10
    metrics = card["metrics"]
    assert metrics["train_elbo_nats"]["value"] == pytest.approx(
        metrics["test_elbo_nats"]["value"], rel=0.2
    )
    assert "given their labels" in metrics["test_elbo_nats"]["protocol"]
    bound = metrics["test_log_likelihood_nats_10_samples"]["value"]
    # Of other images than the ELBO, which it else exceeds.
    assert bound == pytest.approx(metrics["test_elbo_nats"]["value"], rel=0.1)
    assert metrics["train_log_likelihood_nats_10_samples"]["value"] == pytest.approx(
        bound, rel=0.2
    )
    assert "samples.png" in pictures_of(card)


def test_a_vq_vae_is_trained_with_its_prior_and_goes_on(tmp_path):
    name = "vq_vae_fashion_mnist"
    preset = train(name, tmp_path / "run", quick=True, verbose=0)
    card = preset_card(preset)
    metrics = card["metrics"]
    assert 1 <= metrics["test_code_perplexity"]["value"] <= 8
    bits = metrics["test_bits_per_code"]["value"]
    assert 0 < bits < 4
    assert metrics["train_bits_per_code"]["value"] == pytest.approx(bits, rel=0.1)
    assert {"test_psnr_db", "fid128_test", "class_agreement"} <= {*metrics}
    assert {*pictures_of(card)} == {"samples.png", "reconstructions.png"}
    model = from_preset(preset)
    images = model.generate(4, seed=0, labels=[0, 1, 2, 3])
    # Killed before the card was written.
    for path in preset.iterdir():
        path.unlink()
    preset.rmdir()
    again = train(name, tmp_path / "run", quick=True, verbose=0)
    assert again == preset
    np.testing.assert_array_equal(
        from_preset(preset).generate(4, seed=0, labels=[0, 1, 2, 3]), images
    )
