"""Exports are whole or not there at all, and refusals come first."""

import contextlib
import glob
import os
import signal
import subprocess
import sys
import tempfile
import time

import keras
import pytest

import kerasgen
from kerasgen import export
from kerasgen.export_process import ExportError
from kerasgen.files import STAGING_PREFIX, publish, staging_folder
from tests.export.helpers import (
    ON_TENSORFLOW,
    make_ring,
)


@pytest.fixture
def untraced(monkeypatch):
    """Fails a test that gets as far as running the model."""
    monkeypatch.setattr(export, "_references", lambda model: pytest.fail("traced"))


@pytest.mark.parametrize("overwrite", [False, True])
def test_existing_path_is_refused(gan, tmp_path, untraced, overwrite):
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / "thesis.txt").write_text("mine")
    (tmp_path / "2").write_text("a file")
    (tmp_path / "3").symlink_to(tmp_path / "1")
    (tmp_path / "4").symlink_to(tmp_path / "dangling")
    for name in "1234":
        with pytest.raises(FileExistsError, match=f"Received: .*{name}, which"):
            gan.export(tmp_path / name, overwrite=overwrite)
    assert (tmp_path / "1" / "thesis.txt").read_text() == "mine"
    assert sorted(os.listdir(tmp_path)) == ["1", "2", "3", "4"]


def test_existing_saved_model_is_refused(gan, tmp_path, untraced):
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / "saved_model.pb").write_text("old")
    with pytest.raises(FileExistsError, match="overwrite=True"):
        gan.export(tmp_path / "1")
    assert (tmp_path / "1" / "saved_model.pb").read_text() == "old"


def test_parent_that_is_a_file(gan, tmp_path, untraced):
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file" / "1", tmp_path / "file" / "a" / "1"):
        with pytest.raises(OSError, match="can be written"):
            gan.export(path)
    assert os.listdir(tmp_path) == ["file"]


def test_parent_that_cannot_be_written(gan, untraced):
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o555)
        is_root = os.geteuid() == 0
        if is_root:
            os.seteuid(65534)
        try:
            for path in (f"{folder}/1", f"{folder}/a/b/1"):
                with pytest.raises(PermissionError, match="can be written"):
                    gan.export(path)
        finally:
            if is_root:
                os.seteuid(0)
        assert os.listdir(folder) == []


def test_only_generative_models(tmp_path):
    with pytest.raises(TypeError, match="GenerativeModel"):
        export.export_saved_model(keras.Sequential(), tmp_path / "1")


def test_failed_swap_keeps_the_old_version(tmp_path):
    target = tmp_path / "1"
    target.mkdir()
    (target / "saved_model.pb").write_text("old")
    with pytest.raises(OSError, match="into place"):
        with staging_folder(tmp_path) as staging:
            publish(staging / "missing", target)
    assert (target / "saved_model.pb").read_text() == "old"
    assert os.listdir(tmp_path) == ["1"]


@pytest.mark.skipif(not ON_TENSORFLOW, reason="the same code on every backend")
def test_version_made_meanwhile_is_kept(gan, tmp_path, monkeypatch):
    def references(model):
        (tmp_path / "1").mkdir()
        (tmp_path / "1" / "saved_model.pb").write_text("other")
        return {}

    monkeypatch.setattr(export, "_references", references)
    with pytest.raises(FileExistsError, match="overwrite=True"):
        gan.export(tmp_path / "1")
    assert (tmp_path / "1" / "saved_model.pb").read_text() == "other"
    assert os.listdir(tmp_path) == ["1"]


@pytest.mark.skipif(not ON_TENSORFLOW, reason="the same code runs in the child")
@pytest.mark.parametrize(("signature", "change"), [("serve", 3), ("generate", 3)])
def test_other_outputs_than_the_models_are_an_error(
    gan, tmp_path, monkeypatch, signature, change
):
    references = export._references(gan)
    images = references[signature][1]["images"]
    images[0, 0, 0, 0] = (int(images[0, 0, 0, 0]) + change) % 256
    monkeypatch.setattr(export, "_references", lambda model: references)
    with pytest.raises(ExportError, match=f"`{signature}`.*Received: a max difference"):
        gan.export(tmp_path / "a" / "b" / "1")
    assert os.listdir(tmp_path) == []


