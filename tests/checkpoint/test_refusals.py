"""Runs that do not fit their folder are refused unchanged: cases R6, R7, R11."""

import os
import subprocess
import time
from pathlib import Path

import keras
import numpy as np
import pytest

import kerasgen
from kerasgen import distribution
from kerasgen.callbacks import Checkpoint
from kerasgen.checkpoint import CheckpointError, CheckpointFolder
from tests.checkpoint import script
from tests.checkpoint.helpers import (
    IMAGES,
    fit,
    make_vae,
    refused,
    settings_of,
    start,
)


def test_a_second_run_is_told_who_holds_the_folder(vae, tmp_path):
    ready = tmp_path / "ready"
    process = start(script.hold, tmp_path / "checkpoints", ready)
    try:
        while not ready.exists():
            assert process.is_alive()
            time.sleep(0.01)
        refused(vae, tmp_path, CheckpointError, f"held by process {process.pid} on")
    finally:
        process.kill()
        process.join()
    fit(vae, tmp_path)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"hidden": (9,)}, r"model\.encoder.*units = 9.*Received: 8"),
        ({"latent_dim": 3}, r"model\.encoder.*units = 6.*Received: 4"),
        ({"beta": 2.0}, r"model\.beta = 2\.0.*Received: 1\.0"),
        ({"seed": 3}, r"model\.seed = 3.*Received: 1"),
        ({"likelihood": "gaussian"}, r"model.*= 'Gaussian.*Received: 'Bernoulli"),
    ],
)
def test_another_model_is_refused(vae, tmp_path, change, field):
    fit(vae, tmp_path, epochs=1)
    refused(make_vae(**change), tmp_path, CheckpointError, f"(?s)Expected {field}")


@pytest.mark.parametrize(
    ("optimizer", "field"),
    [
        ("SGD", r"class_name = 'SGD'.*Received: 'Adam'"),
        ("Adam", r"learning_rate = 0\.001.*Received: 0\.0099"),
    ],
)
def test_another_optimizer_is_refused(vae, tmp_path, optimizer, field):
    fit(vae, tmp_path, epochs=1)
    other = make_vae()
    other.compile(getattr(keras.optimizers, optimizer)(1e-3))
    field = rf"(?s)Expected optimizers\.vae\..*{field}"
    refused(other, tmp_path, CheckpointError, field)


def test_other_data_is_refused(vae, tmp_path):
    fit(vae, tmp_path, epochs=1)
    for options, field in (
        ({"batch_size": 4}, r"data\.batch_size = 4.*Received: 8"),
        ({"x": IMAGES[:48]}, r"data\.num_samples = 48.*Received: 40"),
        ({"shuffle": False}, r"data\.shuffle = False.*Received: True"),
        ({"steps_per_epoch": 2}, r"data\.steps_per_epoch = 2.*Received: None"),
    ):
        refused(vae, tmp_path, CheckpointError, f"Expected {field}", **options)


def test_another_choice_for_the_rest_of_an_epoch_is_refused(vae, tmp_path):
    fit(vae, tmp_path, epochs=1)
    try:
        distribution.data_parallel(num_devices=1, drop_rest=True)
        field = r"data\.drop_rest = True.*Received: False"
        refused(vae, tmp_path, CheckpointError, f"Expected {field}")
    finally:
        distribution.data_parallel(num_devices=1)
    assert fit(vae, tmp_path, epochs=1).epoch == []


def test_names_that_keras_counts_do_not_matter(tmp_path):
    def make():
        z = keras.Input((2,))
        x = keras.layers.Dense(64, activation="tanh")(z)
        decoder = keras.Model(z, keras.layers.Reshape(script.SHAPE)(x))
        image = keras.Input(script.SHAPE)
        x = keras.layers.Dense(4)(keras.layers.Flatten()(image))
        vae = kerasgen.models.VAE(keras.Model(image, x), decoder, seed=1)
        vae.compile(keras.optimizers.Adam(1e-2))
        return vae

    vae, other = make(), make()
    assert vae.encoder.name != other.encoder.name
    CheckpointFolder(tmp_path / "checkpoints").save(
        vae, {"step": 10, "epoch": 2, "epoch_step": 0}, settings_of(vae)
    )
    assert fit(other, tmp_path).epoch == []


def test_networks_without_a_config_are_saved_too(tmp_path):
    class Scale(keras.layers.Layer):
        def __init__(self, function):
            super().__init__()
            self.function = function

        def call(self, x):
            return self.function(x)

    z = keras.Input((2,))
    x = Scale(lambda x: 2 * x)(keras.layers.Dense(64)(z))
    decoder = keras.Model(z, keras.layers.Reshape(script.SHAPE)(x))
    image = keras.Input(script.SHAPE)
    x = keras.layers.Dense(4)(keras.layers.Flatten()(image))
    vae = kerasgen.models.VAE(keras.Model(image, x), decoder, seed=1)
    vae.compile()
    settings = settings_of(vae)
    assert settings["model"] is None
    assert settings["optimizers.vae.class_name"] == "Adam"


def test_a_rate_that_a_callback_set_is_no_other_optimizer(vae, tmp_path):
    schedule = keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate / 2)
    fit(vae, tmp_path, schedule, epochs=2)
    fit(vae, tmp_path, schedule, epochs=3)
    rate = keras.ops.convert_to_numpy(vae.optimizer["vae"].learning_rate)
    np.testing.assert_allclose(rate, 1e-2 / 8)


def test_a_path_that_is_a_file_is_refused_at_the_start_of_fit(vae, tmp_path):
    file = tmp_path / "file"
    file.write_bytes(b"kept")
    refused(vae, file, OSError, "file")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "checkpoints").touch()
    refused(vae, tmp_path / "run", NotADirectoryError, "Expected a folder.*Received")
    assert file.read_bytes() == b"kept"


def test_a_read_only_folder_is_refused_at_the_start_of_fit(vae, tmp_path, request):
    is_root = os.geteuid() == 0
    path = request.getfixturevalue("small_disk") if is_root else tmp_path
    (path / "checkpoints").mkdir()
    if is_root:
        # Root writes into folders without permission, but not to such a disk.
        subprocess.run(["mount", "-o", "remount,ro", path], check=True)
    else:
        (path / "checkpoints").chmod(0o500)
        path.chmod(0o500)
    refused(vae, path / "run", OSError, "run")
    refused(vae, path, PermissionError, "Expected a writable folder.*Received")


@pytest.mark.parametrize("every", [0, -1, 2.5, True, "5"])
def test_a_bad_interval_is_refused(every):
    with pytest.raises(ValueError, match="every.*Received"):
        Checkpoint("unused", every=every)


@pytest.mark.parametrize("keep", [0, -1, 1.5, True, None])
def test_a_bad_number_to_keep_is_refused(keep):
    with pytest.raises(ValueError, match="keep.*Received"):
        Checkpoint("unused", keep=keep)
    assert not Path("unused").exists()
