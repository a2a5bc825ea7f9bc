"""The recipe of a mixture, which EM fits without optimizer and checkpoints."""

import csv

import numpy as np
import pytest

from kerasgen.presets import from_preset, preset_card
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
        assert 0.0 < card["metrics"]["test_bits_per_dim"]["value"] < 8.0
        assert "uniform dequantisation" in str(card["metrics"])
        assert card["selected_by"] == "val_bits_per_dim"
        assert (preset / "samples.png").is_file()
    for first, second in zip(*weights, strict=True):
        np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("override", ["num_factors=64", "extractor=nope"])
def test_a_bad_value_is_found_before_anything_is_written(tmp_path, override):
    with pytest.raises(ValueError, match="Received: "):
        train("gmm_fashion_mnist", tmp_path / "run", [override], quick=True)
    assert not list(tmp_path.iterdir())
