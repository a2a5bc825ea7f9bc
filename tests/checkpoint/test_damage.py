"""Damaged checkpoints and numbers that are not finite: W1, N1, N13."""

import hashlib
import json
import random
import re

import keras
import numpy as np
import pytest

from kerasgen import backend
from kerasgen.callbacks import Checkpoint
from kerasgen.checkpoint import CheckpointError, CheckpointFolder
from kerasgen.checkpoint_files import encode_manifest, encode_state
from tests.checkpoint.helpers import (
    IMAGES,
    assert_equal_arrays,
    checkpoint_steps,
    copy_checkpoint,
    fit,
    read_arrays,
    refused,
    state_of,
)


def test_a_flipped_bit_is_found_before_the_model_is_touched(vae, tmp_path):
    fit(vae, tmp_path, epochs=1)
    path = tmp_path / "checkpoints" / "step-0000000005"
    digests = r"sha256 (\w{64})\. Received: .*sha256 (\w{64})"
    flips = random.Random(0)
    for name in ("state.npz", "manifest.json"):
        whole = (path / name).read_bytes()
        for _ in range(20):
            damaged = bytearray(whole)
            damaged[flips.randrange(len(whole))] ^= 1 << flips.randrange(8)
            (path / name).write_bytes(damaged)
            message = refused(vae, tmp_path, CheckpointError, "step-0000000005")
            if name == "state.npz":
                expected, received = re.search(digests, message).groups()
                assert expected != received
        (path / name).write_bytes(whole)
    assert fit(vae, tmp_path, epochs=1).epoch == []


@pytest.mark.parametrize("name", ["state.npz", "manifest.json"])
def test_a_cut_or_missing_file_is_found(vae, tmp_path, name):
    folder = CheckpointFolder(tmp_path)
    path = folder.save(vae, {"step": 1}) / name
    whole = path.read_bytes()
    before = state_of(vae)
    for content in (whole[: len(whole) // 2], b"", b"<html>", b"[]", b"{}"):
        path.write_bytes(content)
        with pytest.raises(CheckpointError, match="(?s)Expected.*Received"):
            folder.load(vae)
    path.unlink()
    with pytest.raises(CheckpointError, match="(?s)Expected.*Received"):
        folder.load(vae)
    assert_equal_arrays(state_of(vae), before)


def forge(path, arrays):
    """Writes other arrays into a checkpoint, whose digests are right again."""
    state = encode_state(arrays)
    (path / "state.npz").write_bytes(state)
    manifest = json.loads((path / "manifest.json").read_text())
    del manifest["manifest_sha256"]
    manifest |= {"sha256": hashlib.sha256(state).hexdigest(), "bytes": len(state)}
    (path / "manifest.json").write_bytes(encode_manifest(manifest))


def test_arrays_that_do_not_fit_are_refused_whole(vae, tmp_path):
    folder = CheckpointFolder(tmp_path)
    path = folder.save(vae, {"step": 1})
    arrays = read_arrays(path / "state.npz")
    before = state_of(vae)
    for forged in (
        [*arrays[:-1], np.zeros((3, 3))],
        [*arrays[:-1], np.zeros(1 << 20)],
        [*arrays[:-1], np.array("text")],
        arrays[:-1],
    ):
        vae.set_weights([w + 1 for w in vae.get_weights()])
        changed = state_of(vae)
        forge(path, forged)
        with pytest.raises(CheckpointError, match="(?s)Expected arrays.*Received"):
            folder.load(vae)
        assert_equal_arrays(state_of(vae), changed)
    forge(path, arrays)
    folder.load(vae)
    assert_equal_arrays(state_of(vae), before)


def test_a_checkpoint_without_settings_is_refused_by_a_run(vae, tmp_path):
    CheckpointFolder(tmp_path / "checkpoints").save(vae, {"step": 1})
    refused(vae, tmp_path, CheckpointError, "with its settings.*step-0000000001")


def test_a_newer_format_is_refused_by_number(vae, tmp_path):
    folder = CheckpointFolder(tmp_path)
    path = folder.save(vae, {"step": 1}) / "manifest.json"
    manifest = json.loads(path.read_text())
    path.write_text(json.dumps({**manifest, "format": 2}))
    with pytest.raises(CheckpointError, match="update kerasgen.*format 2"):
        folder.load(vae)


class Plant(keras.callbacks.Callback):
    """Makes a weight NaN after a training step."""

    def __init__(self, step):
        super().__init__()
        self.step = step

    def on_train_batch_end(self, batch, logs=None):
        if int(backend.peek(self.model, self.model.training_steps)) == self.step:
            backend.sync(self.model)
            # The last: on TensorFlow a relu may turn NaN into 0.
            kernel = self.model.decoder.trainable_variables[-1]
            kernel.assign(keras.ops.full(kernel.shape, float("nan")))


@pytest.mark.parametrize("every", [1, None])
def test_nan_stops_training_and_spares_the_last_finite_checkpoint(vae, tmp_path, every):
    fit(vae, tmp_path / "whole")
    expected = state_of(vae)
    path = tmp_path / "run"
    copy_checkpoint(tmp_path / "whole", 5, path)
    saves = Checkpoint(path, every=every)
    with pytest.raises(FloatingPointError, match="in loss at training step 8"):
        vae.fit(
            IMAGES[:40],
            batch_size=8,
            epochs=2,
            verbose=0,
            callbacks=[saves, Plant(7)],
        )
    assert checkpoint_steps(path)[-1] == (7 if every else 5)
    for folder in (path / "checkpoints").glob("step-*"):
        for array in read_arrays(folder / "state.npz"):
            assert np.isfinite(array).all()
    fit(vae, path, every=every)
    assert_equal_arrays(state_of(vae), expected)


def test_a_fault_of_an_earlier_fit_is_forgotten(vae, tmp_path):
    vae.faults.code.assign(1)
    with pytest.raises(FloatingPointError):
        vae.raise_if_not_finite()
    fit(vae, tmp_path, epochs=1)
    assert checkpoint_steps(tmp_path) == [5]
