"""A training script that may be killed at any instant and started again.

    python -m tests.checkpoint.script train FOLDER
    python -m tests.checkpoint.script fill-disk FOLDER tmpfs | rlimit REPORT
    python -m tests.checkpoint.script exchange FOLDER

`train` leaves `checkpoints/` of a GAN and a VAE, what `fit` logged, and the final
weights. `fill-disk` runs out of space in the middle of training. `exchange` saves a
checkpoint under the name of the backend and reads those of other backends.
"""

import json
import os
import resource
import signal
import sys
import time
from pathlib import Path

import keras
import numpy as np

import kerasgen
from kerasgen import distribution
from kerasgen.callbacks import BestWeights, Checkpoint
from kerasgen.checkpoint import CheckpointFolder
from kerasgen.files import remove_orphans, write_atomically
from kerasgen.networks.dcgan import dcgan_generator

SHAPE = (8, 8, 1)
IMAGES = np.random.RandomState(0).randint(0, 256, (64, *SHAPE)).astype("uint8")
EPOCHS = 3


def make_discriminator():
    """A user's network, with dropout of both kinds."""
    x = images = keras.Input(SHAPE)
    x = keras.layers.Conv2D(4, 4, strides=2, padding="same")(x)
    x = keras.layers.LeakyReLU(0.2)(x)
    x = kerasgen.layers.Dropout(0.3, seed=5)(x)
    x = keras.layers.Dropout(0.3, seed=7)(x)
    return keras.Model(images, keras.layers.Dense(1)(keras.layers.Flatten()(x)))


def make_gan():
    """BatchNorm, a moving average and two discriminator steps; compiled."""
    keras.utils.set_random_seed(0)
    gan = kerasgen.models.GAN(
        dcgan_generator(SHAPE, latent_dim=4, filters=4),
        make_discriminator(),
        latent_dim=4,
        discriminator_steps=2,
        ema_decay=0.9,
        seed=1,
    )
    gan.compile(keras.optimizers.Adam(1e-3, 0.5), keras.optimizers.Adam(1e-3, 0.5))
    return gan


def make_vae():
    """Convolutions; compiled."""
    keras.utils.set_random_seed(0)
    vae = kerasgen.models.conv_vae(SHAPE, latent_dim=2, filters=4, seed=2)
    vae.compile(keras.optimizers.Adam(1e-2))
    return vae


class LogWriter(keras.callbacks.Callback):
    """Writes the logs of each epoch to a file of its own."""

    def __init__(self, folder):
        super().__init__()
        self.folder = folder

    def on_train_begin(self, logs=None):
        distribution.on_first_process(self._clear)

    def _clear(self):
        self.folder.mkdir(parents=True, exist_ok=True)
        remove_orphans(self.folder)

    def on_epoch_end(self, epoch, logs=None):
        path, content = self.folder / f"{epoch}.json", json.dumps(logs).encode()
        distribution.on_first_process(lambda: write_atomically(path, content))


def train(folder):
    """Trains both models; saves at every step."""
    folder = Path(folder)
    reuse_compiled_steps(folder.parent / "compiled")
    _train_one(make_gan(), folder / "gan", [], {"batch_size": 8})
    best = BestWeights(folder / "vae", "val_loss")
    arguments = {"batch_size": 16, "validation_data": IMAGES[:16]}
    _train_one(make_vae(), folder / "vae", [best], arguments)


def train_seldom(folder):
    """Trains the VAE; saves at the ends of epochs only."""
    folder = Path(folder)
    reuse_compiled_steps(folder.parent / "compiled")
    _train_one(make_vae(), folder / "vae", [], {"batch_size": 4}, every=None)


def reuse_compiled_steps(folder):
    """Spares JAX, whose compilation takes most of the time, to compile again."""
    if keras.backend.backend() == "jax":
        import jax

        jax.config.update("jax_compilation_cache_dir", str(folder))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.1)


def _train_one(model, folder, callbacks, arguments, every=1):
    saves = [LogWriter(folder / "logs"), Checkpoint(folder, every=every)]
    model.fit(
        IMAGES, epochs=EPOCHS, verbose=0, callbacks=[*callbacks, *saves], **arguments
    )
    weights = model.get_weights()
    distribution.on_first_process(
        lambda: write_weights(folder / "weights.npz", weights)
    )


def write_weights(path, weights):
    """Writes arrays to an npz file, whole or not at all."""
    with open(f"{path}.part", "wb") as file:
        np.savez(file, *weights)
    os.replace(f"{path}.part", path)


class Squeeze(keras.callbacks.Callback):
    """Leaves no room for a second checkpoint after the first epoch."""

    def __init__(self, folder, limit):
        super().__init__()
        self.folder = folder
        self.limit = limit

    def on_epoch_end(self, epoch, logs=None):
        if self.limit == "rlimit":
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
            return
        try:
            with open(self.folder / "filler", "wb", buffering=0) as file:
                while True:
                    file.write(bytes(4096))
        except OSError:
            os.truncate(file.name, os.path.getsize(file.name) - 8192)


def fill_disk(folder, limit, report):
    """Trains until the disk is full; reports what `fit` raised and exits normally."""
    folder = Path(folder)
    saves = [Checkpoint(folder), Squeeze(folder, limit)]
    vae = make_vae()
    try:
        vae.fit(IMAGES, batch_size=8, epochs=EPOCHS, verbose=0, callbacks=saves)
    except OSError as error:
        # What `model.save_weights` does to a full disk would end the process here.
        parts = [error.errno, str(error.filename), str(error)]
        Path(report).write_text(json.dumps(parts))
        sys.exit(3)


class TooLate(keras.callbacks.Callback):
    """Sends itself SIGTERM when the last epoch is saved."""

    def on_train_end(self, logs=None):
        os.kill(os.getpid(), signal.SIGTERM)


def end_too_late(folder):
    """Is told to end once `fit` has no step left to finish."""
    saves = [Checkpoint(folder), TooLate()]
    make_vae().fit(IMAGES, batch_size=8, epochs=1, verbose=0, callbacks=saves)


def hold(folder, ready):
    """Takes a folder of checkpoints and keeps it until killed."""
    taken = CheckpointFolder(folder)
    taken.open()
    Path(ready).touch()
    time.sleep(600)


def exchange(folder):
    """Saves the GAN's state, and writes down what others' states load to."""
    folder = Path(folder)
    own = keras.backend.backend()
    gan = make_gan()
    for variable in [*gan.variables, *gan.optimizer.variables]:
        # Values that no initializer makes, and different ones on each backend.
        values = len(own) + np.arange(np.prod(variable.shape)).reshape(variable.shape)
        is_float = "float" in str(variable.dtype)
        variable.assign(np.sin(values) if is_float else values)
    state = [keras.ops.convert_to_numpy(v) for v in _state_of(gan)]
    write_weights(folder / f"{own}.npz", state)
    CheckpointFolder(folder / own).save(gan, {"step": 1})
    for other in ("tensorflow", "jax", "torch"):
        if (folder / other).is_dir():
            CheckpointFolder(folder / other).load(gan)
            state = [keras.ops.convert_to_numpy(v) for v in _state_of(gan)]
            write_weights(folder / f"{other}-under-{own}.npz", state)


def _state_of(model):
    return [*model.variables, *model.optimizer.variables]


if __name__ == "__main__":
    actions = {"train": train, "fill-disk": fill_disk, "exchange": exchange}
    actions[sys.argv[1]](*sys.argv[2:])
