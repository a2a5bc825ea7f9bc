"""Recipes of applications: what they judge, and that a run goes on where it stopped."""

import shutil

import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier

from kerasgen import datasets, from_preset, recommendation
from kerasgen.models import ImageCodec
from kerasgen.presets import preset_card
from training import photographs
from training.applications import autorec_interactions
from training.publish import render_readme
from training.recipe import load_recipe, resolve_parameters
from training.runner import train

pytestmark = pytest.mark.eager


def train_and_go_on(name, folder):
    """The preset of a run of two epochs; cut off after one, it comes to the same."""
    arguments = (name, folder, ["epochs=2"], True, 0)
    preset = train(*arguments)
    whole = from_preset(preset).get_weights()
    shutil.rmtree(preset)
    shutil.rmtree(max((folder / "checkpoints").glob("step-*")))
    assert train(*arguments) == preset
    resumed = from_preset(preset).get_weights()
    for a, b in zip(whole, resumed, strict=True):
        np.testing.assert_array_equal(a, b)
    rows = (folder / "metrics.csv").read_text().splitlines()[1:]
    assert [row.split(",")[0] for row in rows] == ["0", "1"]
    card = preset_card(preset)
    assert f"| command | `kerasgen train {name} " in render_readme(card)
    assert card["selected_by"] == "last epoch"
    return preset, card


def test_autorec_is_judged_beside_popularity_and_svd(tmp_path):
    preset, card = train_and_go_on("autorec_interactions", tmp_path / "run")
    p = resolve_parameters(load_recipe("autorec_interactions"), quick=True)
    kept, held_out = autorec_interactions.load(p)
    assert (kept + held_out).max() == 1 and 0.1 < held_out.nnz / kept.nnz < 0.25
    ranked = recommendation.recommend(from_preset(preset), kept, num_items=5)
    for name, measure in autorec_interactions.MEASURES.items():
        entry = card["metrics"][f"test_{name}_at_5"]
        expected = np.nanmean(measure(ranked, held_out))
        assert entry["value"] == pytest.approx(expected, abs=1e-4)
        assert "synthetic" in entry["protocol"]
    assert "synthetic" in card["description"] and card["dataset"] == "synthetic"
    popularity, svd = (card["references"][n] for n in ("popularity", "truncated_svd"))
    assert {*popularity} == {*svd} == {*card["metrics"]}
    assert "recommend(model, matrix)" in render_readme(card)
    assert 0 < popularity["test_ndcg_at_5"] < 1 and popularity != svd


def test_the_preset_of_a_codec_compresses(tmp_path):
    preset, card = train_and_go_on("image_codec_photographs", tmp_path / "run")
    codec = from_preset(preset)
    assert isinstance(codec, ImageCodec)
    tiles = photographs.whole_tiles(16)[:4]
    sizes = [len(codec.compress(tile)) for tile in tiles]
    assert codec.decompress(codec.compress(tiles[0])).shape == (16, 16, 3)
    bits = card["metrics"]["test_bits_per_pixel"]["value"]
    assert bits == pytest.approx(8 * np.mean(sizes) / 256, abs=1e-4)
    assert "model.compress(image)" in render_readme(card)
    assert {"test_psnr_db", "test_ssim"} < {*card["metrics"]}
    assert (preset / "reconstructions.png").is_file()
    assert len(list((tmp_path / "run" / "reconstructions").iterdir())) == 2


def test_codes_are_judged_beside_pca_and_pixels(tmp_path):
    preset, card = train_and_go_on("encoder_transformer_digits", tmp_path / "run")
    data, test = (datasets.load("digits", s) for s in ("train[:256]", "test"))
    model = from_preset(preset)
    classifier = KNeighborsClassifier(5).fit(model.encode(data.images), data.labels)
    expected = classifier.score(model.encode(test.images), test.labels)
    value = card["metrics"]["test_accuracy"]["value"]
    assert value == pytest.approx(expected, abs=1e-4)
    pca, pixels = (card["references"][n]["test_accuracy"] for n in ("pca", "pixels"))
    assert 0.3 < pca < pixels < 1
    assert (preset / "reconstructions.png").is_file()


@pytest.mark.parametrize(
    ("name", "override"),
    [
        ("autorec_interactions", "dataset=nope"),
        ("autorec_interactions", "num_places=40"),
        ("autorec_interactions", "masked=1.5"),
        ("image_codec_photographs", "side=200"),
        ("image_codec_photographs", "side=18"),
        ("image_codec_photographs", "num_kinds=9"),
        ("encoder_transformer_digits", "model=nope"),
        ("encoder_transformer_digits", "dataset=gaussian_ring"),
        ("encoder_transformer_digits", "latent_dim=65"),
        ("encoder_transformer_digits", "num_neighbours=257"),
    ],
)
def test_a_bad_value_is_found_before_anything_is_written(tmp_path, name, override):
    with pytest.raises(ValueError, match="Received: "):
        train(name, tmp_path / "run", [override], quick=True)
    assert not list(tmp_path.iterdir())


def test_tiles_of_photographs():
    tiles = photographs.training_tiles(6, 32, seed=1)
    assert tiles.shape == (6, 32, 32, 3) and tiles.dtype == np.uint8
    np.testing.assert_array_equal(tiles[:3], photographs.training_tiles(3, 32, seed=1))
    assert (tiles != photographs.training_tiles(6, 32, seed=2)).any()
    assert photographs.whole_tiles(128).shape == (15, 128, 128, 3)
