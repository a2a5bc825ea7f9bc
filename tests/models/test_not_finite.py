"""NaN in a batch, in a loss, in a gradient: training stops, or skips the step: N1."""

import keras
import numpy as np
import pytest
from keras import ops

import kerasgen
from kerasgen import backend
from kerasgen.callbacks import BestWeights, Checkpoint
from kerasgen.checkpoint import CheckpointFolder
from kerasgen.models.inputs import DataSpec, NotFiniteError
from tests.models.spoiled_gan import KINDS, PLAYERS, SpoiledGAN
from tests.models.tiny_gan import images, make_gan

IMAGES = images(32)
FAULTS = [(player, kind) for player in PLAYERS for kind in KINDS]


@pytest.fixture(scope="module")
def used_gan(tmp_path_factory):
    gan = make_gan(cls=SpoiledGAN, ema_decay=0.9)
    folder = CheckpointFolder(tmp_path_factory.mktemp("initial"))
    folder.save(gan, {"step": 0})
    return gan, folder


@pytest.fixture
def gan(used_gan):
    used_gan[1].load(used_gan[0])
    return used_gan[0]


class Recorder(keras.callbacks.Callback):
    """Keeps the weights of both players and of the average after each step."""

    def on_train_begin(self, logs=None):
        self.states = [self._state()]

    def on_train_batch_end(self, batch, logs=None):
        self.states.append(self._state())

    def _state(self):
        backend.sync(self.model)
        gan = self.model
        averaged = gan.moving_average.network.variables
        trained = (n.trainable_variables for n in (gan.discriminator, gan.generator))
        return [
            [np.array(ops.convert_to_numpy(variable)) for variable in variables]
            for variables in (*trained, averaged)
        ]


def fit(gan, *callbacks, epochs=2, **options):
    """Two epochs of four steps by default."""
    options = {"batch_size": 8, "shuffle": False, "verbose": 0, **options}
    return gan.fit(IMAGES, epochs=epochs, callbacks=callbacks, **options)


def name_of(player, kind):
    terms = {"discriminator": "d_loss", "generator": "g_loss"}
    return terms[player] if kind == "loss" else f"the gradient of the {player}"


def unchanged(before, after):
    return [
        all((a == b).all() for a, b in zip(*pair, strict=True))
        for pair in zip(before, after, strict=True)
    ]


@pytest.mark.parametrize(("player", "kind"), FAULTS)
def test_training_stops_with_the_name_and_the_best_is_untouched(
    gan, tmp_path, player, kind
):
    gan.spoil(player, kind, range(6, 7))
    best = BestWeights(tmp_path, "d_loss")
    name = f"in {name_of(player, kind)} at training step 7; the"
    recorder = Recorder()
    with pytest.raises(FloatingPointError, match=name):
        fit(gan, best, recorder, Checkpoint(tmp_path, every=1))
    assert best.best["epoch"] == 1
    assert CheckpointFolder(tmp_path / "best").steps() == [4]
    assert CheckpointFolder(tmp_path / "checkpoints").steps()[-1] == 6
    after = Recorder()
    after.set_model(gan)
    held = unchanged(recorder.states[6], after._state())
    assert held == [player == "discriminator", True, True]


@pytest.mark.parametrize(("player", "kind"), FAULTS)
def test_a_step_is_skipped_and_counted(gan, player, kind):
    gan.spoil(player, kind, range(5, 6))
    recorder = Recorder()
    history = fit(gan, recorder, max_skipped_steps=1).history
    assert history["skipped_steps"] == [0, 1]
    assert gan.skipped_steps == 1
    states = recorder.states
    held = [unchanged(states[i], states[i + 1]) for i in range(8)]
    # What came before the fault in its step stays.
    assert held[5] == [player == "discriminator", True, True]
    assert not any(any(h) for i, h in enumerate(held) if i != 5)
    for name in ("d_loss", "g_loss"):
        assert np.isfinite(history[name]).all()


def test_a_skipped_step_is_left_out_of_the_logs(gan, used_gan):
    gan.spoil("discriminator", "loss", range(3, 4))
    skipped = fit(gan, epochs=1, max_skipped_steps=1).history
    used_gan[1].load(gan)
    gan.spoil("discriminator", "loss", range(0))
    three = gan.fit(IMAGES[:24], batch_size=8, shuffle=False, verbose=0).history
    for name in ("d_loss", "g_loss"):
        np.testing.assert_allclose(skipped[name], three[name], rtol=1e-6)


def test_an_epoch_of_skipped_steps_is_never_the_best(gan, tmp_path):
    gan.spoil("discriminator", "loss", range(4, 8))
    best = BestWeights(tmp_path, "d_loss", mode="max")
    history = fit(gan, best, max_skipped_steps=4).history
    assert np.isfinite(history["d_loss"][0]) and np.isnan(history["d_loss"][1])
    assert best.best["epoch"] == 1
    assert history["skipped_steps"] == [0, 4]


def test_weights_that_an_update_made_infinite_are_not_saved(tmp_path):
    vae = kerasgen.models.dense_vae((4,), 2, (3,), "gaussian", seed=0)
    vae.compile("sgd")
    x = np.ones((8, 4), "float32")
    fitted = [BestWeights(tmp_path, "loss"), Checkpoint(tmp_path)]
    vae.fit(x, batch_size=8, verbose=0, callbacks=fitted)
    kept = {path: path.read_bytes() for path in tmp_path.rglob("*.npz")}
    assert len(kept) == 2
    vae.decoder.trainable_variables[0].assign(np.full((2, 3), np.inf))
    with pytest.raises(FloatingPointError, match="infinity in .*kernel; older"):
        CheckpointFolder(tmp_path / "checkpoints").save(vae, {"step": 9})
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.npz")} == kept


