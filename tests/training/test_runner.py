"""The runner: a run that is cut off goes on as if it had not been."""

import csv
import json
import shutil

import keras
import numpy as np
import pytest

from kerasgen.presets import from_preset, preset_card
from training import publish
from training.metrics_log import MetricsLog
from training.recipe import load_recipe, resolve_parameters
from training.runner import train

pytestmark = pytest.mark.eager


def read_rows(folder):
    with open(folder / "metrics.csv", newline="") as file:
        return list(csv.DictReader(file))


def remove_newest(folder):
    shutil.rmtree(max(folder.glob("step-*")))


@pytest.fixture(scope="module")
def vae_run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "vae"
    train("vae_digits", folder, ["epochs=3", "batch_size=64"], quick=True, verbose=0)
    return folder


def test_a_card_says_how_the_model_was_made(vae_run):
    card = preset_card(vae_run / "preset")
    backend = keras.backend.backend()
    assert card["recipe"].startswith(
        f"kerasgen train vae_digits --backend {backend} --quick --set "
    )
    assert "--set epochs=3" in card["recipe"]
    assert card["extractor"]["name"] == "features_digits"
    assert backend in card["versions"] and "cpu" in card["hardware"].lower()
    assert "commit" in card


def test_an_epoch_that_is_trained_again_has_one_row(vae_run, tmp_path):
    """A kill between metrics.csv and the checkpoint: the row is there, its step not."""
    before = read_rows(vae_run)
    weights = from_preset(vae_run / "preset").get_weights()
    run = shutil.copytree(vae_run, tmp_path / "run")
    remove_newest(run / "checkpoints")
    with open(run / "metrics.csv", "a") as file:
        file.write("3,0.5")
    train("vae_digits", run, ["epochs=3", "batch_size=64"], quick=True, verbose=0)
    assert [row["epoch"] for row in read_rows(run)] == ["0", "1", "2"]
    assert read_rows(run) == before
    for a, b in zip(from_preset(run / "preset").get_weights(), weights, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    ("resumed", "cut_off", "expected"),
    [(2, "", "012"), (1, "", "01"), (0, "", "0"), (2, "2,0.", "012"), (2, "2", "012")],
)
def test_rows_go_on_at_the_resumed_epoch(tmp_path, resumed, cut_off, expected):
    def log_epochs(*epochs):
        log = MetricsLog(tmp_path / "metrics.csv")
        log.on_train_begin()
        for epoch in epochs:
            log.on_epoch_begin(epoch)
            log.on_epoch_end(epoch, {"loss": float(epoch), "score": 0.5})
        log.on_train_end()

    log_epochs(0, 1)
    with open(tmp_path / "metrics.csv", "a") as file:
        file.write(cut_off)
    log_epochs(resumed)
    rows = read_rows(tmp_path)
    assert "".join(row["epoch"] for row in rows) == expected
    assert [float(row["loss"]) for row in rows] == [float(digit) for digit in expected]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"garbage", "Expected a JSON file"),
        (b"[]", "type object"),
        (b'{"recipe": "vae_digits"}', "to have"),
        (b'{"recipe": 3, "parameters": {}}', "recipe of .*type string"),
    ],
)
def test_a_damaged_recipe_of_a_run_is_named(tmp_path, content, message):
    (tmp_path / "recipe.json").write_bytes(content)
    with pytest.raises(ValueError, match=f"{message}.*Received: ") as caught:
        train("vae_digits", tmp_path, quick=True)
    assert str(tmp_path / "recipe.json") in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["recipe.json"]


@pytest.mark.parametrize(
    ("name", "override"),
    [
        ("vae_digits", "extractor=nope"),
        ("vae_digits", "extractor=vae_digits"),
        ("vae_digits", "extractor=features_fashion_mnist"),
        ("vae_digits", "num_test_samples=1"),
        ("vae_digits", "learning_rate=-1"),
        ("vae_digits", "likelihood=nope"),
        ("dcgan_digits", "extractor=nope"),
        ("dcgan_digits", "num_selection_samples=1"),
        ("dcgan_digits", "beta_1=1.5"),
        ("dcgan_digits", "ema_decay=2.0"),
        ("features_digits", "learning_rate=-1"),
        ("features_digits", "dataset=gaussian_ring"),
        ("features_digits", "split=train[5:5]"),
    ],
)
def test_a_bad_value_is_found_before_anything_is_written(tmp_path, name, override):
    with pytest.raises(ValueError, match="Received: "):
        train(name, tmp_path / "run", [override], quick=True)
    assert not list(tmp_path.iterdir())


