"""The README's code runs as printed, on a smaller dataset where it trains."""

import re
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

import kerasgen

README = Path(__file__).parents[1] / "README.md"


def code(title, index=0):
    """A Python block of the section with this title."""
    section = README.read_text().split(f"\n## {title}\n")[1].split("\n## ")[0]
    return re.findall(r"```python\n(.*?)```", section, re.DOTALL)[index]


def networks():
    keras.utils.set_random_seed(0)
    layers = keras.layers
    return {
        "generator": keras.Sequential([keras.Input((4,)), layers.Dense(2)]),
        "discriminator": keras.Sequential([keras.Input((2,)), layers.Dense(1)]),
    }


def test_four_lines_sample(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    lines = code("Sample")
    assert len(lines.splitlines()) <= 5
    scope = {}
    exec(lines, scope)
    assert scope["images"].shape == (16, 28, 28, 1)
    assert (tmp_path / "samples.png").is_file()


EXPORT = 'gan.export("serving/dcgan/1", overwrite=True)'


def training_script(*changes):
    """The first script of "Train", of a small GAN and few images."""
    script = code("Train")
    assert len(script.splitlines()) <= 14
    for old, new in (
        ('"jax"', f'"{keras.backend.backend()}"'),
        ('"fashion_mnist"', '"digits"'),
        ("(28, 28, 1), latent_dim=64", "(8, 8, 1), latent_dim=4, filters=4"),
        ("epochs=25", "epochs=int(sys.argv[1])"),
        *changes,
    ):
        assert script.count(old) == 1, old
        script = script.replace(old, new)
    return f"import sys\n{script}"


@pytest.mark.once
def test_the_training_script_trains_and_resumes(tmp_path):
    script = training_script((EXPORT, "print(gan.seed, gan.generate(1).shape)"))
    (tmp_path / "train.py").write_text(script)
    outputs = []
    for epochs in ("1", "2", "2"):
        result = subprocess.run(
            [sys.executable, "train.py", epochs],
            cwd=tmp_path,
            capture_output=True,
            text=True,
        )
        assert result.returncode == 0, result.stderr[-2000:]
        outputs.append(result.stdout)
    assert "Resuming from" in outputs[1] and "1 epoch(s)" in outputs[1]
    assert "Nothing to train" in outputs[2]
    # The seed was drawn once; the runs that go on take it up.
    assert len({output.splitlines()[-1] for output in outputs}) == 1
    assert len(list((tmp_path / "runs/a/samples").iterdir())) == 2


@pytest.mark.eager
def test_own_networks():
    # In [-1, 1], for the VAE's Bernoulli likelihood.
    x = np.tanh(np.random.RandomState(0).randn(256, 2)).astype("float32")
    layers = keras.layers
    encoder = keras.Sequential([keras.Input((2,)), layers.Dense(2)])
    decoder = keras.Sequential([keras.Input((1,)), layers.Dense(2)])
    scope = {"encoder": encoder, "decoder": decoder, "x": x, **networks()}
    generator = keras.Sequential([keras.Input((64,)), layers.Dense(2)])
    scope |= {"keras": keras, "kerasgen": kerasgen, "generator": generator}
    exec(code("Train", 1).replace("epochs=20", "epochs=1"), scope)
    scope["gan"].compile()
    scope["gan"].fit(x, batch_size=8, verbose=0)


@pytest.mark.eager
def test_metrics(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    scope = {}
    exec(code("Metrics").replace("epochs=2", "epochs=1, verbose=0"), scope)
    assert float(capsys.readouterr().out) > 1.0
    assert scope["scores"].best_weights.best["epoch"] == 1


@pytest.fixture(scope="module")
def tiny_gan():
    scope = {"__name__": "readme"}
    exec(code("Add a model"), scope)
    return scope["TinyGAN"]


def test_a_model_of_one_s_own_has_every_verb(tiny_gan, tmp_path):
    x = np.random.RandomState(0).randn(64, 2).astype("float32") + 3.0
    model = tiny_gan(**networks(), seed=1)
    model.compile(learning_rate=0.05)
    saves = kerasgen.callbacks.Checkpoint(tmp_path / "run")
    history = model.fit(x, epochs=2, validation_data=x, callbacks=[saves], verbose=0)
    assert set(history.history) == {"d_loss", "g_loss", "val_d_loss"}
    samples = model.generate(5, seed=0)
    assert samples.shape == (5, 2)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded.generate(5, seed=0), samples)
    assert loaded.seed == 1
    kerasgen.presets.save_to_preset(model, tmp_path / "preset")
    again = kerasgen.from_preset(tmp_path / "preset")
    np.testing.assert_array_equal(again.generate(5, seed=0), samples)


@pytest.mark.eager
def test_autoencoders():
    blocks = (code("Train", index) for index in range(2, 9))
    block = next(block for block in blocks if "LatentGMM" in block)
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (24, 28, 28, 1), "uint8")
    scope = {"kerasgen": kerasgen, "x": x, "labels": np.arange(24) % 10}
    keras.utils.set_random_seed(0)
    exec(block.replace("num_samples=500", "num_samples=10"), scope)
    assert scope["sampler"].generate(3, seed=0).shape == (3, 28, 28, 1)
