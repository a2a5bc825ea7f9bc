"""Sample grids, learning rates of one player, and the best weights of a run."""

import contextlib
import json
import warnings

import keras
import numpy as np
import pytest
from PIL import Image

import kerasgen
from kerasgen.callbacks import (
    BestWeights,
    Checkpoint,
    Evaluate,
    PlayerLearningRate,
    ReconstructionGrid,
    SampleGrid,
)
from kerasgen.checkpoint import CheckpointError, CheckpointFolder
from kerasgen.files import TEMPORARY_PREFIX

SHAPE = (8, 8, 1)
IMAGES = np.random.RandomState(0).randint(0, 256, (32, *SHAPE)).astype("uint8")


@pytest.fixture(scope="module")
def used_vae(tmp_path_factory):
    """A model, compiled once, and the state that it started from."""
    keras.utils.set_random_seed(0)
    vae = kerasgen.models.dense_vae(SHAPE, latent_dim=2, hidden=(8,), seed=1)
    vae.compile(keras.optimizers.Adam(1e-2))
    folder = CheckpointFolder(tmp_path_factory.mktemp("initial"))
    folder.save(vae, {"step": 0})
    return vae, folder


@pytest.fixture
def vae(used_vae):
    used_vae[1].load(used_vae[0])
    return used_vae[0]


def fit(model, *callbacks, epochs=3, **options):
    return model.fit(
        IMAGES, batch_size=16, epochs=epochs, verbose=0, callbacks=callbacks, **options
    )


def test_what_another_run_is_writing_is_left_alone(vae, tmp_path):
    with contextlib.closing(CheckpointFolder(tmp_path / "checkpoints")) as held:
        held.open()
        for name in ("samples", "reconstructions"):
            (tmp_path / name).mkdir()
            (tmp_path / name / f"{TEMPORARY_PREFIX}0").touch()
        before = sorted(tmp_path.rglob("*"))
        grids = SampleGrid(tmp_path), ReconstructionGrid(tmp_path, IMAGES[:4])
        for grid in grids:
            with pytest.raises(CheckpointError, match="held by"):
                fit(vae, grid, Checkpoint(tmp_path))
        assert sorted(tmp_path.rglob("*")) == before
    fit(vae, *grids, Checkpoint(tmp_path), epochs=1)
    assert not [*tmp_path.rglob(f"{TEMPORARY_PREFIX}*")]
    for grid in grids:
        assert (grid.folder / "epoch-0001.png").is_file()


def assert_equal_weights(model, expected):
    for ours, theirs in zip(model.get_weights(), expected, strict=True):
        np.testing.assert_array_equal(ours, theirs)


class Snapshots(keras.callbacks.Callback):
    """Weights at the end of each epoch."""

    def on_train_begin(self, logs=None):
        self.weights = []

    def on_epoch_end(self, epoch, logs=None):
        self.weights.append([np.array(w) for w in self.model.get_weights()])


# SampleGrid.


def test_grids_show_the_same_latents_after_each_epoch(vae, tmp_path):
    orphan = tmp_path / "samples" / ".tmp-kerasgen-1"
    orphan.parent.mkdir()
    orphan.touch()
    fit(vae, SampleGrid(tmp_path, num_samples=4, seed=3))
    names = sorted(path.name for path in orphan.parent.iterdir())
    assert names == ["epoch-0001.png", "epoch-0002.png", "epoch-0003.png"]
    pictures = [np.asarray(Image.open(orphan.parent / name)) for name in names]
    expected = tmp_path / "expected.png"
    kerasgen.plot.save_image_grid(expected, vae.generate(4, seed=3))
    np.testing.assert_array_equal(pictures[2], np.asarray(Image.open(expected)))
    assert (pictures[0] != pictures[2]).any()


def test_grids_are_written_as_often_as_asked(vae, tmp_path):
    fit(vae, SampleGrid(tmp_path, num_samples=2, every=2), epochs=5)
    names = sorted(path.name for path in (tmp_path / "samples").iterdir())
    assert names == ["epoch-0002.png", "epoch-0004.png"]


