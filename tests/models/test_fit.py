"""Keras's verbs and callbacks around the train step, on a GAN of two players."""

import csv

import keras
import numpy as np
import pytest
from keras import ops

from kerasgen import models
from kerasgen.callbacks import Checkpoint, PlayerLearningRate
from tests import contracts
from tests.models.tiny_gan import images, make_gan


def learning_rates(gan):
    return {
        player: float(ops.convert_to_numpy(gan.optimizer[player].learning_rate))
        for player in gan.players
    }


def test_a_callback_reads_the_logs_of_each_batch():
    """Nobody waits for them where no callback does; the epoch's are the same."""
    seen = []
    reader = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: seen.append(dict(logs))
    )
    histories = []
    for callbacks in (iter([reader]), [keras.callbacks.TerminateOnNaN()], []):
        keras.utils.set_random_seed(0)
        vae = models.dense_vae((4,), latent_dim=1, hidden=(3,), seed=0)
        vae.compile("sgd")
        x = np.random.RandomState(0).uniform(size=(20, 4)).astype("float32")
        arguments = {"batch_size": 4, "epochs": 2, "verbose": 0}
        histories.append(vae.fit(x, callbacks=callbacks, **arguments).history)
        on_batch = vae.train_on_batch(x[:4], return_dict=True)
        assert set(on_batch) == set(vae.training_terms)
    assert histories[0] == histories[1] == histories[2]
    assert len(seen) == 10
    for term in vae.training_terms:
        assert [seen[4][term], seen[9][term]] == histories[0][term]


def test_a_callback_of_the_user_s_own_class_gets_logs(tmp_path):
    class Reader(Checkpoint):
        def on_train_batch_end(self, batch, logs=None):
            super().on_train_batch_end(batch, logs)
            seen.append(logs["loss"])

    seen = []
    vae = models.dense_vae((4,), latent_dim=1, hidden=(3,), seed=0)
    vae.compile("sgd", run_eagerly=True)
    x = np.zeros((8, 4), "float32")
    vae.fit(x, batch_size=4, verbose=0, callbacks=[Reader(tmp_path)])
    assert len(seen) == 2 and np.isfinite(seen).all()


def test_validation_data_is_evaluated_after_each_epoch():
    gan, held_out = make_gan(), images(11, seed=1)
    history = gan.fit(
        images(16),
        batch_size=8,
        epochs=2,
        validation_data=held_out,
        validation_batch_size=4,
        verbose=0,
    ).history
    names = {f"val_{name}" for name in gan.evaluation_terms}
    assert set(history) == {"d_loss", "g_loss"} | names
    last = gan.evaluate(held_out, batch_size=4, verbose=0, return_dict=True)
    for name, value in last.items():
        np.testing.assert_allclose(history[f"val_{name}"][-1], value, rtol=1e-6)
    # Validation leaves no trace in the training.
    alone = make_gan()
    other = alone.fit(images(16), batch_size=8, epochs=2, verbose=0).history
    assert other["d_loss"] == history["d_loss"]
    contracts.assert_equal_states(gan.get_weights(), alone.get_weights())


def test_steps_per_execution_changes_nothing():
    """Ten steps in groups of four: 4, 4 and 2."""
    arguments = {"batch_size": 8, "epochs": 2, "verbose": 0}
    one = make_gan()
    first = one.fit(images(80), **arguments).history
    four = make_gan()
    compile_again = {"steps_per_execution": 4}
    if keras.backend.backend() == "torch":
        with pytest.raises(ValueError, match="steps_per_execution"):
            four.compile("adam", "adam", **compile_again)
            four.fit(images(80), **arguments)
        return
    four.compile(
        keras.optimizers.Adam(0.01, 0.5),
        keras.optimizers.Adam(0.01, 0.5),
        **compile_again,
    )
    second = four.fit(images(80), **arguments).history
    for name, values in first.items():
        np.testing.assert_allclose(second[name], values, rtol=1e-5)
    for ours, theirs in zip(one.get_weights(), four.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)


