"""Tables of benchmarks agree with what ships, and reach their targets."""

import json
from pathlib import Path

import kerasgen

RESULTS = Path(__file__).parents[1] / "training" / "benchmarks" / "results"


def test_the_dcgan_beats_a_plain_one_by_a_tenth():
    result = json.loads((RESULTS / "dcgan_vs_pytorch.json").read_text())
    card = kerasgen.presets.preset_card("dcgan_fashion_mnist")
    own = result["scores"].pop("kerasgen dcgan_fashion_mnist")
    assert abs(own - card["metrics"]["fid10k_test"]["value"]) < 1e-3
    assert own <= 0.9 * min(result["scores"].values())
