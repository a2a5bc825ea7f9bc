"""One device, where data parallelism changes nothing; tests/cross_backend has two."""

import types

import keras
import numpy as np
import pytest

from kerasgen import backend, distribution, models, replicas

only_tensorflow = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="only TensorFlow has strategies"
)


def test_one_device_is_no_distribution():
    distribution.data_parallel(num_devices=1)
    assert distribution.num_devices() == distribution.num_processes() == 1
    assert distribution.is_first_process()
    assert keras.distribution.distribution() is None
    vae = models.dense_vae((4,), latent_dim=1, hidden=(2,), seed=0)
    vae.compile("sgd")
    vae.fit(np.ones((7, 4), "float32"), batch_size=7, verbose=0)


def test_a_model_is_built_after_the_devices_are_known(monkeypatch):
    vae = models.dense_vae((4,), latent_dim=1, hidden=(2,), seed=0)
    vae.compile("sgd")
    monkeypatch.setattr(backend.distribution, "num_devices", lambda: 2)
    with pytest.raises(ValueError, match=r"2 device\(s\). Received: .* built for 1"):
        vae.fit(np.ones((8, 4), "float32"), verbose=0)


@only_tensorflow
def test_a_strategy_of_several_devices_that_is_not_ours_is_refused(monkeypatch):
    vae = models.dense_vae((4,), latent_dim=1, hidden=(2,), seed=0)
    vae.compile("sgd")
    strategy = types.SimpleNamespace(num_replicas_in_sync=2)
    monkeypatch.setattr(vae, "_distribute_strategy", strategy)
    with pytest.raises(ValueError, match=r"data_parallel`.* with 2 replica\(s\)"):
        vae.fit(np.ones((8, 4), "float32"), verbose=0)


@only_tensorflow
@pytest.mark.parametrize("name", ["OneDeviceStrategy", "MirroredStrategy"])
def test_a_model_of_a_strategy_of_one_device_trains_outside_its_scope(name):
    import tensorflow as tf

    devices = "CPU:0" if name == "OneDeviceStrategy" else ["CPU:0"]
    x = np.ones((8, 4), "float32")
    with getattr(tf.distribute, name)(devices).scope():
        vae = models.dense_vae((4,), latent_dim=1, hidden=(2,), seed=0)
        vae.compile("sgd")
        with pytest.raises(ValueError, match=f"trained in no other.*Received: {name}"):
            vae.fit(x, verbose=0)
    assert np.isfinite(vae.fit(x, verbose=0).history["loss"]).all()


@pytest.mark.parametrize("number", [0, -1, 1.5, True])
def test_a_number_of_devices_is_a_positive_integer(number):
    with pytest.raises(ValueError, match=f"Received: num_devices={number}"):
        distribution.data_parallel(number)


def test_devices_that_are_not_there_are_refused():
    # The backend has started by now, so that a CPU cannot be divided any more.
    keras.ops.convert_to_numpy(keras.ops.ones(2) + 1.0)
    with pytest.raises(ValueError, match="Expected num_devices.*num_devices=64"):
        distribution.data_parallel(64)


def test_what_fails_on_the_first_process_is_raised():
    def fail():
        raise OSError("no space")

    with pytest.raises(OSError, match="no space"):
        distribution.on_first_process(fail)
    assert distribution.on_first_process(lambda: 3) == 3
    assert distribution.first_process_says(True)
    assert not distribution.first_process_says(False)
    assert distribution.is_equal_everywhere(5)


def test_callbacks_that_write_run_on_the_first_process_only(monkeypatch, tmp_path):
    log = keras.callbacks.CSVLogger(tmp_path / "log.csv")
    stop = keras.callbacks.EarlyStopping()
    assert distribution.callbacks_of_this_process([log, stop]) == [log, stop]
    monkeypatch.setattr(backend.distribution, "process_index", lambda: 1)
    assert distribution.callbacks_of_this_process([log, stop]) == [stop]


@pytest.mark.parametrize("index", [0, 1])
def test_a_callback_that_resumes_one_process_is_refused(monkeypatch, tmp_path, index):
    backup = keras.callbacks.BackupAndRestore(tmp_path)
    assert distribution.callbacks_of_this_process([backup]) == [backup]
    monkeypatch.setattr(backend.distribution, "process_index", lambda: index)
    monkeypatch.setattr(backend.distribution, "num_processes", lambda: 2)
    with pytest.raises(ValueError, match="Checkpoint.* all of 2.*BackupAndRestore"):
        distribution.callbacks_of_this_process([backup])


def test_a_batch_is_split_where_every_part_has_equal_shares(monkeypatch):
    """Two devices, two batches in a step: rows of either are those of one device."""
    monkeypatch.setattr(backend.distribution, "num_devices", lambda: 2)
    split = backend.distribution.shares
    name = keras.backend.backend()
    if name == "tensorflow":
        assert [rows.tolist() for rows in split(8, 2)] == [[0, 1, 2, 3], [4, 5, 6, 7]]
        assert [rows.tolist() for rows in split(6, 2)] == [[*range(6)]] * 2
    elif name == "torch":
        monkeypatch.setattr(backend.distribution, "process_index", lambda: 1)
        assert [rows.tolist() for rows in split(8, 2)] == [[4, 5, 6, 7]]
        assert [rows.tolist() for rows in split(6, 2)] == [[*range(6)]]
    else:
        for size, filled in ((8, 8), (6, 6), (5, 6)):
            (rows,) = split(size, 2)
            assert len(rows) == filled and rows.max() == size - 1
            step = backend.distribution.marked((rows, rows), size)
            for array in backend.distribution.whole(step):
                np.testing.assert_array_equal(array, np.arange(size))


def test_replicas_say_nothing_where_there_is_one():
    x = keras.ops.ones((3, 2))
    assert replicas.mean(x) is x
    everyone, first = replicas.gather(x)
    assert everyone is x and first == 0
    assert replicas.own_rows(x, first, 3) is x
    with replicas.step_scope(np.arange(3, dtype="int32")):
        assert float(replicas.samples_of(np.arange(3))) == 3.0


def test_batch_normalization_stays_keras_own():
    network = keras.Sequential(
        [keras.Input((2,)), keras.layers.BatchNormalization(name="norm")]
    )
    replicas.synchronize(network)
    assert "_moments" not in vars(network.get_layer("norm"))
