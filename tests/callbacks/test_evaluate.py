"""Scores during training: logs, CSV, TensorBoard, the best epoch, their share."""

import csv
import math

import keras
import numpy as np
import pytest

import kerasgen
from kerasgen.callbacks import Evaluate
from kerasgen.metrics import Moments, fid, measures, statistics
from kerasgen.metrics.statistics_file import FrechetStatistics

pytestmark = pytest.mark.eager

DATA = np.random.RandomState(0).randn(96, 3).astype("float32") * 2.0 + 1.0


def make_vae():
    keras.utils.set_random_seed(0)
    vae = kerasgen.models.dense_vae(
        (3,), latent_dim=2, hidden=(8,), likelihood="gaussian", seed=1
    )
    vae.compile(keras.optimizers.Adam(0.02))
    return vae


def fit(callbacks, epochs=4):
    vae = make_vae()
    history = vae.fit(DATA, epochs=epochs, callbacks=callbacks, verbose=0)
    return vae, history.history


def test_scores_equal_those_of_the_samples():
    scores = Evaluate(DATA, metrics=["fid", "pr"], num=50, seed=7)
    vae, history = fit([scores])
    assert set(history) >= {"fid50_train", "precision50_train", "recall50_train"}
    expected = fid(DATA, vae.generate(50, seed=7))
    assert history["fid50_train"][-1] == pytest.approx(expected, rel=1e-9)
    assert scores.report.protocol["seed"] == 7
    assert history["fid50_train"][-1] < history["fid50_train"][0]


def test_epochs_without_a_score_show_nan_to_every_callback(tmp_path):
    log = keras.callbacks.CSVLogger(tmp_path / "metrics.csv")
    board = keras.callbacks.TensorBoard(tmp_path / "board")
    scores = Evaluate(DATA, num=50, every=2, name="val")
    fit([scores, log, board])
    with open(tmp_path / "metrics.csv") as file:
        rows = list(csv.DictReader(file))
    values = [float(row["fid50_val"]) for row in rows]
    assert [math.isnan(value) for value in values] == [True, False, True, False]
    assert any((tmp_path / "board").rglob("events*"))
    assert tag_in(tmp_path / "board", b"epoch_fid50_val")


def tag_in(folder, tag):
    return any(tag in path.read_bytes() for path in folder.rglob("events*"))


@pytest.mark.parametrize(("best", "pick"), [("fid", min), ("recall", max)])
def test_the_best_epoch_is_kept(best, pick, tmp_path):
    # Training that diverges from a good start: the best epoch is not the last.
    vae = make_vae()
    vae.fit(DATA, epochs=10, verbose=0)
    vae.compile(keras.optimizers.Adam(0.3))
    scores = Evaluate(
        DATA, metrics=["fid", "pr"], num=50, best=best, path=tmp_path / "run"
    )
    history = vae.fit(DATA, epochs=5, callbacks=[scores], verbose=0).history
    values = history[f"{best}50_train"]
    assert scores.best_weights.best["epoch"] == values.index(pick(values)) + 1
    report = scores.evaluator.evaluate(vae.generate(50, seed=scores.seed))
    assert report.scores[f"{best}50_train"].value == pytest.approx(pick(values))


def test_its_share_of_the_time(monkeypatch):
    scores = Evaluate(DATA, num=50)
    _, history = fit([scores])
    assert 0.0 < scores.share < 1.0
    assert history["evaluate_share"][-1] == scores.share


def test_statistics_are_a_reference():
    reference = FrechetStatistics(*statistics(DATA), len(DATA))
    by_file = fit([Evaluate(reference, num=50)], 1)[1]["fid50_train"]
    by_data = fit([Evaluate(DATA, num=50)], 1)[1]["fid50_train"]
    assert by_file == pytest.approx(by_data, rel=1e-6)
    assert Moments.from_statistics(*statistics(DATA), 96).num == 96


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"every": 0}, "`every` is an integer >= 1"),
        ({"num": 0}, "`num` is an integer >= 1"),
        ({"best": "fid"}, "Expected a `path` beside `best`"),
        ({"best": "kid", "path": "unused"}, r"`best` is one of \['fid'\]"),
        ({"metrics": ["nothing"]}, "one of the metrics"),
        ({"seed": -1}, "`seed`"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message + ".*Received"):
        Evaluate(DATA, **arguments)


def test_a_reference_of_another_kind_is_refused_before_training():
    from kerasgen import extractors

    network = extractors.from_classifier_preset("features_digits")
    images = np.random.RandomState(0).randint(0, 256, (20, 8, 8, 1)).astype("uint8")
    for scores in (Evaluate(images, network, num=50), Evaluate(DATA[:, :2], num=50)):
        vae = make_vae()
        before = vae.get_weights()
        with pytest.raises(ValueError, match="Received: samples of shape"):
            vae.fit(DATA, verbose=0, callbacks=[scores])
        for old, new in zip(before, vae.get_weights(), strict=True):
            np.testing.assert_array_equal(old, new)


def test_too_few_samples_are_refused_before_training():
    with pytest.raises(ValueError, match="subset_size=60.*Received: 50"):
        Evaluate(DATA, metrics=[measures.KID(60, 2)], num=50)
