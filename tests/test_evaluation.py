"""`kerasgen evaluate`: presets and folders, protocol, digits that repeat."""

import json
import subprocess
import sys

import keras
import numpy as np
import pytest
from PIL import Image

import kerasgen
from kerasgen import evaluation, extractors, metrics
from kerasgen.evaluation import evaluate, save_statistics

pytestmark = pytest.mark.eager

TEST = kerasgen.datasets.load("digits", "test").images


@pytest.fixture(scope="module")
def extractor():
    return extractors.from_classifier_preset("features_digits")


@pytest.fixture
def folder(tmp_path):
    """The first 50 test digits as PNG files, in order."""
    path = tmp_path / "pngs"
    path.mkdir()
    for index, image in enumerate(TEST[:50]):
        Image.fromarray(image[..., 0]).save(path / f"{index:03d}.png")
    return path


def test_a_preset_scores_as_its_parts_do(extractor):
    report = evaluate("vae_digits", "digits:test", ["fid", "pr", "is"], num=150, seed=3)
    samples = kerasgen.from_preset("vae_digits").generate(150, seed=3)
    features = extractor(samples).features
    expected = metrics.fid(extractor(TEST).features, features)
    score = report.scores["fid150_digits_test"]
    assert score.value == pytest.approx(expected, rel=1e-6)
    assert set(report.scores) == {
        f"{name}150_digits_test" for name in ("fid", "precision", "recall", "is")
    }
    protocol = report.protocol
    assert protocol["extractor_digest"] == extractor.digest
    assert (protocol["seed"], protocol["num_reference"]) == (3, 360)
    assert len(protocol["source_sha256"]) == 64