def test_a_model_that_is_compiled_again_trains_with_what_it_was_given():
    vae = models.dense_vae((4,), latent_dim=1, hidden=(3,), seed=0)
    initial, trained = vae.get_weights(), []
    for momentum in (0.0, 0.9):
        vae.set_weights(initial)
        vae.compile(keras.optimizers.Adam(0.01, momentum))
        vae.fit(np.ones((24, 4), "float32"), batch_size=8, verbose=0)
        # The step is held, too, as by the traceback of an error.
        trained.append((vae.get_weights(), vae.train_function))
    with pytest.raises(AssertionError):
        contracts.assert_equal_states(trained[0][0], trained[1][0])


def test_run_eagerly_changes_nothing():
    histories = []
    for run_eagerly in (False, True):
        gan = make_gan(run_eagerly=run_eagerly)
        histories.append(gan.fit(images(24), batch_size=8, verbose=0).history)
    for name, values in histories[0].items():
        np.testing.assert_allclose(histories[1][name], values, rtol=1e-4)


def test_stock_callbacks(tmp_path):
    """ModelCheckpoint, CSVLogger, LearningRateScheduler and EarlyStopping at once."""
    rates = {}

    class Watch(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            rates[epoch] = learning_rates(self.model)

    gan = make_gan(learning_rates=(0.01, 0.02))
    history = gan.fit(
        images(16),
        batch_size=8,
        epochs=3,
        validation_data=images(8, seed=1),
        callbacks=[
            keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate / 2),
            keras.callbacks.ModelCheckpoint(tmp_path / "{epoch}.keras"),
            keras.callbacks.ModelCheckpoint(
                tmp_path / "{epoch}.weights.h5", save_weights_only=True
            ),
            keras.callbacks.CSVLogger(tmp_path / "log.csv"),
            keras.callbacks.EarlyStopping("val_d_loss", mode="min", patience=9),
            Watch(),
        ],
        verbose=0,
    ).history
    # Every player's rate was halved once an epoch.
    for epoch in range(3):
        expected = {
            "generator": 0.01 / 2 ** (epoch + 1),
            "discriminator": 0.02 / 2 ** (epoch + 1),
        }
        assert rates[epoch] == pytest.approx(expected)
    with open(tmp_path / "log.csv") as file:
        table = list(csv.DictReader(file))
    assert [row["epoch"] for row in table] == ["0", "1", "2"]
    for name in (*gan.training_terms, *(f"val_{n}" for n in gan.evaluation_terms)):
        np.testing.assert_allclose([float(row[name]) for row in table], history[name])
    loaded = keras.saving.load_model(tmp_path / "3.keras")
    contracts.assert_equal_states(gan.get_weights(), loaded.get_weights())
    assert learning_rates(loaded) == pytest.approx(learning_rates(gan))
    gan.load_weights(tmp_path / "1.weights.h5")
    first = keras.saving.load_model(tmp_path / "1.keras")
    contracts.assert_equal_states(gan.get_weights(), first.get_weights())


def test_early_stopping_restores_the_best_weights():
    gan, held_out = make_gan(learning_rates=(0.0, 0.05)), images(16, seed=1)
    history = gan.fit(
        images(16),
        batch_size=16,
        epochs=60,
        validation_data=held_out,
        callbacks=[
            keras.callbacks.EarlyStopping(
                "val_real_accuracy", mode="max", patience=5, restore_best_weights=True
            )
        ],
        verbose=0,
    ).history["val_real_accuracy"]
    assert len(history) < 60
    restored = gan.evaluate(held_out, verbose=0, return_dict=True)["real_accuracy"]
    assert restored == pytest.approx(max(history))


