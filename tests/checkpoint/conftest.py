"""A small model, compiled once, and a small disk."""

import subprocess

import pytest

from kerasgen.checkpoint import CheckpointFolder
from tests.checkpoint.helpers import (
    make_vae,
)


@pytest.fixture(scope="module")
def used_vae(tmp_path_factory):
    vae = make_vae()
    folder = CheckpointFolder(tmp_path_factory.mktemp("initial"))
    folder.save(vae, {"step": 0})
    return vae, folder


@pytest.fixture
def vae(used_vae):
    used_vae[1].load(used_vae[0])
    return used_vae[0]


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 1 MB."""
    path = tmp_path / "disk"
    path.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "kerasgen-test", path]
    try:
        subprocess.run(mount, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("mounting a tmpfs is not permitted here")
    try:
        yield path
    finally:
        subprocess.run(["umount", path], check=True)
