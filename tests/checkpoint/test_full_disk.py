"""Full disks: case R4."""

import errno
import json
import os
import re

import pytest

from kerasgen.checkpoint import CheckpointFolder
from kerasgen.files import write_atomically
from tests.checkpoint import script
from tests.checkpoint.helpers import (
    run_script,
    start,
)

pytestmark = pytest.mark.eager


def test_a_full_disk_ends_training_with_an_error_and_keeps_the_old(
    small_disk, tmp_path
):
    report = tmp_path / "report"
    result = run_script("fill-disk", small_disk, "tmpfs", report)
    assert result.returncode == 3, result.stderr[-2000:]
    check_full_disk(small_disk, report, errno.ENOSPC)


@pytest.mark.once
def test_a_limit_on_file_sizes_ends_training_with_an_error_and_keeps_the_old(tmp_path):
    report = tmp_path / "report"
    process = start(script.fill_disk, tmp_path, "rlimit", report)
    process.join(300)
    assert process.exitcode == 3
    check_full_disk(tmp_path, report, errno.EFBIG)


def check_full_disk(path, report, expected_errno):
    number, name, message = json.loads(report.read_text())
    assert number == expected_errno
    assert name == str(path / "checkpoints" / "step-0000000016")
    assert re.search(r"checkpoint of \d+ bytes .*older checkpoints are intact", message)
    folder = CheckpointFolder(path / "checkpoints")
    assert folder.steps() == [8]
    assert not list(folder.path.glob(".tmp-*"))
    assert folder.load(script.make_vae())["epoch"] == 1


def test_a_disk_that_fills_at_any_write_leaves_whole_checkpoints(vae, small_disk):
    folder = CheckpointFolder(small_disk / "a" / "checkpoints")
    folder.open()
    folder.save(vae, {"step": 1})
    filler = small_disk / "filler"
    outcomes = []
    for free_pages in range(12):
        step = 2 + free_pages
        fill(filler, free_pages)
        try:
            folder.save(vae, {"step": step})
        except OSError as error:
            outcomes.append(False)
            assert error.errno == errno.ENOSPC
            assert not list(folder.path.glob(".tmp-*"))
        else:
            outcomes.append(True)
        os.remove(filler)
        assert step in folder.steps() or not outcomes[-1]
        assert folder.load(vae)["step"] == folder.steps()[-1]
    folder.close()
    assert outcomes[0] is False and outcomes[-1] is True
    assert outcomes == sorted(outcomes)


def fill(path, free_pages):
    with pytest.raises(OSError), open(path, "wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))
    os.truncate(path, os.path.getsize(path) // 4096 * 4096 - 4096 * free_pages)


def test_a_file_that_cannot_be_written_keeps_the_old_one(small_disk):
    path = small_disk / "note"
    write_atomically(path, b"old")
    with pytest.raises(OSError, match="Could not write 2000000 bytes") as raised:
        write_atomically(path, bytes(2_000_000))
    assert raised.value.filename == str(path)
    assert path.read_bytes() == b"old"
    assert [p.name for p in small_disk.iterdir()] == ["note"]
