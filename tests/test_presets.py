"""Presets round trip, and damaged ones are refused: cases W1-W3."""

import json
import shutil

import keras
import numpy as np
import pytest

import kerasgen
from kerasgen.presets import PresetError, preset_card


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


@pytest.mark.parametrize(
    ("file", "changes", "message"),
    [
        ("config.json", None, "config.json to be of type object"),
        ("config.json", {"preset_format": ...}, "have .*preset_format"),
        ("config.json", {"preset_format": "1"}, "preset_format of .*type integer"),
        ("config.json", {"weights": ...}, "to have .*weights"),
        ("config.json", {"weights": []}, "weights of .*type object"),
        ("config.json", {"weights": {"file": "model.weights.h5"}}, "to have .*sha256"),
        ("config.json", {"model": {}}, "model of .*class_name"),
        ("config.json", {"model": "GAN"}, "model of .*type object"),
        ("config.json", {"variables": []}, "variables of .*type object"),
        ("card.json", None, "card.json to be of type object"),
        ("card.json", {"name": ...}, "to have .*name"),
        ("card.json", {"metrics": {"fid_test": 3.0}}, r"metrics\.fid_test of"),
        ("card.json", {"parameters": [1]}, "parameters of .*type object"),
    ],
)
def test_a_field_of_a_damaged_preset_is_named(copy, file, changes, message):
    path = copy / file
    value = [] if changes is None else {**json.loads(path.read_text()), **changes}
    if changes is not None:
        value = {key: item for key, item in value.items() if item is not ...}
    path.write_text(json.dumps(value))
    read = kerasgen.from_preset if file == "config.json" else preset_card
    with pytest.raises(PresetError, match=f"{message}.*Received: ") as caught:
        read(copy)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    "file", ["../model.weights.h5", "/etc/passwd", "a/b", "a\\b", "..", ".", "", None]
)
def test_weights_outside_the_folder_are_refused(copy, file):
    shutil.copyfile(copy / "model.weights.h5", copy.parent / "model.weights.h5")
    config = json.loads((copy / "config.json").read_text())
    config["weights"]["file"] = file
    (copy / "config.json").write_text(json.dumps(config))
    with pytest.raises(PresetError, match="Expected weights.file of"):
        kerasgen.from_preset(copy)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ({"class_name": "Nonsense", "config": {}}, "Keras can build"),
        ({"class_name": "Dense", "config": {"units": -1}}, "Keras can build"),
        (
            {"module": "keras.layers", "class_name": "Dense", "config": {"units": 1}},
            "of a Keras model. Received: Dense",
        ),
    ],
)
def test_a_config_that_makes_no_model_is_refused(copy, model, message):
    config = json.loads((copy / "config.json").read_text())
    config["model"] = model
    (copy / "config.json").write_text(json.dumps(config))
    with pytest.raises(PresetError, match=message):
        kerasgen.from_preset(copy)


@pytest.mark.parametrize(
    ("path", "card", "error", "message"),
    [
        ("", {}, ValueError, "Received: ''"),
        ("new", {"metrics": {"fid": 3.0}}, ValueError, "metrics.fid of the card"),
        ("new", {"metrics": 3.0}, ValueError, "metrics of the card"),
        ("new", {"data": {1, 2}}, TypeError, "JSON"),
    ],
)
def test_a_preset_that_could_not_be_read_is_not_written(
    saved, tmp_path, monkeypatch, path, card, error, message
):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error, match=message):
        saved[0].save_to_preset(path, **card)
    assert not list(tmp_path.iterdir())


def test_a_preset_in_the_current_folder_is_named_after_it(saved, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    saved[0].save_to_preset(".")
    assert preset_card(tmp_path)["name"] == tmp_path.name