def test_precision_of_the_live_model_is_known(gan):
    assert export._is_exact(gan)
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        half = kerasgen.models.dense_vae((4,), latent_dim=2, hidden=(4,))
    finally:
        keras.config.set_dtype_policy(policy)
    assert not export._is_exact(half)


@pytest.mark.eager
@pytest.mark.skipif(ON_TENSORFLOW, reason="exports in process")
class TestTensorFlowProcess:
    def test_class_in_main_is_named(self, user, ring, tmp_path, untraced, monkeypatch):
        monkeypatch.setattr(user.Shift, "__module__", "__main__")
        with pytest.raises(ValueError, match="Received: user>Shift .*__main__"):
            ring.export(tmp_path / "a" / "1")
        assert os.listdir(tmp_path) == []

    def test_function_in_main_is_named(self, user, ring, tmp_path, monkeypatch):
        monkeypatch.setattr(user.swish, "__module__", "__main__")
        with pytest.raises(ValueError, match="Received: user>swish .*__main__"):
            ring.export(tmp_path / "a" / "1")
        assert os.listdir(tmp_path) == []

    def test_class_that_is_not_registered_is_named(self, user, tmp_path, untraced):
        class Unregistered(user.Shift):
            pass

        ring = make_ring(user)
        ring.generator = keras.Sequential([ring.generator, Unregistered()])
        with pytest.raises(ValueError, match="Received: Unregistered .*registered"):
            ring.export(tmp_path / "a" / "1")
        assert os.listdir(tmp_path) == []

    def test_class_that_the_process_misses_is_named(self, user, tmp_path):
        local = user.make_local_class()
        shift, user.Shift = user.Shift, local
        try:
            ring = make_ring(user)
        finally:
            user.Shift = shift
        with pytest.raises(ValueError, match="Received: user>Local .*not register it"):
            ring.export(tmp_path / "a" / "1")
        assert os.listdir(tmp_path) == []

    def test_failure_shows_stderr(self, gan, tmp_path, monkeypatch):
        python = tmp_path / "python"
        python.write_text("#!/bin/sh\necho it broke >&2\nexit 9\n")
        python.chmod(0o755)
        monkeypatch.setattr(sys, "executable", str(python))
        with pytest.raises(ExportError, match="exit code 9 and\nit broke"):
            gan.export(tmp_path / "a" / "1")
        assert os.listdir(tmp_path) == ["python"]


KILLED = """
import sys
import kerasgen
kerasgen.models.dense_vae((8, 8, 1), latent_dim=2, hidden=(4,)).export(sys.argv[1])
"""


@pytest.mark.eager
def test_killed_export_leaves_no_version(tmp_path):
    parent = tmp_path / "model"
    process = subprocess.Popen([sys.executable, "-c", KILLED, str(parent / "1")])
    # A sign that the SavedModel is being written.
    sign = "saved_model/*" if ON_TENSORFLOW else "request.json"
    pattern = f"{parent}/{STAGING_PREFIX}*/{sign}"
    while not glob.glob(pattern):
        assert process.poll() is None
        time.sleep(0.002)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    names = os.listdir(parent)
    assert len(names) == 1
    assert names[0].startswith(STAGING_PREFIX)
    wait_for_end(str(parent / names[0]))
    with staging_folder(parent) as staging:
        assert os.listdir(parent) == [staging.name]
    assert os.listdir(parent) == []


def wait_for_end(argument):
    """Waits until no process has this argument: the child ends with its parent."""
    deadline = time.monotonic() + 240
    while time.monotonic() < deadline:
        running = 0
        for file in glob.glob("/proc/[0-9]*/cmdline"):
            with contextlib.suppress(OSError), open(file) as cmdline:
                running += argument in cmdline.read().split("\0")
        if not running:
            return
        time.sleep(0.1)
    pytest.fail("the TensorFlow process outlives the one that started it")
