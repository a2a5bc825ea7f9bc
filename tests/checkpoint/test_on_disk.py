"""A checkpoint on disk: one unit, orphans, other backends: cases R3, R5, R8."""

import json

import keras
import pytest

from kerasgen.checkpoint import CheckpointError, CheckpointFolder
from kerasgen.files import remove_orphans
from tests.checkpoint.helpers import (
    assert_equal_arrays,
    checkpoint_steps,
    fit,
    make_vae,
    read_arrays,
    run_script,
    state_of,
)


def test_a_checkpoint_is_state_and_manifest_of_one_step(vae, tmp_path):
    folder = CheckpointFolder(tmp_path)
    path = folder.save(vae, {"step": 7, "epoch": 1})
    assert path == tmp_path / "step-0000000007"
    assert sorted(p.name for p in path.iterdir()) == ["manifest.json", "state.npz"]
    manifest = json.loads((path / "manifest.json").read_text())
    assert manifest["position"] == {"step": 7, "epoch": 1}
    assert manifest["keras"] == keras.__version__
    assert manifest["backend"] == keras.backend.backend()
    assert len(manifest["sha256"]) == 64
    assert manifest["bytes"] == (path / "state.npz").stat().st_size


def test_state_and_manifest_are_of_one_step(vae, tmp_path):
    folder = CheckpointFolder(tmp_path)
    older, newer = (folder.save(vae, {"step": step}) for step in (1, 2))
    vae.set_weights([w + 1 for w in vae.get_weights()])
    folder.save(vae, {"step": 2})
    before = state_of(vae)
    state, manifest = ((newer / n).read_bytes() for n in ("state.npz", "manifest.json"))
    for name in ("state.npz", "manifest.json"):
        (newer / name).write_bytes((older / name).read_bytes())
        with pytest.raises(CheckpointError, match="sha256 .*Received: .*sha256"):
            folder.load(vae)
        (newer / "state.npz").write_bytes(state)
        (newer / "manifest.json").write_bytes(manifest)
    assert_equal_arrays(state_of(vae), before)
    assert folder.load(vae) == {"step": 2}


def test_an_empty_or_missing_folder_has_no_checkpoint(vae, tmp_path):
    for path in (tmp_path, tmp_path / "missing"):
        folder = CheckpointFolder(path)
        assert folder.steps() == []
        assert folder.position() is None
        assert folder.load(vae) is None


def test_an_older_checkpoint_can_be_loaded(vae, tmp_path):
    folder = CheckpointFolder(tmp_path, keep=3)
    for step in (1, 2, 3):
        vae.set_weights([w * 0 + step for w in vae.get_weights()])
        folder.save(vae, {"step": step})
    assert folder.load(vae, step=2) == {"step": 2}
    assert all((w == 2).all() for w in vae.get_weights())


def test_the_same_step_is_replaced(vae, tmp_path):
    folder = CheckpointFolder(tmp_path, keep=1)
    folder.save(vae, {"step": 1, "epoch": 0})
    folder.save(vae, {"step": 1, "epoch": 1})
    assert folder.position()["epoch"] == 1
    assert [p.name for p in tmp_path.iterdir()] == ["step-0000000001"]


@pytest.mark.parametrize("policy", ["bfloat16", "mixed_float16"])
def test_other_dtypes_and_loss_scales_are_saved(policy, tmp_path):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        vae, other = make_vae(), make_vae()
    finally:
        keras.config.set_dtype_policy(before)
    for i, variable in enumerate([*vae.variables, *vae.optimizer.variables]):
        variable.assign(keras.ops.full(variable.shape, i + 1, variable.dtype))
    folder = CheckpointFolder(tmp_path)
    folder.save(vae, {"step": 1})
    folder.load(other)
    names = [v.path for v in other.optimizer.variables]
    assert any("scale" in n for n in names) == (policy == "mixed_float16")
    for ours, theirs in zip(
        [*vae.variables, *vae.optimizer.variables],
        [*other.variables, *other.optimizer.variables],
        strict=True,
    ):
        assert ours.dtype == theirs.dtype
        assert bool(keras.ops.all(ours.value == theirs.value)), ours.path


def test_own_orphans_are_removed_and_nothing_else(vae, tmp_path):
    folder = tmp_path / "checkpoints"
    orphan = folder / ".tmp-kerasgen-0123"
    orphan.mkdir(parents=True)
    (orphan / "state.npz").write_bytes(b"half")
    (tmp_path / ".tmp-kerasgen-4567").write_bytes(b"half")
    others = [
        folder / ".tmp-other",
        folder / "step-0000000001.bak",
        tmp_path / ".tmp-other",
        tmp_path / ".tmp-kerasgen-export-89" / "saved_model.pb",
    ]
    for path in others:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"kept")
    fit(vae, tmp_path, epochs=1)
    assert not orphan.exists()
    assert not (tmp_path / ".tmp-kerasgen-4567").exists()
    assert all(path.read_bytes() == b"kept" for path in others)
    assert checkpoint_steps(tmp_path) == [5]


def test_a_checkpoint_comes_back_where_a_kill_kept_its_successor_away(vae, tmp_path):
    fit(vae, tmp_path, epochs=1)
    path = tmp_path / "checkpoints" / "step-0000000005"
    path.rename(path.with_suffix(".replaced"))
    assert checkpoint_steps(tmp_path) == []
    assert fit(vae, tmp_path, epochs=1).epoch == []
    assert checkpoint_steps(tmp_path) == [5]
    # Of one that was replaced only the new one stays.
    folder = CheckpointFolder(path.parent)
    old = path.rename(path.with_suffix(".replaced"))
    folder.save(vae, {"step": 5})
    assert path.is_dir() and not old.exists()


def test_orphans_of_files_are_removed_in_one_folder_only(tmp_path):
    inner = tmp_path / "inner"
    inner.mkdir()
    for folder in (tmp_path, inner):
        (folder / ".tmp-kerasgen-1").touch()
    remove_orphans(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["inner"]
    assert (inner / ".tmp-kerasgen-1").exists()


@pytest.mark.once
def test_a_checkpoint_loads_equal_under_every_backend(tmp_path):
    for name in ("torch", "jax", "tensorflow", "torch"):
        result = run_script("exchange", tmp_path, KERAS_BACKEND=name)
        assert result.returncode == 0, result.stderr[-2000:]
    pairs = sorted(path.name for path in tmp_path.glob("*-under-*.npz"))
    assert len(pairs) == 8  # All but TensorFlow's under JAX.
    for name in pairs:
        saved = read_arrays(tmp_path / f"{name.split('-')[0]}.npz")
        assert_equal_arrays(read_arrays(tmp_path / name), saved)
