"""Presets round trip, and damaged ones are refused: cases W1-W3."""

import json
import shutil

import keras
import numpy as np
import pytest

import kerasgen
from kerasgen.presets import PresetError, list_presets, preset_card

GENERATIVE = [n for n in list_presets() if not n.startswith("features_")]


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    gan = kerasgen.models.dcgan((8, 8, 1), 4, filters=4, ema_decay=0.9, seed=3)
    folder = tmp_path_factory.mktemp("presets") / "gan"
    return gan, gan.save_to_preset(folder, description="for tests")


@pytest.fixture
def copy(saved, tmp_path):
    shutil.copytree(saved[1], tmp_path / "copy")
    return tmp_path / "copy"


def test_a_preset_loads_every_player(saved):
    gan, folder = saved
    loaded = kerasgen.from_preset(folder)
    assert set(loaded.networks) == {"generator", "discriminator", "moving_average"}
    for name, network in gan.networks.items():
        pairs = zip(loaded.networks[name].weights, network.weights, strict=True)
        for a, b in pairs:
            np.testing.assert_array_equal(*map(keras.ops.convert_to_numpy, (a, b)))
    np.testing.assert_array_equal(loaded.generate(3, seed=1), gan.generate(3, seed=1))
    assert preset_card(folder)["description"] == "for tests"
    loaded.compile()
    loaded.fit(np.zeros((8, 8, 8, 1), "uint8"), verbose=0)


def test_a_preset_is_not_changed_by_a_compiled_model(saved, tmp_path):
    gan, folder = saved
    gan.compile()
    again = gan.save_to_preset(tmp_path / "again")
    first, second = (
        json.loads((f / "config.json").read_text()) for f in (folder, again)
    )
    assert first["model"] == second["model"]


def test_a_bit_flip_is_refused_with_both_digests(copy):
    file = copy / "model.weights.h5"
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    with pytest.raises(
        PresetError, match="(?s)sha256 [0-9a-f]{64}.*sha256 [0-9a-f]{64}"
    ):
        kerasgen.from_preset(copy)


@pytest.mark.parametrize(
    ("content", "hint"),
    [
        (b"", "empty"),
        (b"<!DOCTYPE html><html>404</html>", "web page"),
        (b"version https://git-lfs.github.com/spec/v1", "Git LFS"),
        (b"not weights at all", "not HDF5"),
    ],
)
def test_what_is_not_a_file_of_weights_is_named(copy, content, hint):
    file = copy / "model.weights.h5"
    file.write_bytes(content)
    message = f"(?s)model.weights.h5 of {len(content)} bytes.*{hint}"
    with pytest.raises(PresetError, match=message):
        kerasgen.from_preset(copy)
    with pytest.raises(PresetError, match=message):
        kerasgen.models.dcgan((8, 8, 1), 4, filters=4).load_weights(file)


def test_a_truncated_file_is_refused(saved, copy):
    file = copy / "model.weights.h5"
    file.write_bytes(file.read_bytes()[:-1000])
    with pytest.raises(PresetError, match="truncated"):
        kerasgen.from_preset(copy)
    model = kerasgen.models.dcgan((8, 8, 1), 4, filters=4, ema_decay=0.9)
    before = model.get_weights()
    with pytest.raises((PresetError, ValueError)):
        model.load_weights(file)
    for a, b in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    "arguments", [{"filters": 5}, {"filters": 4, "ema_decay": 0.9}]
)
def test_weights_of_another_architecture_leave_the_model_alone(tmp_path, arguments):
    file = tmp_path / "other.weights.h5"
    kerasgen.models.dcgan((8, 8, 1), 4, filters=4).save_weights(file)
    model = kerasgen.models.dcgan((8, 8, 1), 4, **arguments)
    before = model.get_weights()
    with pytest.raises(ValueError):
        model.load_weights(file)
    for a, b in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_config_of_another_width_is_refused(copy):
    config = json.loads((copy / "config.json").read_text())
    config["variables"]["generator"][0][0][-1] += 1
    (copy / "config.json").write_text(json.dumps(config))
    with pytest.raises(PresetError, match="another architecture"):
        kerasgen.from_preset(copy)


def test_a_newer_format_is_refused(copy):
    config = json.loads((copy / "config.json").read_text())
    config.update(preset_format=99, kerasgen="9.9.9")
    (copy / "config.json").write_text(json.dumps(config))
    with pytest.raises(PresetError, match="needs kerasgen 9.9.9"):
        kerasgen.from_preset(copy)


@pytest.mark.parametrize(
    "name",
    ["nope", "../../etc", "/etc", "file:///etc", "a\0b", "x" * 10_000, "", None, 3],
)
def test_names_that_are_not_presets_are_refused(name):
    with pytest.raises(ValueError, match="Received") as caught:
        kerasgen.from_preset(name)
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize("name", GENERATIVE)
def test_a_shipped_preset_samples_and_tunes(name):
    model = kerasgen.from_preset(name)
    images = model.generate(8, seed=0)
    assert images.dtype == np.uint8 and images.shape == (8, *model.data_shape)
    assert images.std() > 20
    card = preset_card(name)
    assert {"dataset", "split", "metrics", "parameters", "selected_by"} <= card.keys()
    assert all({"value", "protocol"} == m.keys() for m in card["metrics"].values())
    model.compile(*(keras.optimizers.SGD(0.0) for _ in model.players))
    model.fit(images, batch_size=4, verbose=0)


def test_the_zoo_holds_what_the_readme_promises():
    assert {
        "dcgan_digits",
        "dcgan_fashion_mnist",
        "features_digits",
        "features_fashion_mnist",
        "vae_digits",
        "vae_fashion_mnist",
    } <= set(list_presets())


def test_the_extractors_reach_their_accuracy():
    test = kerasgen.datasets.load("digits", "test")
    network = kerasgen.from_preset("features_digits")
    measured = kerasgen.metrics.accuracy(network, test.images, test.labels)
    card = preset_card("features_digits")["metrics"]["test_accuracy"]["value"]
    assert measured == pytest.approx(card, abs=0.003) and measured >= 0.92
    fashion = preset_card("features_fashion_mnist")["metrics"]["test_accuracy"]
    assert fashion["value"] >= 0.92


@pytest.mark.parametrize("name", ["dcgan_digits", "vae_digits"])
def test_a_card_s_fid_is_measured_again(name):
    card = preset_card(name)
    model = kerasgen.from_preset(name)
    network = kerasgen.from_preset(card["parameters"]["extractor"])
    real = kerasgen.datasets.load("digits", "test").images
    generated = model.generate(card["parameters"]["num_test_samples"], seed=0)
    fid = kerasgen.metrics.fid(
        kerasgen.metrics.extract_features(network, real),
        kerasgen.metrics.extract_features(network, generated),
    )
    assert fid == pytest.approx(card["metrics"]["fid_test"]["value"], rel=0.02)
