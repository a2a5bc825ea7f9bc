"""Recipes of pixel models: likelihoods beside plain densities, completions."""

import csv

import numpy as np
import pytest
from PIL import Image

from kerasgen.presets import preset_card
from training.mixture_bits import mixture_bits
from training.pixels import NUM_COMPLETED, NUM_DRAWS
from training.publish import render_readme
from training.runner import train

RECIPES = ["pixel_cnn_digits", "pixel_rnn_digits", "gated_pixel_cnn_fashion_mnist"]


@pytest.mark.once
@pytest.mark.parametrize("name", RECIPES)
def test_a_card_has_the_bits_of_plain_models_too(name, tmp_path):
    preset = train(name, tmp_path / "run", ["epochs=2"], quick=True, verbose=0)
    metrics = preset_card(preset)["metrics"]
    own, mixture, uniform = (
        metrics[f"test_bits_per_dim{model}"]["value"]
        for model in ("", "_gaussian_mixture", "_uniform_model")
    )
    assert 0 < own < 1.2 * uniform and 0 < mixture < 1.2 * uniform
    assert uniform == round(np.log2(17), 4)
    given_labels = "given their labels" in metrics["test_bits_per_dim"]["protocol"]
    assert given_labels == name.startswith("gated")
    with open(tmp_path / "run" / "metrics.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    best = min(rows, key=lambda row: float(row["val_bits_per_dim"]))
    assert preset_card(preset)["best_epoch"] == int(best["epoch"]) + 1
    page = render_readme(preset_card(preset))
    assert "lower half hidden" in page and "](completions.png)" in page
    with Image.open(preset / "completions.png") as image:
        width, height = image.size
    assert width / height == pytest.approx((2 + NUM_DRAWS) / NUM_COMPLETED, rel=0.1)


def test_bits_of_a_mixture_are_those_of_its_density():
    """One Gaussian on independent uniform levels: its cross-entropy in closed form."""
    num_levels = 9
    draws = np.random.default_rng(0)
    train, test = draws.integers(0, num_levels, (2, 4000, 2, 2, 1))
    grey = 255 / (num_levels - 1)
    images = [np.floor(x * grey + 0.5).astype("uint8") for x in (train, test)]
    expected = 0.5 * np.log2(2 * np.pi * np.e * num_levels**2 / 12)
    assert mixture_bits(*images, num_levels, 1, 1) == pytest.approx(expected, abs=0.01)
    dark = [np.zeros_like(part) for part in images]
    assert mixture_bits(*dark, num_levels, 1, 1) < 0.3
