"""The base of layers that draw noise in training."""

import keras
from keras import ops

from kerasgen import random, seeds


class NoiseLayer(keras.layers.Layer):
    """A layer whose noise is a function of its seed and its count of training calls.

    Both are weights, so that a run that restores them goes on with the noise that was
    next.

    Args:
        seed: Integer in [0, 2**32). None draws one at construction, from Python's
            `random`, which `keras.utils.set_random_seed` controls.
        **kwargs: `name`, `dtype` and `trainable` of `keras.layers.Layer`.

    Raises:
        ValueError: `seed` out of range.
    """

    def __init__(self, seed=None, **kwargs):
        super().__init__(**kwargs)
        self._given_seed = seed
        self._seed = seeds.add_seed(self, seed)
        self.supports_masking = True

    @property
    def seed(self):
        """The seed, given, drawn or loaded: integer in [0, 2**32)."""
        return seeds.seed_of_word(ops.convert_to_numpy(self._seed))

    def build(self, input_shape):
        """Creates the counter of training calls.

        Args:
            input_shape: Shape of the inputs.
        """
        self.step = self.add_weight(
            shape=(),
            initializer="zeros",
            dtype="int32",
            trainable=False,
            aggregation="only_first_replica",
            name="step",
        )

    def next_key(self, stream):
        """The key of a training call's noise; counts the call.

        Args:
            stream: Name of what the noise is for.

        Returns:
            int32 (2,), for `kerasgen.random.uniform` and `normal`.
        """
        key = random.key(self._seed.value, stream, self.step.value)
        self.step.assign(self.step.value + 1)
        return key

    def compute_output_shape(self, input_shape):
        """The shape of the inputs."""
        return input_shape

    def get_config(self):
        """Constructor arguments; a seed that was drawn is saved with the weights."""
        return {**super().get_config(), "seed": self._given_seed}