def test_tensorboard_writes_the_logged_values(tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing import event_accumulator

    gan = make_gan()
    gan.fit(
        images(16),
        batch_size=8,
        callbacks=[keras.callbacks.TensorBoard(tmp_path, write_graph=False)],
        verbose=0,
    )
    events = event_accumulator.EventAccumulator(str(tmp_path / "train"))
    events.Reload()
    assert {"epoch_d_loss", "epoch_g_loss"} <= set(events.Tags()["tensors"])


def test_player_learning_rate_acts_on_one_player():
    gan = make_gan(learning_rates=(0.01, 0.02))
    history = gan.fit(
        images(16),
        batch_size=8,
        epochs=2,
        callbacks=[PlayerLearningRate("generator", lambda epoch, rate: rate / 10)],
        verbose=0,
    ).history
    expected = {"generator": 1e-4, "discriminator": 0.02}
    assert learning_rates(gan) == pytest.approx(expected)
    logged = history["generator_learning_rate"]
    np.testing.assert_allclose(logged, [1e-3, 1e-4], rtol=1e-5)
    with pytest.raises(ValueError, match="Received: player='critic'"):
        gan.fit(
            images(16),
            callbacks=[PlayerLearningRate("critic", lambda epoch, rate: rate)],
            verbose=0,
        )


def test_schedules_run_for_each_player():
    gan = make_gan()
    schedule = keras.optimizers.schedules.PiecewiseConstantDecay([3], [0.01, 0.0])
    gan.compile(keras.optimizers.SGD(schedule), keras.optimizers.SGD(0.01))
    gan.fit(images(32), batch_size=8, verbose=0)
    # Steps 0 to 3 of the generator are done: the next one has a rate of 0.
    before = [ops.convert_to_numpy(v) for v in gan.generator.trainable_variables]
    gan.fit(images(16), batch_size=8, verbose=0)
    after = [ops.convert_to_numpy(v) for v in gan.generator.trainable_variables]
    contracts.assert_equal_states(before, after)


def test_a_loaded_model_is_fine_tuned(tmp_path):
    gan = make_gan(ema_decay=0.9)
    gan.fit(images(16), batch_size=8, verbose=0)
    gan.save(tmp_path / "gan.keras")
    loaded = keras.saving.load_model(tmp_path / "gan.keras")
    # Fresh optimizers, and a first layer of the discriminator that stays as it is.
    frozen, trained = (
        layer
        for layer in loaded.discriminator.layers
        if isinstance(layer, keras.layers.Dense)
    )
    frozen.trainable = False
    before = [*frozen.get_weights(), *trained.get_weights()]
    loaded.compile(keras.optimizers.SGD(0.1), keras.optimizers.SGD(0.1))
    loaded.fit(images(32, seed=5), batch_size=8, epochs=2, verbose=0)
    after = [*frozen.get_weights(), *trained.get_weights()]
    contracts.assert_equal_states(before[:2], after[:2])
    assert not np.array_equal(before[2], after[2])


def test_an_optimizer_belongs_to_one_player():
    gan, optimizer = make_gan(), keras.optimizers.Adam()
    before = gan.optimizer
    with pytest.raises(ValueError, match="shared with no other player or model"):
        gan.compile(optimizer, optimizer)
    # The compilation before is as it was.
    assert gan.optimizer is before
    gan.fit(images(16), batch_size=8, verbose=0)
    with pytest.raises(ValueError, match="shared with no other player or model"):
        make_gan().compile(gan.optimizer["generator"], "adam")
    # The same model takes its optimizers again, and their state goes on.
    gan.compile(gan.optimizer["generator"], gan.optimizer["discriminator"])
    gan.fit(images(16), batch_size=8, verbose=0)
    assert int(ops.convert_to_numpy(gan.optimizer["generator"].iterations)) == 4


def test_a_player_without_variables_is_refused():
    gan = make_gan()
    gan.discriminator.trainable = False
    with pytest.raises(ValueError, match="variables of the discriminator.*: none"):
        gan.compile("adam", "adam")


def test_batches_on_their_own():
    gan = make_gan(discriminator_steps=2)
    terms = gan.train_on_batch(images(9), return_dict=True)
    assert set(terms) == set(gan.training_terms)
    # BatchNorm needs two samples a discriminator step.
    with pytest.raises(ValueError, match="at least 4 samples. Received: 3"):
        gan.train_on_batch(images(3))
    assert set(gan.test_on_batch(images(1), return_dict=True)) == set(
        gan.evaluation_terms
    )


def test_generate_inside_fit_sees_the_weights_of_the_epoch():
    gan = make_gan()
    seen = []

    class Sample(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            seen.append(self.model.generate(3, seed=0))

    gan.fit(images(32), batch_size=8, epochs=2, callbacks=[Sample()], verbose=0)
    assert not np.array_equal(seen[0], seen[1])
    np.testing.assert_array_equal(seen[1], gan.generate(3, seed=0))
