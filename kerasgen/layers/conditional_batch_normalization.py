"""Batch normalization whose factors and offsets belong to a class."""

import keras
from keras import layers, ops

from kerasgen.arguments import check_positive_integer, is_finite_number


@keras.saving.register_keras_serializable(package="kerasgen")
class ConditionalBatchNormalization(keras.layers.Layer):
    """Normalizes each channel over the batch, then scales and shifts by class.

    The normalization is `keras.layers.BatchNormalization` and behaves like it: the
    statistics of the batch where `training` is true, moving averages otherwise and
    where the layer is frozen. All classes share the statistics; each has a factor
    and an offset for each channel.

    In data-parallel training of kerasgen's models the statistics are those of the
    batch of all devices.

    Args:
        num_classes: Integer >= 1.
        momentum: Float in [0, 1), decay of the moving averages.
        epsilon: Float > 0, added to the variance.
        **kwargs: `name`, `dtype` and `trainable` of `keras.layers.Layer`.

    Inputs: List of x, float (B, ..., channels), and labels, int32 (B,) in
    [0, num_classes).
    Output: Shaped like x, of the layer's compute dtype; statistics are float32 at
    least.

    Raises:
        ValueError: An argument is out of range, inputs have other shapes, or labels
            are no integers.

    Example:
        >>> import keras, numpy as np
        >>> layer = ConditionalBatchNormalization(num_classes=2)
        >>> x, labels = np.ones((3, 4), "float32"), np.array([0, 1, 1], "int32")
        >>> layer.build([x.shape, labels.shape])
        >>> _ = layer.beta.assign([[0.0] * 4, [5.0] * 4])
        >>> y = keras.ops.convert_to_numpy(layer([x, labels], training=True))
        >>> y[:, 0].round(2).tolist()
        [0.0, 5.0, 5.0]

    Reference: Dumoulin et al. 2017, "A Learned Representation for Artistic Style",
    equation 5, there with statistics of each sample; with those of the batch in the
    generator of Miyato and Koyama 2018, "cGANs with Projection Discriminator".
    """

    def __init__(self, num_classes, momentum=0.99, epsilon=1e-3, **kwargs):
        super().__init__(**kwargs)
        check_positive_integer("num_classes", num_classes)
        if not (is_finite_number(momentum) and 0 <= momentum < 1):
            raise ValueError(
                f"`momentum` lies in [0, 1). Received: momentum={momentum!r}"
            )
        if not (is_finite_number(epsilon) and epsilon > 0):
            raise ValueError(
                f"`epsilon` is a finite number > 0. Received: epsilon={epsilon!r}"
            )
        self.num_classes = int(num_classes)
        self.momentum = float(momentum)
        self.epsilon = float(epsilon)
        self.normalization = layers.BatchNormalization(
            momentum=self.momentum,
            epsilon=self.epsilon,
            center=False,
            scale=False,
            dtype=self.variable_dtype,
            name="normalization",
        )

    def build(self, input_shape):
        """Creates the factors and offsets.

        Args:
            input_shape: Shapes of x and of the labels.
        """
        x_shape = _check_shapes(input_shape)
        self.normalization.build(x_shape)
        shape = (self.num_classes, x_shape[-1])
        self.gamma = self.add_weight(
            shape, initializer="ones", autocast=False, name="gamma"
        )
        self.beta = self.add_weight(
            shape, initializer="zeros", autocast=False, name="beta"
        )

    def call(self, inputs, training=None):
        """Normalizes x.

        Args:
            inputs: List of x and labels.
            training: Whether to use the statistics of the batch.

        Returns:
            Tensor shaped like x.
        """
        x, labels = inputs
        dtype = keras.backend.standardize_dtype(labels.dtype)
        if "int" not in dtype:
            raise ValueError(f"Expected integer labels. Received: dtype={dtype}")
        normalized = self.normalization(x, training=training)
        row = (-1, *(1,) * (len(x.shape) - 2), x.shape[-1])
        gamma, beta = (
            ops.reshape(ops.take(table, labels, axis=0), row)
            for table in (self.gamma, self.beta)
        )
        return ops.cast(normalized * gamma + beta, self.compute_dtype)

    def compute_output_shape(self, input_shape):
        """The shape of x."""
        return tuple(input_shape[0])

    def get_config(self):
        """Constructor arguments."""
        return {
            **super().get_config(),
            "num_classes": self.num_classes,
            "momentum": self.momentum,
            "epsilon": self.epsilon,
        }


def _check_shapes(input_shape):
    shapes = [tuple(shape) for shape in input_shape]
    if len(shapes) != 2 or len(shapes[0]) < 2 or len(shapes[1]) != 1:
        raise ValueError(
            "Expected [x, labels] of shapes (batch, ..., channels) and (batch,). "
            f"Received: shapes={shapes}"
        )
    return shapes[0]
