"""Instance normalization: each channel of each sample to mean 0 and variance 1."""

import keras
from keras import ops

from kerasgen.arguments import check_boolean, check_non_negative


@keras.saving.register_keras_serializable(package="kerasgen")
class InstanceNormalization(keras.layers.Layer):
    """Normalizes each channel of each sample over its positions, then scales, shifts.

    No statistic leaves a sample: training and inference agree, as do any numbers of
    devices, and penalties on gradients may stand beside it.

    Not `keras.layers.GroupNormalization(groups=-1)`, whose variance on PyTorch is
    E[x^2] - E[x]^2: far from zero that is negative, and the output not a number.

    Args:
        epsilon: Float >= 0, added to the variance.
        center: Whether to add a learned offset to each channel.
        scale: Whether to multiply each channel by a learned factor.
        **kwargs: `name`, `dtype` and `trainable` of `keras.layers.Layer`.

    Inputs and output: float (B, ..., C) with one axis of positions or more, of the
    layer's compute dtype; statistics are float32 at least.

    Raises:
        ValueError: `epsilon` out of range, or inputs without positions.

    Example:
        >>> import keras, numpy as np
        >>> x = np.array([[[1.0], [3.0]], [[10.0], [30.0]]], "float32")
        >>> y = keras.ops.convert_to_numpy(InstanceNormalization()(x))
        >>> y[..., 0].round(3).tolist()
        [[-1.0, 1.0], [-1.0, 1.0]]

    Reference: Ulyanov et al. 2016, "Instance Normalization: The Missing Ingredient
    for Fast Stylization", with the factor and offset of BatchNorm.
    """

    def __init__(self, epsilon=1e-5, center=True, scale=True, **kwargs):
        super().__init__(**kwargs)
        check_non_negative("epsilon", epsilon)
        self.epsilon = float(epsilon)
        self.center = check_boolean("center", center)
        self.scale = check_boolean("scale", scale)

    def build(self, input_shape):
        """Creates the factors and offsets.

        Args:
            input_shape: Shape of the inputs.
        """
        if len(input_shape) < 3:
            raise ValueError(
                "Expected inputs of shape (batch, positions, ..., channels). "
                f"Received: shape={tuple(input_shape)}"
            )
        shape = (input_shape[-1],)
        if self.scale:
            self.gamma = self.add_weight(
                shape, initializer="ones", autocast=False, name="gamma"
            )
        if self.center:
            self.beta = self.add_weight(
                shape, initializer="zeros", autocast=False, name="beta"
            )

    def call(self, inputs):
        """Normalizes the inputs.

        Args:
            inputs: float (B, ..., C).

        Returns:
            Tensor shaped like `inputs`.
        """
        x = ops.cast(inputs, keras.backend.result_type(inputs.dtype, "float32"))
        axes = tuple(range(1, len(x.shape) - 1))
        x = x - ops.mean(x, axis=axes, keepdims=True)
        variance = ops.mean(ops.square(x), axis=axes, keepdims=True)
        x = x * ops.rsqrt(variance + self.epsilon)
        if self.scale:
            x = x * self.gamma
        if self.center:
            x = x + self.beta
        return ops.cast(x, self.compute_dtype)

    def compute_output_shape(self, input_shape):
        """The shape of the inputs."""
        return input_shape

    def get_config(self):
        """Constructor arguments."""
        return {
            **super().get_config(),
            "epsilon": self.epsilon,
            "center": self.center,
            "scale": self.scale,
        }
