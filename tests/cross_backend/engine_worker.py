"""Trains cases on one backend and writes what it computed to an npz file.

Usage: KERAS_BACKEND=jax python engine_worker.py OUT.npz JIT NAME..., where JIT is
"auto", "true" or "false" and names are those of cases and mutants.
"""

import sys

import engine_cases as cases
import engine_material as material
import keras
import numpy as np

from kerasgen import backend, random


class Snapshots(keras.callbacks.Callback):
    """Copies weights and first gradients after the first and the last step."""

    def __init__(self, name, results):
        super().__init__()
        self.name = name
        self.results = results

    def on_train_begin(self, logs=None):
        self._weights("start")

    def on_train_batch_end(self, batch, logs=None):
        if batch == 0:
            backend.sync(self.model)
            self._weights("first")
            for player in self.model.players:
                optimizer = self.model.optimizer[player]
                for i, slot in enumerate(optimizer.first_gradients):
                    key = f"{self.name}/gradient/{i:03d}:{player}:{slot.path}"
                    self.results[key] = keras.ops.convert_to_numpy(slot)

    def on_train_end(self, logs=None):
        self._weights("last")

    def _weights(self, moment):
        for i, variable in enumerate(self.model.variables):
            key = f"{self.name}/{moment}/{i:03d}:{variable.path}"
            self.results[key] = keras.ops.convert_to_numpy(variable)


def train(name, model, learning_rate, jit_compile, results):
    """Ten SGD steps under `fit`, and samples of the same latents before and after."""
    material.set_weights(model)
    data = material.images(
        material.STEPS * model.batches_per_step * material.BATCH_SIZE
    )
    case = cases.MUTANTS.get(name, (name,))[0]
    has_images = case not in cases.WITHOUT_IMAGES

    def draw():
        if case in cases.RECONSTRUCTED:
            return model.reconstruct(data[:8])
        return model.generate(8, seed=7)

    if has_images:
        results[f"{name}/images/start"] = draw()
    optimizers = {
        player: material.RecordingSGD(learning_rate) for player in model.players
    }
    model.compile_players(optimizers, jit_compile=jit_compile)
    labels = None
    if model.num_classes is not None:
        labels = np.arange(len(data)) % model.num_classes
    history = model.fit(
        data,
        labels,
        batch_size=material.BATCH_SIZE,
        shuffle=False,
        verbose=0,
        callbacks=[Snapshots(name, results)],
    )
    for term, values in history.history.items():
        results[f"{name}/logs/{term}"] = np.asarray(values)
    held_out = data[:20], None if labels is None else labels[:20]
    terms = model.evaluate(*held_out, batch_size=8, verbose=0, return_dict=True)
    for term, value in terms.items():
        results[f"{name}/logs/val_{term}"] = np.asarray([value])
    if has_images:
        results[f"{name}/images/last"] = draw()


def apply_given_gradients(name, optimizer, jit_compile, results):
    """Weights after updates by gradients that are equal on every backend."""
    rng = np.random.default_rng(1)
    gradients = rng.standard_normal((5, 60)) * 10.0 ** rng.integers(-6, 3, (1, 60))
    gradients[:, :5] = 0.0
    gradients = gradients.astype("float32")
    start = rng.standard_normal((60, 1)).astype("float32")
    model = material.GivenGradients(60, seed=0)
    model.linear.set_weights([start])
    model.compile_players({"linear": optimizer}, jit_compile=jit_compile)
    model.fit(gradients, batch_size=1, shuffle=False, verbose=0)
    results["given/gradients"], results["given/start"] = gradients, start
    results[f"given/{name}"] = model.linear.get_weights()[0]


def draw_noise(results):
    """Noise of many rows, and of a step and stream as a model asks for it."""
    noise = random.Noise(material.SEED, 4, np.arange(500, dtype="int32"))
    results["noise/uniform"] = keras.ops.convert_to_numpy(noise.uniform("a", (7,), 2))
    results["noise/normal"] = keras.ops.convert_to_numpy(noise.normal("latent", (9,)))


def main(path, jit, *names):
    jit_compile = {"auto": "auto", "true": True, "false": False}[jit]
    results = {}
    for name in names:
        case, build = cases.MUTANTS.get(name) or (name, cases.CASES[name])
        train(name, build(), cases.LEARNING_RATES[case], jit_compile, results)
    draw_noise(results)
    adam = keras.optimizers.Adam(0.01, beta_1=0.5, beta_2=0.9)
    apply_given_gradients("adam", adam, jit_compile, results)
    momentum = keras.optimizers.SGD(0.01, momentum=0.9, nesterov=True)
    apply_given_gradients("momentum", momentum, jit_compile, results)
    np.savez(path, **results)


if __name__ == "__main__":
    main(*sys.argv[1:])