@pytest.mark.parametrize(
    "arguments",
    [{"num_samples": 0}, {"every": 0}, {"every": 1.5}, {"seed": -1}, {"seed": 2**32}],
)
def test_a_bad_argument_of_a_grid_is_refused(arguments):
    with pytest.raises(ValueError, match="Received"):
        SampleGrid("unused", **arguments)


@pytest.mark.parametrize("path", ["file", "file/inner"])
def test_a_grid_without_a_folder_is_refused_before_training(vae, tmp_path, path):
    (tmp_path / "file").touch()
    before = vae.get_weights()
    with pytest.raises(OSError, match="folder for sample grids.*Received: .*file"):
        fit(vae, SampleGrid(tmp_path / path))
    assert_equal_weights(vae, before)


@pytest.mark.parametrize(
    "make", [SampleGrid, Checkpoint, lambda path: BestWeights(path, "fid")]
)
def test_an_empty_path_is_refused(make):
    with pytest.raises(ValueError, match="path of a folder.*Received: ''"):
        make("")


def test_a_grid_of_vectors_is_refused_before_training(tmp_path):
    vae = kerasgen.models.dense_vae((4,), latent_dim=2, hidden=(8,), seed=1)
    vae.compile(keras.optimizers.Adam(1e-2))
    with pytest.raises(ValueError, match=r"Received: samples of shape \(4,\)"):
        vae.fit(IMAGES[:, :4, 0, 0] / 255.0, callbacks=[SampleGrid(tmp_path)])
    assert not (tmp_path / "samples").exists()


# ReconstructionGrid, and models that have nothing to draw from.


def test_reconstructions_are_below_what_they_are_of(vae, tmp_path):
    fit(vae, ReconstructionGrid(tmp_path, IMAGES[:3], every=2), epochs=2)
    (path,) = (tmp_path / "reconstructions").iterdir()
    assert path.name == "epoch-0002.png"
    pairs = kerasgen.plot.pair_rows(IMAGES[:3], vae.reconstruct(IMAGES[:3]))
    kerasgen.plot.save_image_grid(tmp_path / "expected.png", pairs, columns=3)
    pictures = map(Image.open, (path, tmp_path / "expected.png"))
    np.testing.assert_array_equal(*map(np.asarray, pictures))


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        (IMAGES[:4], None, "expected labels in .*labels=None"),
        (IMAGES[:4], [0, 1, 2], r"shape \(4,\).*shape=\(3,\)"),
        (IMAGES[:4], [0, 1, 2, 3], r"labels in \[0, 3\).*Received: 3"),
        (IMAGES[:4, :4], [0, 1, 2, 0], r"8, 8, 1\).*shape=\(4, 4, 8, 1\)"),
    ],
)
def test_what_does_not_fit_is_refused_before_training(
    tmp_path, images, labels, message
):
    model = kerasgen.models.dense_vae(SHAPE, 2, hidden=(4,), num_classes=3, seed=1)
    grid = ReconstructionGrid(tmp_path, images, labels=labels)
    check_refusal(model, grid, message, np.arange(32) % 3)
    assert not grid.folder.exists()


def test_labels_of_a_model_without_classes_are_refused(tmp_path):
    model = kerasgen.models.dense_vae(SHAPE, 2, hidden=(4,), seed=1)
    grid = ReconstructionGrid(tmp_path, IMAGES[:4], labels=[0, 1, 2, 0])
    check_refusal(model, grid, "unconditional.*Received: labels")
    gan = kerasgen.models.dcgan(SHAPE, latent_dim=2, filters=2, seed=1)
    grid = ReconstructionGrid(tmp_path, IMAGES[:4])
    check_refusal(gan, grid, "with `reconstruct`.*Received: GAN")
    with pytest.raises(TypeError, match="uint8 images. Received: dtype=float64"):
        ReconstructionGrid(tmp_path, IMAGES[:4] / 255.0)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: kerasgen.models.vq_vae(SHAPE, 4, 2, filters=2, num_blocks=1),
            "set_prior.*Received: a model without one",
        ),
        (
            lambda: kerasgen.models.dense_autoencoder(SHAPE, 2, hidden=(4,)),
            "LatentGMM.*Received: generate of Autoencoder",
        ),
    ],
)
def test_models_with_nothing_to_draw_from_are_refused(tmp_path, make, message):
    network = keras.Sequential([keras.Input(SHAPE), keras.layers.Flatten()])
    features = kerasgen.metrics.FeatureExtractor(network)
    for callback in (
        SampleGrid(tmp_path, num_samples=2),
        Evaluate(IMAGES, features, num=16),
    ):
        check_refusal(make(), callback, message)
    assert not (tmp_path / "samples").exists()