def test_steps_after_a_fault_do_not_count(gan):
    gan.spoil("generator", "loss", range(1, 2))
    with pytest.raises(FloatingPointError, match="at training step 2; the"):
        fit(gan, check_every=4)
    for counter in (gan.training_steps, gan.optimizer.iterations):
        assert int(keras.ops.convert_to_numpy(counter.value)) == 2


def test_more_steps_than_may_be_skipped_stop_training(gan):
    gan.spoil("generator", "loss", range(2, 5))
    message = r"in g_loss at training step 5, after 2 skipped step\(s\); the"
    with pytest.raises(FloatingPointError, match=message):
        fit(gan, max_skipped_steps=2)
    # Another fit may skip none, and counts anew.
    gan.spoil("generator", "loss", range(5, 6))
    with pytest.raises(FloatingPointError, match="at training step 6; the"):
        fit(gan)


def test_a_resumed_run_goes_on_counting(gan, tmp_path):
    gan.spoil("generator", "gradient", range(3, 7))
    fit(gan, Checkpoint(tmp_path), epochs=1, max_skipped_steps=2)
    with pytest.raises(FloatingPointError, match="step 6, after 2 skipped"):
        fit(gan, Checkpoint(tmp_path), max_skipped_steps=2)


def test_one_batch_alone_is_never_skipped(gan):
    gan.spoil("generator", "loss", range(2, 3))
    fit(gan, epochs=1, max_skipped_steps=1)
    gan.spoil("generator", "loss", range(4, 5))
    with pytest.raises(FloatingPointError, match="at training step 5"):
        gan.train_on_batch(IMAGES[:8])


def batches(spoiled):
    """Four batches of float images, one of which has a NaN in its third image."""
    x = IMAGES.astype("float32") / 127.5 - 1.0
    x[8 * spoiled + 2, 4, 4, 0] = np.nan
    # A list would be one array.
    return tuple(x[i : i + 8] for i in range(0, 32, 8))


def test_nan_in_a_batch_stops_training_with_sample_and_step(gan, tmp_path):
    message = r"NaN or infinity in sample 18, read for step 3 of epoch 1$"
    with pytest.raises(NotFiniteError, match=message):
        gan.fit(batches(2), verbose=0, callbacks=[Checkpoint(tmp_path, every=1)])
    for array in gan.get_weights():
        assert np.isfinite(array).all()


def test_nan_in_a_batch_can_be_skipped(gan):
    recorder = Recorder()
    history = gan.fit(
        batches(2), epochs=2, verbose=0, callbacks=[recorder], max_skipped_steps=2
    ).history
    assert history["skipped_steps"] == [1, 2]
    states = recorder.states
    held = [all(unchanged(states[i], states[i + 1])) for i in range(8)]
    assert held == [False, False, True, False] * 2
    with pytest.raises(FloatingPointError, match="the data at training step 15, after"):
        gan.fit(batches(2), epochs=2, verbose=0, max_skipped_steps=1)


def test_arrays_with_nan_are_refused_unless_steps_may_be_skipped(gan):
    x = np.concatenate(batches(1))
    with pytest.raises(NotFiniteError, match="in sample 10$"):
        gan.fit(x, batch_size=8, verbose=0)
    options = {"batch_size": 8, "shuffle": False, "verbose": 0}
    history = gan.fit(x, max_skipped_steps=1, **options).history
    assert history["skipped_steps"] == [1]


def test_steps_look_for_nan_in_floats_where_a_step_may_be_skipped(monkeypatch):
    looks, vae = [], kerasgen.models.dense_vae((4,), 2, (3,), "gaussian", seed=0)
    train = type(vae).training_step

    def training_step(self, batch, noise):
        looks.append(batch.fault is not None)
        train(self, batch, noise)

    monkeypatch.setattr(type(vae), "training_step", training_step)
    vae.compile("sgd")
    x = np.ones((8, 4), "float32")
    for may_be_skipped in (0, 1, 0):
        vae.fit(x, batch_size=8, verbose=0, max_skipped_steps=may_be_skipped)
        assert looks[-1] == bool(may_be_skipped)
    gan = make_gan()
    gan.fit(IMAGES, batch_size=8, verbose=0, max_skipped_steps=1)
    assert not gan.checks_data


@pytest.mark.eager
def test_values_that_are_finite_are_checked_all_the_same():
    spec = DataSpec((2, 2, 1), value_range=(0, 10))
    spec.takes_nan = True
    x = np.full((1, 2, 2, 1), 5.0)
    x[0, 0, :, 0] = np.inf, np.nan
    np.testing.assert_array_equal(
        spec.check(x)[0, ..., 0], [[np.nan, np.nan], [0.0, 0.0]]
    )
    with pytest.raises(ValueError, match="values in value_range"):
        spec.check(x * 3)
    assert np.isnan(spec.check(x * np.nan)).all()


@pytest.mark.parametrize("number", [-1, 1.5, True, None])
def test_a_bad_number_of_steps_to_skip_is_refused(gan, number):
    with pytest.raises(ValueError, match="max_skipped_steps.*Received"):
        fit(gan, max_skipped_steps=number)
