"""The quickstart writes where it is told to, and removes nothing else."""

import sys

import pytest

from training import quickstart


@pytest.mark.once
def test_other_files_in_the_folder_survive(tmp_path, monkeypatch, capsys):
    model = tmp_path / "serving" / "vae_digits"
    others = [tmp_path / "thesis.tex", model / "7" / "saved_model.pb"]
    replaced = [tmp_path / "vae_digits.png", model / "1" / "saved_model.pb"]
    for path in (*others, *replaced):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"old")
    arguments = ["quickstart", "--epochs", "1", "--out", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", arguments)
    quickstart.main()
    assert all(path.read_bytes() == b"old" for path in others)
    assert all(path.read_bytes() != b"old" for path in replaced)
    printed = capsys.readouterr().out
    assert str(tmp_path / f"{quickstart.PRESET}.png") in printed
    assert str(model / "1") in printed