@pytest.mark.once
def test_the_same_seed_prints_the_same_digits(tmp_path):
    arguments = ["evaluate", "vae_digits", "--against", "digits:test", "--num", "100"]
    arguments += ["--metrics", "fid,dc", "--seed", "5", "--out", "a.json"]
    result = subprocess.run(
        [sys.executable, "-c", "from kerasgen.cli import main; main()", *arguments],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    assert "fid100_digits_test" in result.stdout
    report = json.loads((tmp_path / "a.json").read_text())
    again = evaluate("vae_digits", "digits:test", ["fid", "dc"], num=100, seed=5)
    # TensorFlow does not optimise graphs in this process: see conftest.py.
    rel = 1e-6 if keras.backend.backend() == "tensorflow" else 0
    for name, score in again.scores.items():
        assert report["scores"][name]["value"] == pytest.approx(score.value, rel, 0)
    assert set(report["scores"]) == {
        f"{name}100_digits_test" for name in ("fid", "density", "coverage")
    }
    assert report["protocol"]["against"] == "digits:test"


def test_a_folder_of_pngs(folder, extractor):
    report = evaluate(folder, "digits:test", ["fid", "sharpness"], num=40)
    features = extractor(TEST).features
    expected = metrics.fid(features, features[:40])
    score = report.scores["fid40_digits_test"]
    assert score.value == pytest.approx(expected, rel=1e-6)
    assert 0.5 < report.scores["sharpness_ratio40_digits_test"].value < 2.0


def test_a_preset_folder_in_the_current_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    kerasgen.from_preset("vae_digits").save_to_preset("mine")
    mine = evaluate("mine", "digits:test", num=50)
    shipped = evaluate("vae_digits", "digits:test", num=50)
    assert mine.scores == shipped.scores
    assert len(mine.protocol["source_sha256"]) == 64


def test_a_folder_as_reference(folder):
    report = evaluate(
        "vae_digits", folder, ["fid"], num=50, extractor="features_digits"
    )
    assert list(report.scores) == ["fid50_pngs"]
    assert report.protocol["num_reference"] == 50


def test_statistics_as_reference(extractor, tmp_path):
    path = tmp_path / "digits_test.npz"
    features = extractor(TEST).features
    metrics.save_statistics(
        path, *metrics.statistics(features), len(features), **extractor.protocol
    )
    arguments = {"num": 100, "extractor": "features_digits"}
    by_file = evaluate("vae_digits", path, **arguments)
    by_name = evaluate("vae_digits", "digits:test", **arguments)
    assert by_file.scores["fid100_digits_test"].value == pytest.approx(
        by_name.scores["fid100_digits_test"].value, rel=1e-6
    )


def test_statistics_of_a_dataset_are_written_and_scored_against(tmp_path):
    path = tmp_path / "digits_test.npz"
    save_statistics("digits:test", path)
    # The file names the extractor.
    by_file = evaluate("vae_digits", path, num=100)
    by_name = evaluate("vae_digits", "digits:test", num=100)
    assert by_file.scores["fid100_digits_test"].value == pytest.approx(
        by_name.scores["fid100_digits_test"].value, rel=1e-9
    )
    for key in ("generated_sha256", "extractor_digest"):
        assert by_file.protocol[key] == by_name.protocol[key]
    about = by_file.protocol["reference_protocol"]
    assert about["reference_sha256"] == by_name.protocol["reference_sha256"]
    with pytest.raises(ValueError, match="ending in .npz. Received"):
        save_statistics("digits:test", tmp_path / "a.npy")
    with pytest.raises(ValueError, match="Expected images. Received: statistics"):
        save_statistics(path, tmp_path / "b.npz")


@pytest.mark.parametrize("name", ["inception:http://127.0.0.1:9/a#0", "a/folder", None])
def test_a_file_of_statistics_does_not_choose_what_is_loaded(name, tmp_path):
    path = tmp_path / "a.npz"
    metrics.save_statistics(path, np.zeros(64), np.eye(64), 100, extractor=name)
    with pytest.raises(ValueError, match="Expected an extractor beside.*Received"):
        evaluate("vae_digits", path, num=10)


def test_a_folder_of_splits_is_refused(folder, tmp_path):
    (tmp_path / "splits").mkdir()
    folder.rename(tmp_path / "splits" / "train")
    with pytest.raises(ValueError, match="not of splits.*Received"):
        evaluate(tmp_path / "splits", "digits:test")


def test_what_is_no_image_does_not_decide_the_colours(folder):
    Image.fromarray(np.zeros((8, 8, 3), "uint8")).save(folder / ".thumb.png")
    bomb = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + (100_000).to_bytes(4, "big") * 2
    (folder / "bomb.png").write_bytes(bomb + b"\x08\x02\x00\x00\x00" + bytes(4))
    with pytest.warns(UserWarning):
        assert evaluation._folder_images(folder).shape == (50, 8, 8, 1)


def test_colours_among_grey_images_are_kept(folder):
    assert evaluation._folder_images(folder).shape == (50, 8, 8, 1)
    Image.fromarray(np.zeros((8, 8, 3), "uint8")).save(folder / "999.png")
    assert evaluation._folder_images(folder).shape == (51, 8, 8, 3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"source": "nothing"}, "Expected one of the presets"),
        ({"source": "features_digits"}, "Expected a generative preset"),
        ({"against": "digits"}, "Expected DATASET:SPLIT"),
        ({"against": "nothing:test"}, "Expected DATASET:SPLIT"),
        ({"against": "digits:nothing"}, "Expected a split"),
        ({"metrics": ["fud"]}, "Expected one of the metrics"),
        ({"metrics": []}, "Expected at least one metric"),
        ({"metrics": ["kid"]}, "at least 1000 generated samples for 'kid'"),
        ({"num": 1}, "Expected num >= 2"),
        ({"extractor": "vae_digits"}, "Expected a classifier preset"),
        ({"extractor": "application:Nothing"}, "Expected one of"),
        ({"resize": "bad"}, "mode is one of"),
        ({"source": "vae_fashion_mnist"}, "equal shape on both sides"),
    ],
)
def test_bad_arguments(arguments, message):
    good = {"source": "vae_digits", "against": "digits:test", "num": 100}
    with pytest.raises(ValueError, match=message + "(.|\n)*Received"):
        evaluate(**{**good, **arguments})


def test_images_of_another_size_are_resized_not_refused_by_the_extractor(extractor):
    large = np.repeat(np.repeat(TEST[:5], 3, axis=1), 3, axis=2)
    assert extractor(large).features.shape == (5, 64)
