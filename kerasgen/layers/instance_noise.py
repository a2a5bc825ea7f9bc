"""Gaussian noise on a discriminator's inputs that decays over training."""

import keras
from keras import ops

from kerasgen import random
from kerasgen.arguments import check_non_negative, check_positive_integer
from kerasgen.layers.noise_layer import NoiseLayer


@keras.saving.register_keras_serializable(package="kerasgen")
class InstanceNoise(NoiseLayer):
    """Adds Gaussian noise in training, which falls to nothing over `decay_steps`.

    Call number t adds noise of standard deviation `std * max(0, 1 - t / decay_steps)`.
    Noise on reals and fakes alike gives their distributions a common support, so that
    a first layer of a discriminator keeps the generator's gradient alive.

    Training calls are counted, not training steps. `GAN` calls its discriminator
    `k * (2 + p) + 1` times a step: in each of k updates on reals, on fakes and for
    each of p penalties on gradients, and once for the generator, whose losses may read
    reals too: then once more.

    The noise is counter-based: a function of the seed, of how often the layer ran in
    training, and of each sample's global row. TensorFlow, JAX and PyTorch draw the
    same one, and a data-parallel replica draws what a single device would. Two layers
    that are given the same seed draw the same noise.

    Args:
        std: Float >= 0, standard deviation in the first training call, in units of the
            inputs.
        decay_steps: Integer >= 1, training calls until there is no noise.
        seed: Integer in [0, 2**32). None draws one at construction, from Python's
            `random`, which `keras.utils.set_random_seed` controls.
        **kwargs: `name`, `dtype` and `trainable` of `keras.layers.Layer`.

    Inputs and output: float (B, ...), of the layer's compute dtype.

    Raises:
        ValueError: `std`, `decay_steps` or `seed` out of range.

    Example:
        >>> import numpy as np
        >>> layer = InstanceNoise(0.5, decay_steps=2, seed=0)
        >>> x = np.zeros((1000, 1), "float32")
        >>> y = [np.asarray(layer(x, training=True)) for _ in range(3)]
        >>> [round(float(noisy.std()), 1) for noisy in y]
        [0.5, 0.2, 0.0]

    Reference: Sonderby et al. 2017, "Amortised MAP Inference for Image
    Super-resolution" (instance noise); Arjovsky and Bottou 2017, "Towards Principled
    Methods for Training Generative Adversarial Networks", section 3.
    """

    def __init__(self, std, decay_steps, seed=None, **kwargs):
        super().__init__(seed, **kwargs)
        check_non_negative("std", std)
        check_positive_integer("decay_steps", decay_steps)
        self.std = float(std)
        self.decay_steps = int(decay_steps)

    def call(self, inputs, training=None):
        """Adds noise where `training` is true, and returns the inputs otherwise.

        Args:
            inputs: float (B, ...).
            training: Whether the call belongs to a training step.

        Returns:
            Tensor shaped like `inputs`.
        """
        if not training or self.std == 0.0:
            return inputs
        progress = ops.cast(self.step.value, "float32") / float(self.decay_steps)
        key = self.next_key("instance_noise")
        shape = ops.shape(inputs)
        rows, laps = random.current_rows(shape[0])
        noise = random.normal(key, rows, shape[1:], laps)
        noise = noise * (self.std * ops.maximum(0.0, 1.0 - progress))
        return inputs + ops.cast(noise, inputs.dtype)

    def get_config(self):
        """Constructor arguments; a seed that was drawn is saved with the weights."""
        return {
            **super().get_config(),
            "std": self.std,
            "decay_steps": self.decay_steps,
        }