class StopAt(keras.callbacks.Callback):
    """Raises at the beginning of an epoch."""

    def __init__(self, epoch):
        super().__init__()
        self.epoch = epoch

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == self.epoch:
            raise KeyboardInterrupt


def build_classifier(seed):
    """Run of a small classifier; other seeds, other initial weights."""
    recipe = load_recipe("features_digits")
    overrides = ["epochs=3", "split=train[:100]"]
    keras.utils.set_random_seed(seed)
    return recipe.build(resolve_parameters(recipe, overrides, quick=True))


@pytest.fixture(scope="module")
def whole_classifier(tmp_path_factory):
    run = build_classifier(0)
    run.fit(tmp_path_factory.mktemp("whole"), 3, [], 0)
    return run


def state_of(run):
    return [*run.model.variables, *run.model.optimizer.variables]


def test_a_classifier_resumes_exactly(whole_classifier, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        build_classifier(0).fit(tmp_path, 3, [StopAt(1)], 0)
    resumed = build_classifier(1)
    resumed.fit(tmp_path, 3, [], 0)
    for own, expected in zip(
        [*resumed.model.variables, *resumed.model.optimizer.variables],
        [
            *whole_classifier.model.variables,
            *whole_classifier.model.optimizer.variables,
        ],
        strict=True,
    ):
        arrays = map(keras.ops.convert_to_numpy, (own, expected))
        np.testing.assert_array_equal(*arrays, err_msg=own.path)


def test_a_finished_classifier_is_not_trained_again(tmp_path):
    for _ in range(2):
        train("features_digits", tmp_path, ["epochs=2"], quick=True, verbose=0)
        assert [row["epoch"] for row in read_rows(tmp_path)] == ["0", "1"]
    assert preset_card(tmp_path / "preset")["best_epoch"] == 2
    assert json.loads((tmp_path / "seconds.json").read_text()) > 0


@pytest.mark.parametrize("content", [b"", b"garbage", b"PK\x03\x04"])
def test_a_damaged_save_of_a_classifier_is_named(tmp_path, content):
    (tmp_path / "state.npz").write_bytes(content)
    run = build_classifier(0)
    before = run.model.get_weights()
    with pytest.raises(ValueError, match=r"start anew.*Received: .*state\.npz"):
        run.fit(tmp_path, 3, [], 0)
    for a, b in zip(run.model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_save_of_another_classifier_is_refused(tmp_path):
    build_classifier(0).fit(tmp_path, 1, [], 0)
    recipe = load_recipe("features_digits")
    wider = recipe.build(resolve_parameters(recipe, ["width=9"], quick=True))
    with pytest.raises(ValueError, match=r"other shapes in .*state\.npz"):
        wider.fit(tmp_path, 3, [], 0)


# Publishing.


def test_a_run_is_published_with_a_page(vae_run, tmp_path):
    folder = publish.publish(vae_run, tmp_path)
    assert folder == tmp_path / "vae_digits"
    published = {path.name for path in folder.iterdir()}
    # A model without a likelihood of pixels completes no images.
    assert published == {*publish.FILES, "samples.png", "README.md"}
    page = (folder / "README.md").read_text()
    card = preset_card(folder)
    assert f"| command | `{card['recipe']}` |" in page
    assert card["extractor"]["weights_sha256"] in page
    assert (folder / "model.weights.h5").read_bytes() == (
        vae_run / "preset" / "model.weights.h5"
    ).read_bytes()


def test_a_card_with_a_path_for_a_name_is_not_published(vae_run, tmp_path):
    run = shutil.copytree(vae_run, tmp_path / "run")
    card = preset_card(run / "preset")
    (run / "preset" / "card.json").write_text(json.dumps({**card, "name": "../x"}))
    with pytest.raises(ValueError, match=r"Received: '\.\./x'"):
        publish.publish(run, tmp_path / "zoo")
    assert not (tmp_path / "zoo").exists() and not (tmp_path / "x").exists()


def test_publish_wants_runs_or_readmes():
    for arguments in ([], ["run", "--readmes"]):
        with pytest.raises(SystemExit) as caught:
            publish.main(arguments)
        assert caught.value.code == 2
