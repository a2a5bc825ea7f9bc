"""Dropout whose masks are the same on every backend and number of devices."""

import numbers

import keras
import numpy as np
from keras import ops

from kerasgen import random
from kerasgen.layers.noise_layer import NoiseLayer


@keras.saving.register_keras_serializable(package="kerasgen")
class Dropout(NoiseLayer):
    """Sets a fraction of the inputs to zero in training, and scales up the rest.

    The masks are counter-based noise: a function of the seed, of how often the layer
    ran in training, and of each sample's global row. TensorFlow, JAX and PyTorch draw
    the same ones, a data-parallel replica draws what a single device would, and a run
    that restores the weights goes on with the masks that were next. Two layers that
    are given the same seed draw the same masks; leave `seed=None` to tell them apart.
    `keras.layers.Dropout` also works inside kerasgen's models, but its draws differ
    between backends and replicas, and `.keras` files do not hold its state.

    Args:
        rate: Fraction of the inputs to drop, float in [0, 1).
        seed: Integer in [0, 2**32). None draws one at construction, from Python's
            `random`, which `keras.utils.set_random_seed` controls.
        noise_shape: Tuple of the inputs' rank, whose entries are None (the inputs'
            size), or a size that broadcasts with the inputs: 1 shares one decision
            along that axis. On the first axis 1 shares a mask between all samples.
            None decides for every element.
        **kwargs: `name`, `dtype` and `trainable` of `keras.layers.Layer`.

    Inputs and output: float (B, ...), of the layer's compute dtype.

    Raises:
        ValueError: `rate`, `seed` or `noise_shape` out of range.

    Example:
        >>> import numpy as np
        >>> layer = Dropout(0.5, seed=0)
        >>> y = np.asarray(layer(np.ones((1, 8), "float32"), training=True))
        >>> sorted(set(y.flatten().tolist()))
        [0.0, 2.0]

    Reference: Srivastava et al. 2014, "Dropout: A Simple Way to Prevent Neural
    Networks from Overfitting", section 4; scaled in training, not at inference.
    """

    def __init__(self, rate, seed=None, noise_shape=None, **kwargs):
        super().__init__(seed, **kwargs)
        is_number = isinstance(rate, numbers.Real) and not isinstance(rate, bool)
        if not is_number or not 0 <= rate < 1:
            raise ValueError(f"`rate` is a float in [0, 1). Received: rate={rate!r}")
        self.rate = float(rate)
        self.noise_shape = None if noise_shape is None else tuple(noise_shape)
        if any(n is not None and n < 1 for n in self.noise_shape or ()):
            raise ValueError(
                "`noise_shape` holds None or sizes of at least 1. "
                f"Received: noise_shape={noise_shape}"
            )

    def build(self, input_shape):
        """Creates the counter of training calls.

        Args:
            input_shape: Shape of the inputs.
        """
        if self.noise_shape is not None and len(self.noise_shape) != len(input_shape):
            raise ValueError(
                "`noise_shape` has one entry for each axis of the inputs. "
                f"Received: noise_shape={self.noise_shape} for inputs of shape "
                f"{tuple(input_shape)}"
            )
        super().build(input_shape)

    def call(self, inputs, training=None):
        """Applies dropout where `training` is true, and returns the inputs otherwise.

        Args:
            inputs: float (B, ...).
            training: Whether the call belongs to a training step.

        Returns:
            Tensor shaped like `inputs`.
        """
        if not training or self.rate == 0.0:
            return inputs
        key = self.next_key("dropout")
        shape = self._mask_shape(ops.shape(inputs))
        # Not the batch's own size, which is symbolic in a TensorFlow graph.
        if self.noise_shape is not None and self.noise_shape[0] == 1:
            rows, laps = np.zeros(1, np.int32), None
        else:
            rows, laps = random.current_rows(shape[0])
        # Rounded to float32, so that no backend compares in another precision.
        rate = float(np.float32(self.rate))
        is_kept = random.uniform(key, rows, shape[1:], laps) >= rate
        scaled = inputs * (1.0 / (1.0 - self.rate))
        return ops.where(is_kept, scaled, ops.zeros_like(scaled))

    def _mask_shape(self, input_shape):
        sizes = self.noise_shape or (None,) * len(input_shape)
        return tuple(
            size if wanted is None else wanted
            for wanted, size in zip(sizes, input_shape, strict=True)
        )

    def get_config(self):
        """Constructor arguments; a seed that was drawn is saved with the weights."""
        return {
            **super().get_config(),
            "rate": self.rate,
            "noise_shape": self.noise_shape,
        }
