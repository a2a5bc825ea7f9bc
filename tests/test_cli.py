"""The command line: what it prints, and one line with exit code 2 on bad input."""

import csv
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import keras
import psutil
import pytest

from kerasgen import cli, presets
from kerasgen.export_process import ExportError

BACKEND = keras.backend.backend()
ROOT = Path(__file__).resolve().parent.parent
MAIN = "import sys; sys.argv[0] = 'kerasgen'; import kerasgen.cli; kerasgen.cli.main()"
OTHER = "jax" if BACKEND != "jax" else "torch"


@pytest.fixture
def run(monkeypatch, capsys):
    """Runs the command in this process; returns (exit code, stdout, stderr)."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["kerasgen", *arguments])
        with pytest.raises(SystemExit) as caught:
            cli.main()
        return (caught.value.code or 0, *capsys.readouterr())

    return run


def run_process(*arguments, **options):
    process = start_process(*arguments, **options)
    out, err = process.communicate(timeout=300)
    return subprocess.CompletedProcess(arguments, process.returncode, out, err)


def start_process(
    *arguments, cwd=None, backend=BACKEND, main=("-c", MAIN), **variables
):
    return subprocess.Popen(
        [sys.executable, *main, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=cwd,
        env={**os.environ, "KERAS_BACKEND": backend, **variables},
    )


def test_no_arguments_print_the_help(run):
    code, out, err = run()
    assert code == 0 and err == ""
    assert out == run("--help")[1] and "generate" in out


def test_list_and_info(run):
    code, out, err = run("list")
    assert code == 0, err
    assert "vae_digits" in out and "Recipes:" in out
    code, out, _ = run("info", "vae_digits")
    assert json.loads(out)["dataset"] == "digits"


@pytest.mark.parametrize("command", ["list", "info", "generate", "train", "export"])
def test_help_has_an_example(run, command):
    code, out, _ = run(command, "--help")
    assert code == 0
    assert "Example: kerasgen" in out and "--backend" in out


def test_generate_writes_a_picture(run, tmp_path):
    arguments = ("generate", "vae_digits", "--num", "9", "--seed", "1", "--out")
    for name in ("a.png", "b.png"):
        code, _, err = run(*arguments, str(tmp_path / name))
        assert code == 0, err
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("--timeout", "5"), "expected --devices beside --timeout. received: 5.0"),
        (("--devices", "2", "--timeout", "0"), "`--timeout` is a finite number"),
    ],
)
def test_a_timeout_that_cannot_hold_is_refused(run, tmp_path, options, expected):
    folder = tmp_path / "run"
    code, _, err = run("train", "vae_digits", "--out", str(folder), *options)
    assert code == 2 and expected in err.lower() and not folder.exists()


@pytest.mark.slow
def test_devices_share_the_batches_of_a_recipe(tmp_path):
    command = ("train", "vae_digits", "--quick", "--devices", "2", "--out", "run")
    result = run_process(*command, cwd=tmp_path, PYTHONPATH=str(ROOT))
    assert result.returncode == 0, result.stderr[-2000:]
    assert result.stdout.strip().splitlines()[-1] == "run/preset"
    card = json.loads((tmp_path / "run" / "preset" / "card.json").read_text())
    assert "--devices 2" in card["recipe"]
    with open(tmp_path / "run" / "metrics.csv", newline="") as file:
        assert len([*csv.DictReader(file)]) == card["parameters"]["epochs"]


def start_recipe(tmp_path, devices):
    """A run of 15 epochs that has saved once, and a check that it goes on."""
    command = ("train", "vae_digits", "--quick", "--epochs", "15", "--out", "run")
    command += ("--devices", str(devices))
    options = {"cwd": tmp_path, "PYTHONPATH": str(ROOT)}
    process = start_process(*command, **options)
    while not any(tmp_path.glob("run/checkpoints/step-*")):
        assert process.poll() is None
        time.sleep(0.01)

    def goes_on():
        result = run_process(*command, **options)
        assert result.returncode == 0, result.stderr[-2000:]
        with open(tmp_path / "run" / "metrics.csv", newline="") as file:
            assert [int(row["epoch"]) for row in csv.DictReader(file)] == [*range(15)]

    return process, goes_on


@pytest.mark.slow
@pytest.mark.parametrize("devices", [1, 2])
def test_a_recipe_that_is_told_to_end_goes_on(tmp_path, devices):
    process, goes_on = start_recipe(tmp_path, devices)
    process.terminate()
    out, err = process.communicate(timeout=60)
    assert process.returncode == 143, err[-2000:]
    goes_on()


@pytest.mark.slow
@pytest.mark.usefixtures("takes_interrupts")
@pytest.mark.parametrize("devices", [1, 2])
def test_a_recipe_that_is_interrupted_goes_on(tmp_path, devices):
    process, goes_on = start_recipe(tmp_path, devices)
    others = psutil.Process(process.pid).children(recursive=True)
    # As a terminal does.
    for each in (process, *others):
        each.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err[-2000:]
    assert not psutil.wait_procs(others, timeout=60)[1]
    goes_on()


@pytest.mark.slow
@pytest.mark.parametrize("victim", ["command", "launcher"])
def test_killing_the_command_or_the_launcher_ends_all(tmp_path, victim):
    if victim == "launcher" and BACKEND != "torch":
        pytest.skip("only PyTorch has one")
    process, goes_on = start_recipe(tmp_path, 2)
    others = psutil.Process(process.pid).children(recursive=True)
    assert len(others) == (3 if BACKEND == "torch" else 0)
    (others[0] if victim == "launcher" else process).kill()
    process.communicate(timeout=60)
    assert not psutil.wait_procs(others, timeout=60)[1]
    assert process.returncode not in (0, 143)
    goes_on()


def test_a_number_of_devices_is_positive(run):
    code, _, err = run("train", "vae_digits", "--devices", "0")
    assert code == 2 and "greater than or equal to 1" in err


@pytest.mark.once
def test_train_resumes_and_its_preset_exports(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    arguments = ("train", "vae_digits", "--quick", "--set", "latent_dim=3")
    code, _, err = run(*arguments, "--out", "run", "--epochs", "2")
    assert code == 0, err
    folder = tmp_path / "run"
    assert json.loads((folder / "recipe.json").read_text())["parameters"] == {
        **json.loads((folder / "preset" / "card.json").read_text())["parameters"],
        "latent_dim": 3,
        "epochs": 2,
    }
    assert presets.preset_card(folder / "preset")["recipe"] == (
        f"kerasgen train vae_digits --backend {BACKEND} --quick --set epochs=2 "
        "--set latent_dim=3"
    )
    assert len((folder / "metrics.csv").read_text().splitlines()) == 3
    assert len(list((folder / "samples").glob("*.png"))) == 2
    assert list((folder / "checkpoints").glob("step-*"))
    code, _, err = run(*arguments, "--out", "run", "--epochs", "2")
    assert code == 0, err
    assert len((folder / "metrics.csv").read_text().splitlines()) == 3
    code, _, err = run(*arguments, "--out", "run", "--epochs", "3")
    assert code == 2 and "Received" in err
    for version in ("1", "2"):
        code, _, err = run("export", "run/preset", "serving")
        assert code == 0, err
        assert (tmp_path / "serving" / version / "saved_model.pb").is_file()


@pytest.mark.once
def test_backend_option_chooses_the_backend(tmp_path):
    arguments = ("train", "vae_digits", "--quick", "--backend", OTHER, "--out", "run")
    result = run_process(*arguments, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    card = json.loads((tmp_path / "run" / "preset" / "card.json").read_text())
    assert card["backend"] == OTHER


@pytest.mark.once
def test_the_module_chooses_the_backend_as_the_command_does():
    # Another one than Keras runs on is refused: see the bad input below.
    result = run_process("list", "--backend", OTHER, main=("-m", "kerasgen"))
    assert result.returncode == 0, result.stderr


def test_a_backend_that_is_not_there_is_one_line():
    result = run_process("list", backend="theano")
    assert result.returncode == 2
    assert result.stderr.startswith("kerasgen: expected") and "theano" in result.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("nonsense",),
        ("list", "--nonsense"),
        ("info", "nope"),
        ("info", "../../etc"),
        ("generate", "nope"),
        ("generate", "features_digits"),
        ("generate", "vae_digits", "--num", "0"),
        ("generate", "vae_digits", "--num", "x"),
        ("generate", "vae_digits", "--seed", "-1"),
        ("generate", "vae_digits", "--out", "missing/a.png"),
        ("generate", "vae_digits", "--out", "a.txt"),
        ("generate", "vae_digits", "--out", ""),
        ("train", "nope"),
        ("train", "vae_digits", "--quick", "--out", ""),
        ("evaluate", "vae_digits", "--against", "digits:test", "--out", ""),
        ("statistics", "digits:test", ""),
        ("statistics", "digits:test", "a.npy"),
        ("statistics", "digits:nope", "a.npz"),
        ("export", "vae_digits", ""),
        ("train", "vae_digits", "--set", "nope=1"),
        ("train", "vae_digits", "--set", "epochs"),
        ("train", "vae_digits", "--set", "epochs=many"),
        ("train", "vae_digits", "--quick", "--epochs", "0"),
        ("train", "vae_digits", "--quick", "--out", "a_file"),
        ("train", "vae_digits", "--quick", "--set", "extractor=foo"),
        ("train", "vae_digits", "--quick", "--set", "learning_rate=-1"),
        ("export", "vae_digits", "a_file"),
        ("list", "--backend", "theano"),
        ("list", "--backend", OTHER),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(run, arguments, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a_file").write_text("")
    code, out, err = run(*arguments)
    assert code == 2, (out, err)
    assert err.startswith("kerasgen: ") and err.count("\n") == 1
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a_file"]


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("config.json", "{}"),
        ("config.json", "[]"),
        ("config.json", "garbage"),
        ("config.json", '{"preset_format": 1, "kerasgen": "0.1.0"}'),
        ("card.json", "[]"),
        ("card.json", "garbage"),
    ],
)
def test_a_damaged_preset_folder_is_one_line(run, tmp_path, file, content):
    folder = shutil.copytree(presets.preset_folder("vae_digits"), tmp_path / "preset")
    (folder / file).write_text(content)
    commands = [
        ("generate", str(folder), "--out", str(tmp_path / "a.png")),
        ("export", str(folder), str(tmp_path / "serving")),
    ]
    commands += [("info", str(folder))] if file == "card.json" else []
    for arguments in commands:
        code, out, err = run(*arguments)
        assert code == 2, (out, err)
        assert err.startswith("kerasgen: Expected ") and err.count("\n") == 1
        assert file in err and "Received: " in err
    assert [path.name for path in tmp_path.iterdir()] == ["preset"]


def test_a_damaged_run_folder_is_one_line(run, tmp_path):
    (tmp_path / "recipe.json").write_text("garbage")
    code, _, err = run("train", "vae_digits", "--quick", "--out", str(tmp_path))
    assert code == 2 and err.count("\n") == 1
    assert str(tmp_path / "recipe.json") in err


def test_a_failed_export_is_one_line(run, tmp_path, monkeypatch):
    class Model:
        def export(self, path):
            raise ExportError("Expected equal outputs.\nReceived: others")

    monkeypatch.setattr(presets, "from_preset", lambda name: Model())
    code, _, err = run("export", "vae_digits", str(tmp_path / "serving"))
    assert code == 2 and err == "kerasgen: Expected equal outputs. Received: others\n"


@pytest.mark.once
def test_a_dataset_that_cannot_be_downloaded_is_one_line(tmp_path):
    unreachable = {name: "http://127.0.0.1:9" for name in ("http_proxy", "https_proxy")}
    arguments = ("train", "vae_digits", "--quick", "--set", "dataset=mnist")
    result = run_process(*arguments, cwd=tmp_path, HOME=str(tmp_path), **unreachable)
    assert result.returncode == 2
    # TensorFlow's own library writes lines, too, which no setting of it stops.
    native = re.compile(r"[IWEF]\d{4} |WARNING: All log messages|To enable the foll")
    lines = result.stderr.splitlines()
    lines = [line for line in lines if line and not native.match(line)]
    assert len(lines) == 1, lines
    assert lines[0].startswith("kerasgen: Expected mnist")
    assert not (tmp_path / "runs").exists()
