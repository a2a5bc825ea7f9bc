"""A GAN that callbacks measure and score while devices or processes train it."""

import os
import sys
import warnings
from pathlib import Path

import engine_material as material
import keras
import numpy as np
from keras import layers, ops

from kerasgen import distribution, metrics, models
from kerasgen.callbacks import Evaluate, TrainingHealth
from kerasgen.layers import MinibatchStdDev

SHAPE = (4, 4, 1)


def _make_gan():
    generator = keras.Sequential(
        [
            keras.Input((2,)),
            layers.Dense(8, use_bias=False),
            layers.BatchNormalization(),
            layers.Dense(16, activation="tanh"),
            layers.Reshape(SHAPE),
        ]
    )
    discriminator = keras.Sequential(
        [
            keras.Input(SHAPE),
            layers.Flatten(),
            layers.Dense(8),
            layers.LeakyReLU(),
            MinibatchStdDev(4),
            layers.Dense(1, use_bias=False),
        ]
    )
    gan = models.GAN(generator, discriminator, 2, ema_decay=0.5, seed=material.SEED)
    material.set_weights(gan)
    # Fakes that are nearly equal: one warning.
    kernel = generator.layers[-2].kernel
    kernel.assign(kernel.value * 0.01)
    gan.compile(*(keras.optimizers.SGD(0.05) for _ in range(2)))
    return gan


def _make_extractor():
    network = keras.Sequential(
        [keras.Input(SHAPE), layers.Flatten(), layers.Dense(3, name="features")]
    )
    network.set_weights(
        [np.cos(np.arange(w.size)).reshape(w.shape) for w in network.get_weights()]
    )
    return metrics.FeatureExtractor(network)


def files_written_to(folder):
    """Set of the files of a folder that this process writes from now on."""
    written = set()

    def watch(event, arguments):
        if event == "open" and isinstance(arguments[0], str | Path):
            path, _, flags = arguments
            if flags & (os.O_WRONLY | os.O_RDWR) and str(path).startswith(str(folder)):
                written.add(str(path))

    sys.addaudithook(watch)
    return written


def score(results, folder):
    """Logs of three epochs with measures and scores, and what the best one left.

    Beside them the warnings that came and the number of files that were written.
    """
    gan, images = _make_gan(), material.images(24, SHAPE)
    folder = folder / "scored"
    distribution.on_first_process(lambda: folder.mkdir(parents=True))
    written = files_written_to(folder)
    health = TrainingHealth(images, images[:8], num=16, patience=1, path=folder)
    scores = Evaluate(
        images, _make_extractor(), ["fid"], num=20, best="fid", path=folder
    )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        history = gan.fit(
            images, batch_size=8, epochs=3, verbose=0, callbacks=[health, scores]
        ).history
    del history["evaluate_share"]
    results |= {f"score/logs/{k}": np.asarray(v) for k, v in history.items()}
    layer_norms = health.history[-1][1]["layers"].values()
    results["score/logs/layers"] = np.asarray([*layer_norms])
    results["score/best/epoch"] = np.asarray(scores.best_weights.best["epoch"])
    for i, variable in enumerate([*gan.variables, *gan.optimizer.variables]):
        results[f"score/state/{i:03d}"] = ops.convert_to_numpy(variable)
    warned = [w for w in caught if "collapsed" in str(w.message)]
    results["scored/warnings"] = np.asarray(len(warned))
    results["scored/files"] = np.asarray(len(written))
