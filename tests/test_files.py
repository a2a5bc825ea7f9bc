"""Files and folders: what a run must not sweep up, and JSON that does not fit."""

import pytest

from kerasgen.checkpoint import CheckpointFolder
from kerasgen.files import (
    STAGING_PREFIX,
    TEMPORARY_PREFIX,
    check_folder_path,
    check_json,
    make_folder,
    read_json,
    remove_orphans,
    staging_folder,
    temporary_path,
)

SCHEMA = {
    "type": "object",
    "required": ["epochs"],
    "properties": {
        "epochs": {"type": "integer", "minimum": 1},
        "file": {"type": "object", "properties": {"name": {"pattern": "^[a-z]+$"}}},
    },
}


def test_a_checkpoint_folder_leaves_a_live_export_alone(tmp_path):
    orphan = temporary_path(tmp_path)
    orphan.mkdir()
    with staging_folder(tmp_path) as staging:
        (staging / "saved_model.pb").write_bytes(b"half")
        folder = CheckpointFolder(tmp_path)
        folder.open()
        folder.close()
        remove_orphans(tmp_path)
        assert (staging / "saved_model.pb").read_bytes() == b"half"
    assert not orphan.exists() and not staging.exists()
    assert not STAGING_PREFIX.startswith(TEMPORARY_PREFIX)
    assert not TEMPORARY_PREFIX.startswith(STAGING_PREFIX)


@pytest.mark.parametrize(
    "content", [b"", b"{", b"\xff\xfe", b"[" * 100_000], ids=lambda c: repr(c[:4])
)
def test_what_is_no_json_is_named(tmp_path, content):
    file = tmp_path / "recipe.json"
    file.write_bytes(content)
    with pytest.raises(ValueError, match=r"Expected a JSON file.*recipe\.json"):
        read_json(file, SCHEMA)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"Received: .*recipe\.json"):
        read_json(tmp_path / "recipe.json", SCHEMA)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([], r"Expected a\.json to be of type object\. Received: \[\]"),
        ({}, r"Expected a\.json to have \['epochs'\]\. Received: {}"),
        ({"epochs": 1.5}, r"Expected epochs of a\.json to be .*integer.* 1\.5"),
        ({"epochs": True}, r"Expected epochs of a\.json to be .*integer.* True"),
        ({"epochs": 0}, r"Expected epochs of a\.json to be at least 1.*: 0"),
        ({"epochs": 1, "file": {"name": "../x"}}, r"file\.name of a\.json to match"),
    ],
)
def test_a_field_that_does_not_fit_is_named(value, message):
    with pytest.raises(ValueError, match=message):
        check_json(value, SCHEMA, "a.json")
    check_json({"epochs": 1, "file": {"name": "x"}}, SCHEMA, "a.json")


def test_a_long_value_is_cut_in_the_message():
    with pytest.raises(ValueError) as caught:
        check_json(["x"] * 100_000, SCHEMA, "a.json")
    assert len(str(caught.value)) < 500


def test_an_empty_path_is_not_the_current_folder(tmp_path):
    with pytest.raises(ValueError, match="Received: ''"):
        check_folder_path("")
    assert check_folder_path(str(tmp_path)) == tmp_path


def test_a_folder_that_is_a_file_is_refused(tmp_path):
    (tmp_path / "file").touch()
    make_folder(tmp_path / "a" / "b", "tests")
    assert (tmp_path / "a" / "b").is_dir()
    for path in (tmp_path / "file", tmp_path / "file" / "inner"):
        with pytest.raises(OSError, match=f"folder for tests.*Received: {path}"):
            make_folder(path, "tests")
