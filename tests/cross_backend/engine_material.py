"""Data, initial weights and optimizers that are the same on every backend.

Weights and data come from NumPy; images are shown in their order, so that a seed moves
only the noise.
"""

import keras
import numpy as np
from keras import layers, ops

from kerasgen.models import GAN, GenerativeModel

STEPS = 10
BATCH_SIZE = 8
SEED = 3
SHAPE = (16, 16, 1)
NUM_CLASSES = 3


class RecordingSGD(keras.optimizers.SGD):
    """Plain SGD that also keeps the gradient of its first step."""

    def build(self, variables):
        super().build(variables)
        self.first_gradients = [
            self.add_variable_from_reference(v, name="first_gradient")
            for v in variables
        ]

    def update_step(self, gradient, variable, learning_rate):
        slot = self.first_gradients[self._get_variable_index(variable)]
        first = ops.equal(self.iterations, 0)
        slot.assign(ops.where(first, gradient, slot.value))
        super().update_step(gradient, variable, learning_rate)


@keras.saving.register_keras_serializable(package="kerasgen_tests")
class GivenGradients(GenerativeModel):
    """One weight vector w with the loss w.x, so that x is its gradient."""

    players = property(lambda self: {"linear": [self.linear]})
    data_shape = property(lambda self: (self.linear.input_shape[-1],))
    training_terms = evaluation_terms = ("loss",)

    def __init__(self, size, seed=None, name=None):
        super().__init__(seed=seed, name=name)
        self.linear = keras.Sequential(
            [keras.Input((size,)), layers.Dense(1, use_bias=False)]
        )
        self.finish_init()

    def training_step(self, batch, noise):
        self.update("linear", lambda: {"loss": ops.sum(self.linear(batch.x))}, batch)

    def evaluation_step(self, batch, noise):
        return {"loss": ops.sum(self.linear(batch.x))}


def images(num_samples, shape=SHAPE):
    """Blobs on a dark ground, uint8."""
    rng = np.random.default_rng(11)
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    center = rng.uniform(4, 12, (num_samples, 2, 1, 1))
    width = rng.uniform(2, 5, (num_samples, 1, 1))
    distance = (rows - center[:, 0]) ** 2 + (columns - center[:, 1]) ** 2
    blob = 230 * np.exp(-distance / (2 * width**2)) + rng.uniform(0, 25, distance.shape)
    return blob.astype("uint8")[..., None]


def set_weights(model, seed=5):
    """Gives every network of a model weights that NumPy draws."""
    rng = np.random.default_rng(seed)
    for networks in model.players.values():
        for network in networks:
            for variable in network.variables:
                variable.assign(_draw(variable, rng))
    for member in getattr(model, "gans", [model]):
        if getattr(member, "moving_average", None) is not None:
            averaged = member.generator if isinstance(member, GAN) else member.network
            member.moving_average.network.set_weights(averaged.get_weights())


def _draw(variable, rng):
    noise = rng.standard_normal(variable.shape)
    if variable.name == "kernel":
        return noise * (1.2 / np.sqrt(np.prod(variable.shape[:-1])))
    if variable.name == "u":
        return noise / np.linalg.norm(noise)
    if variable.name in ("gamma", "moving_variance"):
        return 1.0 + 0.1 * np.abs(noise)
    if variable.name in ("bias", "beta", "moving_mean"):
        return 0.1 * noise
    if variable.name == "codebook":
        return 0.5 * noise
    if variable.name == "embeddings":
        return 0.2 * noise
    # A likelihood's scale: scalar.
    return keras.ops.convert_to_numpy(variable)
