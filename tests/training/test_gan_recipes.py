"""Recipes of GANs in their quick mode: they train, are scored and can be loaded."""

import numpy as np
import pytest

import kerasgen
from training.runner import train

pytestmark = pytest.mark.eager


@pytest.mark.parametrize(
    "name",
    [
        "cgan_fashion_mnist",
        "wgan_gp_fashion_mnist",
        pytest.param("lsgan_fashion_mnist", marks=pytest.mark.slow),
        pytest.param("sngan_fashion_mnist", marks=pytest.mark.slow),
    ],
)
def test_a_recipe_trains_in_its_quick_mode(name, tmp_path):
    preset = train(name, tmp_path / "run", quick=True, verbose=0)
    card = kerasgen.presets.preset_card(preset)
    assert card["metrics"]["fid128_test"]["value"] > 0
    model = kerasgen.from_preset(preset)
    assert model.generate(3, seed=0).shape == (3, 8, 8, 1)
    if name == "cgan_fashion_mnist":
        metrics = card["metrics"]
        for key in ("class_agreement", "class_recall", "class_diversity"):
            assert 0 <= metrics[f"{key}_smallest"]["value"] <= metrics[key]["value"]
        assert (
            "120 samples of seed 0, 12 of each class"
            in (metrics["class_agreement"]["protocol"])
        )
        asked = model.generate(20, seed=0, labels=np.arange(20) % 10)
        assert asked.shape == (20, 8, 8, 1)
