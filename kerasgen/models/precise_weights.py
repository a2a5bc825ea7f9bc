"""Weights with the digits of float64, on backends that have none."""

import keras
import numpy as np


class PreciseWeights(keras.layers.Layer):
    """float64 arrays, each kept as the sum of two float32 ones.

    JAX truncates float64 to float32 by default. Of each value the nearest float32 and
    what is left of it are kept: 48 bits of 53, in whatever holds float32 weights.

    Args:
        arrays: Dict of name to float64 array; values and what is left of them are in
            float32's range.
        name: Name of the layer.

    Example:

    >>> weights = PreciseWeights({"third": np.array([1 / 3])})
    >>> bool(abs(weights.read()["third"][0] - 1 / 3) < 1e-15)
    True
    """

    def __init__(self, arrays, name=None):
        super().__init__(name=name, trainable=False, dtype="float32")
        self.pairs = {
            key: self.add_weight(
                shape=(2, *array.shape),
                initializer="zeros",
                dtype="float32",
                autocast=False,
                trainable=False,
                name=key,
            )
            for key, array in arrays.items()
        }
        self.built = True
        self.write(arrays)

    def write(self, arrays):
        """Takes new values.

        Args:
            arrays: Dict of name to float64 array, as in the constructor.
        """
        for key, variable in self.pairs.items():
            high = arrays[key].astype(np.float32)
            low = (arrays[key] - high).astype(np.float32)
            variable.assign(np.stack([high, low]))

    def read(self):
        """The values: dict of name to float64 array."""
        return {
            key: keras.ops.convert_to_numpy(variable).astype(np.float64).sum(axis=0)
            for key, variable in self.pairs.items()
        }

    def tensors(self):
        """The values to float32's precision: dict of name to tensor, for graphs."""
        return {key: variable[0] for key, variable in self.pairs.items()}