def check_refusal(model, callback, message, labels=None):
    """`fit` refuses a callback before anything is trained."""
    model.compile()
    before = model.get_weights()
    with pytest.raises(ValueError, match=message):
        model.fit(IMAGES, labels, callbacks=[callback], verbose=0)
    assert_equal_weights(model, before)


# PlayerLearningRate.


def test_the_rate_of_one_player_alone_is_set():
    keras.utils.set_random_seed(0)
    noise = keras.Input((4,))
    fake = keras.layers.Reshape(SHAPE)(keras.layers.Dense(64)(noise))
    image = keras.Input(SHAPE)
    logit = keras.layers.Dense(1)(keras.layers.Flatten()(image))
    gan = kerasgen.models.GAN(
        keras.Model(noise, fake), keras.Model(image, logit), 4, seed=1
    )
    gan.compile(keras.optimizers.SGD(0.5), keras.optimizers.SGD(0.5))
    seen = []

    def schedule(epoch, rate):
        seen.append((epoch, rate))
        return 0.25 if epoch == 0 else 0.0

    snapshots = Snapshots()
    history = fit(gan, PlayerLearningRate("generator", schedule), snapshots).history
    assert seen == [(0, 0.5), (1, 0.25), (2, 0.0)]
    assert history["generator_learning_rate"] == [0.25, 0.0, 0.0]
    moved = [
        [(a != b).any() for a, b in zip(*pair, strict=True)]
        for pair in zip(snapshots.weights[1:], snapshots.weights[:-1], strict=True)
    ]
    names = [variable.path for variable in gan.weights]
    is_generator = [any(v is w for v in gan.generator.weights) for w in gan.weights]
    for changes in moved:
        for name, change, frozen in zip(names, changes, is_generator, strict=True):
            trained = "kernel" in name or "bias" in name
            assert change == (trained and not frozen) or not trained, name


def test_a_scaled_optimizer_takes_the_rate():
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        vae = kerasgen.models.dense_vae(SHAPE, latent_dim=2, hidden=(8,), seed=1)
        vae.compile(keras.optimizers.Adam(1e-2))
    finally:
        keras.config.set_dtype_policy(policy)
    callback = PlayerLearningRate("vae", lambda epoch, rate: 0.5)
    callback.set_model(vae)
    callback.on_epoch_begin(0)
    inner = vae.optimizer["vae"].inner_optimizer
    assert float(keras.ops.convert_to_numpy(inner.learning_rate)) == 0.5


def test_bad_players_and_schedules_are_refused_before_training(vae):
    with pytest.raises(TypeError, match="Received: schedule=0.1"):
        PlayerLearningRate("vae", 0.1)
    before = vae.get_weights()
    with pytest.raises(ValueError, match=r"\['vae'\].*Received: player='generator'"):
        fit(vae, PlayerLearningRate("generator", lambda epoch, rate: rate))
    for rate in (-1.0, float("nan"), float("inf")):
        with pytest.raises(ValueError, match=f"Received: {rate} in epoch 0"):
            fit(vae, PlayerLearningRate("vae", lambda epoch, _, rate=rate: rate))
    assert_equal_weights(vae, before)
    vae = kerasgen.models.dense_vae(SHAPE, latent_dim=2, hidden=(8,), seed=1)
    decay = keras.optimizers.schedules.ExponentialDecay(1e-2, 10, 0.5)
    vae.compile(keras.optimizers.Adam(decay))
    before = vae.get_weights()
    with pytest.raises(TypeError, match="LearningRateSchedule"):
        fit(vae, PlayerLearningRate("vae", lambda epoch, rate: rate))
    assert_equal_weights(vae, before)


# BestWeights.


def scores_of(*values):
    """A score that takes these values, one an epoch."""
    remaining = iter(values)
    return lambda model: next(remaining)


