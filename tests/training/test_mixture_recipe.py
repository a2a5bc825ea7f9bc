"""The recipe of a mixture, which EM fits without optimizer and checkpoints."""

import csv

import numpy as np
import pytest
from PIL import Image

from kerasgen import datasets
from kerasgen.presets import from_preset, preset_card
from training.completions import NUM_COMPLETED, NUM_DRAWS
from training.publish import render_readme
from training.runner import train

pytestmark = pytest.mark.eager


def test_a_mixture_is_fitted_scored_and_run_anew(tmp_path):
    weights = []
    for _ in range(2):
        preset = train("gmm_fashion_mnist", tmp_path / "run", quick=True, verbose=0)
        weights.append(from_preset(preset).get_weights())
        card = preset_card(preset)
        with open(tmp_path / "run" / "metrics.csv", newline="") as file:
            rows = list(csv.DictReader(file))
        assert [row["epoch"] for row in rows] == ["0", "1"]
        best = min(float(row["val_bits_per_dim"]) for row in rows)
        assert best == float(rows[card["best_epoch"] - 1]["val_bits_per_dim"])
        bits, uniform = (
            card["metrics"][f"test_bits_per_dim{name}"]
            for name in ("", "_uniform_model")
        )
        assert uniform["value"] == round(np.log2(17), 4)
        assert 0.0 < bits["value"] < 1.2 * uniform["value"]
        assert "17 levels, uniform dequantisation" in bits["protocol"]
        model, test = from_preset(preset), datasets.load("digits", "test").images
        expected = model.bits_per_dim(datasets.quantize(test, 17)).mean()
        assert bits["value"] == pytest.approx(expected, abs=1e-4)
        images = datasets.load("digits", "train[:256]").images
        expected = model.bits_per_dim(datasets.quantize(images, 17)).mean()
        found = card["metrics"]["train_bits_per_dim"]["value"]
        assert found == pytest.approx(expected, abs=1e-4)
        assert card["selected_by"] == "val_bits_per_dim"
        assert (preset / "samples.png").is_file()
        page = render_readme(card)
        assert "lower half hidden" in page and "](completions.png)" in page
        with Image.open(preset / "completions.png") as image:
            width, height = image.size
        assert width / height == pytest.approx((2 + NUM_DRAWS) / NUM_COMPLETED, rel=0.1)
    for first, second in zip(*weights, strict=True):
        np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("override", ["num_factors=64", "extractor=nope"])
def test_a_bad_value_is_found_before_anything_is_written(tmp_path, override):
    with pytest.raises(ValueError, match="Received: "):
        train("gmm_fashion_mnist", tmp_path / "run", [override], quick=True)
    assert not list(tmp_path.iterdir())
