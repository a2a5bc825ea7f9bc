"""The house rules that a machine can check: imports, files, the wheel."""

import ast
import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import keras
import pytest

import kerasgen

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "kerasgen"
# Lower never imports higher.
LAYERS = [
    {
        "_launch",
        "arguments",
        "version",
        "files",
        "interrupts",
        "locations",
        "npz_files",
        "seeds",
        "watch",
        "weights_file",
    },
    {
        "backend",
        "cipher",
        "random",
        "replicas",
        "distribution",
        "datasets",
        "metrics",
        "plot",
        "divergences",
    },
    {
        "losses",
        "penalties",
        "layers",
        "likelihoods",
        "annealing",
        "augmentation",
        "corruptions",
        "mixtures",
        "pixel_distributions",
        "sparsity",
    },
    {"networks", "techniques"},
    {"models"},
    {
        "presets",
        "export",
        "export_process",
        "checkpoint",
        "checkpoint_files",
        "callbacks",
        "extractors",
    },
    {
        "adversarial_examples",
        "discriminator_features",
        "encoder_transformer",
        "evaluation",
        "generative_classifier",
        "latent_space",
        "recommendation",
    },
    {"cli"},
    {"__main__"},
]
# Recipes whose weights are still to be trained.
UNTRAINED = {}
# base calls presets and export by the one allowed lazy import.
LAZY = {("models/base.py", "presets"), ("models/base.py", "export")}


def level(module):
    return next(i for i, names in enumerate(LAYERS) if module in names)


def imports_of(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module == "kerasgen":
            yield from (f"kerasgen.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield node.module


def test_lower_modules_never_import_higher_ones():
    for path in PACKAGE.rglob("*.py"):
        relative = path.relative_to(PACKAGE)
        own = relative.parts[0].removesuffix(".py")
        if own == "__init__":
            continue
        for name in imports_of(path):
            if not name.startswith("kerasgen."):
                continue
            target = name.split(".")[1]
            if (relative.as_posix(), target) not in LAZY:
                assert level(target) <= level(own), f"{relative} imports {name}"


def test_only_the_backend_folder_imports_a_framework_at_the_top():
    for path in PACKAGE.rglob("*.py"):
        if path.parent.name == "backend":
            continue
        for node in ast.parse(path.read_text()).body:
            names = {a.name for a in getattr(node, "names", ())}
            names.add(getattr(node, "module", None))
            roots = {name.split(".")[0] for name in names if name}
            if isinstance(node, ast.Import | ast.ImportFrom):
                assert not roots & {"tensorflow", "jax", "torch"}, path


@pytest.mark.skipif(keras.backend.backend() == "tensorflow", reason="needs it")
def test_import_brings_no_tensorflow():
    code = "import sys, kerasgen; print('tensorflow' in sys.modules)"
    result = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    assert result.stdout.strip() == "False"


def test_the_top_level_is_as_the_user_asked():
    tracked = subprocess.run(
        ["git", "ls-files"], capture_output=True, text=True, cwd=ROOT
    )
    if tracked.returncode:
        pytest.skip("not a git checkout")
    top = {line.split("/")[0] for line in tracked.stdout.splitlines()}
    assert {name for name in top if not name.startswith(".")} <= {
        *("kerasgen", "zoo", "training", "tests", "notebooks"),
        *("pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md"),
    }


def test_the_zoo_is_small():
    files = [path for path in (ROOT / "zoo").rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 80e6


def test_the_readme_tables_are_made_from_the_cards():
    readme_table = pytest.importorskip("training.readme_table")
    page = readme_table.README.read_text()
    assert readme_table.render_models() in page
    assert readme_table.render_scores() in page
    assert readme_table.render_extractors() in page


def test_every_recipe_has_a_quick_mode_and_a_preset_or_a_benchmark():
    from training import applications, recipes
    from training.recipe import load_recipe, recipe_names

    assert set(recipe_names(recipes)) == set(kerasgen.list_presets())
    judged = set()
    for path in (ROOT / "training" / "benchmarks").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module == "applications":
                judged |= {alias.name for alias in node.names}
    assert set(recipe_names(applications)) == judged
    assert {*recipe_names(recipes), *judged} == {*recipe_names()}
    assert len(recipe_names()) == len({*recipe_names()})
    for name in recipe_names():
        recipe = load_recipe(name)
        assert set(recipe.QUICK) <= set(recipe.PARAMETERS)


@pytest.mark.once
def test_the_wheel_lists_generates_and_trains_without_a_checkout(tmp_path):
    subprocess.run(
        [
            *(sys.executable, "-m", "build", "--wheel", "--no-isolation"),
            *("--outdir", str(tmp_path), str(ROOT)),
        ],
        check=True,
        capture_output=True,
    )
    (wheel,) = tmp_path.glob("kerasgen-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        top = {name.split("/")[0] for name in archive.namelist()}
    assert {name for name in top if not name.endswith(".dist-info")} == {"kerasgen"}
    # A virtual environment with the wheel alone, on top of the present packages.
    environment = tmp_path / "venv"
    venv.create(environment, with_pip=False)
    site = next(environment.glob("lib/python*/site-packages"))
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    here = Path(keras.__file__).parent.parent
    code = (
        f"import sys; sys.path.append({str(here)!r}); sys.argv[0] = 'kerasgen'; "
        "import kerasgen.cli; "
        f"assert kerasgen.__file__.startswith({str(site)!r}), kerasgen.__file__; "
        "kerasgen.cli.main()"
    )
    python = environment / "bin" / "python"
    for arguments in (
        ("list",),
        ("generate", "vae_digits", "--num", "4", "--out", "a.png"),
        ("train", "vae_digits", "--quick", "--out", "run"),
    ):
        result = subprocess.run(
            [str(python), "-c", code, *arguments],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env={k: v for k, v in os.environ.items() if k != "PYTHONPATH"},
        )
        assert result.returncode == 0, result.stderr
    assert (tmp_path / "a.png").is_file()
    assert (tmp_path / "run" / "preset" / "card.json").is_file()