def test_the_best_epoch_is_restored(vae, tmp_path):
    best = BestWeights(tmp_path, scores_of(3.0, 1.0, float("nan"), 2.0), name="fid")
    snapshots = Snapshots()
    history = fit(vae, best, snapshots, epochs=4).history
    np.testing.assert_array_equal(history["fid"], [3.0, 1.0, np.nan, 2.0])
    assert best.best["epoch"] == 2
    assert best.best["score"] == 1.0
    assert_equal_weights(vae, snapshots.weights[1])
    assert [path.name for path in (tmp_path / "best").glob("step-*")] == [
        "step-0000000004"
    ]


def test_a_function_is_called_as_often_as_asked(vae, tmp_path):
    best = BestWeights(tmp_path, scores_of(5.0, 4.0), every=2)
    history = fit(vae, best, epochs=5).history
    assert history["score"] == [5.0, 4.0]
    assert best.best["epoch"] == 4


def test_the_best_logged_value_is_found_beside_rare_validation(vae, tmp_path):
    best = BestWeights(tmp_path, "val_loss")
    history = fit(
        vae, best, epochs=4, validation_data=IMAGES[:8], validation_freq=2
    ).history
    values = history["val_loss"]
    assert best.best["score"] == min(values)
    assert best.best["epoch"] == 2 * (1 + int(np.argmin(values)))


def test_scores_that_are_never_numbers_leave_the_last_weights(vae, tmp_path):
    best = BestWeights(tmp_path, lambda model: float("nan"))
    snapshots = Snapshots()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        fit(vae, best, snapshots, epochs=2)
    messages = [str(warning.message) for warning in caught]
    assert any("No epoch had a number for 'score'" in text for text in messages)
    assert best.best is None
    assert_equal_weights(vae, snapshots.weights[1])


def test_bad_scores_are_refused(vae, tmp_path):
    for arguments in ({"score": 1.0}, {"score": "loss", "every": 0}):
        with pytest.raises(ValueError, match="Received"):
            BestWeights(tmp_path, **arguments)
    with pytest.raises(ValueError, match="loss.*Received: score='val_fid'"):
        fit(vae, BestWeights(tmp_path, "val_fid"))


class StopAtEnd(keras.callbacks.Callback):
    """Raises at the end of an epoch, between two other callbacks."""

    def __init__(self, epoch):
        super().__init__()
        self.epoch = epoch

    def on_epoch_end(self, epoch, logs=None):
        if epoch == self.epoch:
            raise KeyboardInterrupt


def test_the_best_epoch_survives_an_interruption(vae, used_vae, tmp_path):
    def score(model):
        steps = int(keras.ops.convert_to_numpy(model.training_steps))
        return {2: 3.0, 4: 1.0, 6: 2.0, 8: 1.5}[steps]

    snapshots = Snapshots()
    fit(vae, snapshots, epochs=4)
    used_vae[1].load(vae)
    # Saved as the best of epoch 2, but not as a checkpoint; then after epoch 3.
    for stop in (StopAtEnd(1), StopAtEnd(2)):
        best = BestWeights(tmp_path, score)
        with pytest.raises(KeyboardInterrupt):
            fit(vae, best, stop, Checkpoint(tmp_path), epochs=4)
    for epochs in (4, 4):  # The second time there is nothing to train.
        best = BestWeights(tmp_path, score)
        fit(vae, best, Checkpoint(tmp_path), epochs=epochs)
        assert best.best == {"step": 4, "epoch": 2, "score": 1.0}
        assert_equal_weights(vae, snapshots.weights[1])


def test_the_best_of_another_run_is_not_restored(vae, used_vae, tmp_path):
    fit(vae, BestWeights(tmp_path, lambda model: 0.0), Checkpoint(tmp_path))
    used_vae[1].load(vae)
    snapshots = Snapshots()
    best = BestWeights(tmp_path, scores_of(2.0, 1.0))
    anew = Checkpoint(tmp_path, resume=False)
    fit(vae, best, snapshots, anew, epochs=2)
    assert best.best["epoch"] == 2
    assert_equal_weights(vae, snapshots.weights[1])
    manifests = list((tmp_path / "best").glob("*/manifest.json"))
    assert len(manifests) == 1
    assert json.loads(manifests[0].read_text())["position"]["score"] == 1.0
