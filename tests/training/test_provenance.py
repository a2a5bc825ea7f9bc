"""Provenance: commands that repeat a run, and only kerasgen's own commits."""

import hashlib
import re
import shlex
import subprocess
import sys

import keras
import pytest

import kerasgen
from training.extractor import extractor_card, load_extractor
from training.provenance import (
    checkout_commit,
    describe_environment,
    training_command,
)
from training.recipe import load_recipe, resolve_parameters


def git(folder, *arguments):
    identity = ["-c", "user.name=A", "-c", "user.email=a@example.org"]
    subprocess.run(
        ["git", "-C", str(folder), *identity, *arguments],
        check=True,
        capture_output=True,
    )


@pytest.fixture
def checkout(tmp_path):
    """A git repository with a folder that looks like kerasgen's checkout."""
    folder = (tmp_path / "checkout").resolve()
    folder.mkdir()
    (folder / "pyproject.toml").write_text('[project]\nname = "kerasgen"\n')
    git(folder, "init", "-q")
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "first")
    return folder


def test_a_commit_is_that_of_the_checkout(checkout):
    commit = checkout_commit(checkout)
    assert len(commit) == 12 and int(commit, 16) >= 0
    (checkout / "untracked").touch()
    assert checkout_commit(checkout) == commit
    with open(checkout / "pyproject.toml", "a") as file:
        file.write("\n")
    assert checkout_commit(checkout) == f"{commit}-dirty"


def test_a_commit_of_another_repository_is_not_recorded(checkout, tmp_path):
    installed = checkout / "venv" / "site-packages"
    installed.mkdir(parents=True)
    assert checkout_commit(installed) is None
    # Its own pyproject.toml, but git's top level is another project's.
    (installed / "pyproject.toml").write_text('[project]\nname = "kerasgen"\n')
    assert checkout_commit(installed) is None
    (checkout / "pyproject.toml").write_text('[project]\nname = "else"\n')
    assert checkout_commit(checkout) is None
    (checkout / "pyproject.toml").write_text("no toml")
    assert checkout_commit(checkout) is None
    assert checkout_commit(tmp_path) is None


def test_the_environment_names_versions_and_devices():
    environment = describe_environment()
    backend = keras.backend.backend()
    assert environment["backend"] == backend
    versions = environment["versions"]
    assert versions["kerasgen"] == kerasgen.__version__
    assert versions["keras"] == keras.__version__
    imported = sys.modules[backend].__version__
    # PyTorch names its build, such as +cpu, in one of the two.
    assert versions[backend].partition("+")[0] == imported.partition("+")[0]
    assert re.search(r"trained on (cpu|gpu|cuda|tpu)", environment["hardware"])


def test_a_command_repeats_the_parameters():
    recipe = load_recipe("vae_digits")
    overrides = ["split=train[:64]", "epochs=3", "learning_rate=0.002"]
    for quick in (False, True):
        parameters = resolve_parameters(recipe, overrides, quick)
        command = training_command("vae_digits", parameters, "jax", quick)
        words = shlex.split(command)
        assert words[:5] == ["kerasgen", "train", "vae_digits", "--backend", "jax"]
        assert ("--quick" in words) == quick
        again = [word for word in words[5:] if "=" in word]
        assert sorted(again) == sorted(overrides)
        assert resolve_parameters(recipe, again, quick) == parameters
    own = resolve_parameters(recipe)
    plain = training_command("vae_digits", own, "torch")
    assert plain == "kerasgen train vae_digits --backend torch"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nope", "Expected one of the presets"),
        ("vae_digits", "layer 'features'.*Received: extractor='vae_digits'"),
        ("features_fashion_mnist", r"\(28, 28, 1\).*Received: .*\(8, 8, 1\)"),
    ],
)
def test_an_extractor_that_does_not_fit_is_refused(name, message):
    with pytest.raises(ValueError, match=message):
        load_extractor(name, (8, 8, 1))


def test_an_extractor_names_its_weights():
    extractor = load_extractor("features_digits", (8, 8, 1))
    folder = kerasgen.presets.preset_folder("features_digits")
    data = (folder / "model.weights.h5").read_bytes()
    digest = hashlib.sha256(data).hexdigest()
    assert extractor_card(extractor) == {
        "name": "features_digits",
        "weights_sha256": digest,
        "digest": extractor.digest,
    }
