"""Recipes of pixel models: likelihoods beside plain densities, completions."""

import csv

import numpy as np
import pytest
from PIL import Image

from kerasgen.datasets import ArrayDataset
from kerasgen.datasets.levels import grey_values
from kerasgen.presets import preset_card
from training.completions import NUM_COMPLETED, NUM_DRAWS
from training.plain_bits import plain_entries
from training.publish import render_readme
from training.runner import train

# The others differ from it in their networks.
RECIPES = [
    "gated_pixel_cnn_fashion_mnist",
    pytest.param("pixel_cnn_digits", marks=pytest.mark.slow),
    pytest.param("pixel_rnn_digits", marks=pytest.mark.slow),
]


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
    train_bits = metrics["train_bits_per_dim"]["value"]
    assert train_bits != own and train_bits == pytest.approx(own, rel=0.1)
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
    levels = np.random.default_rng(0).integers(0, num_levels, (2, 4000, 2, 2, 1))
    expected = 0.5 * np.log2(2 * np.pi * np.e * num_levels**2 / 12)

    def bits(images):
        train, test = (ArrayDataset(part, name="levels") for part in images)
        entries = plain_entries(train, test, num_levels, 1, 1)
        uniform = entries["test_bits_per_dim_uniform_model"]["value"]
        assert uniform == round(np.log2(num_levels), 4)
        return entries["test_bits_per_dim_gaussian_mixture"]["value"]

    images = grey_values(num_levels)[levels]
    assert bits(images) == pytest.approx(expected, abs=0.01)
    assert bits(np.zeros_like(images)) < 0.3


def test_the_gap_of_a_density_learned_by_heart_is_on_the_card():
    images = np.random.default_rng(0).integers(0, 256, (2, 20, 4, 4, 1), "uint8")
    train, test = (ArrayDataset(part, name="noise") for part in images)
    entries = plain_entries(train, test, 256, 1, 14)
    train_bits, test_bits = (
        entries[f"{split}_bits_per_dim_gaussian_mixture"]["value"]
        for split in ("train", "test")
    )
    assert train_bits < test_bits - 0.5
