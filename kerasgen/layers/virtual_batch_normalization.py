"""Virtual batch normalization: statistics of a reference batch, fixed once and for all.

The reference samples flow through the network behind the batch. `ReferenceBatch`
appends them to the inputs, `VirtualBatchNormalization` normalizes with their
statistics, and `DropReference` takes them out of the outputs:

    z = keras.Input((64,))
    x = ReferenceBatch(reference)(z)  # reference: (num_reference, 64)
    x = keras.layers.Dense(128)(x)
    x = VirtualBatchNormalization(num_reference)(x)
    ...
    x = DropReference(num_reference)(x)

A network with several inputs has a `ReferenceBatch` at each of them.
"""

import keras
import numpy as np
from keras import ops

from kerasgen.arguments import check_non_negative, check_positive_integer


@keras.saving.register_keras_serializable(package="kerasgen")
class ReferenceBatch(keras.layers.Layer):
    """Appends the reference samples to a batch.

    They are a weight that is not trained, and are saved with the others. They come
    last, so that the samples of the batch keep their rows, and with them the noise of
    layers such as `Dropout`.

    Args:
        reference: Array of samples that the network takes, (num_reference, ...). Or
            a tuple or list, the shape of such an array, for samples that a load
            brings; they are 0 until then.
        **kwargs: `name` and `dtype` of `keras.layers.Layer`.

    Inputs: (B, ...), float or integer.
    Output: (B + num_reference, ...), of the same dtype.

    Raises:
        ValueError: `reference` is neither an array of finite samples nor a shape, or
            the inputs have another shape.

    Example:
        >>> import keras, numpy as np
        >>> layer = ReferenceBatch(np.array([[8.0], [9.0]]))
        >>> y = keras.ops.convert_to_numpy(layer(np.array([[1.0]], "float32")))
        >>> y.tolist()
        [[1.0], [8.0], [9.0]]

    Reference: Salimans et al. 2016, "Improved Techniques for Training GANs", section
    3.5.
    """

    def __init__(self, reference, **kwargs):
        super().__init__(**kwargs)
        if isinstance(reference, tuple | list):
            for size in reference:
                check_positive_integer("reference", size)
            values = np.zeros(reference, "float32")
        else:
            values = np.asarray(reference)
        has_samples = values.dtype.kind in "fiu" and values.ndim and values.size
        if not has_samples or not np.isfinite(values).all():
            raise ValueError(
                "`reference` is an array of one or more samples of finite numbers, or "
                f"the shape of one. Received: reference={reference!r}"
            )
        self.reference_shape = values.shape
        self._initial_values = values

    def build(self, input_shape):
        """Stores the reference samples.

        Args:
            input_shape: Shape of the inputs.
        """
        if tuple(input_shape[1:]) != self.reference_shape[1:]:
            raise ValueError(
                "Expected inputs shaped like the reference samples, "
                f"{self.reference_shape[1:]}. Received: shape={tuple(input_shape)}"
            )
        values, self._initial_values = self._initial_values, None
        self.samples = self.add_weight(
            self.reference_shape,
            initializer=lambda shape, dtype: ops.convert_to_tensor(values, dtype),
            trainable=False,
            autocast=False,
            name="samples",
        )

    def call(self, inputs):
        """Appends the samples.

        Args:
            inputs: (B, ...).

        Returns:
            Tensor of shape (B + num_reference, ...).
        """
        samples = ops.cast(self.samples, inputs.dtype)
        return ops.concatenate([inputs, samples], axis=0)

    def compute_output_shape(self, input_shape):
        """(batch + num_reference, ...)."""
        return _with_rows(input_shape, self.reference_shape[0])

    def compute_output_spec(self, inputs):
        """Shape and dtype of the output."""
        shape = self.compute_output_shape(inputs.shape)
        return keras.KerasTensor(shape, dtype=inputs.dtype)

    def get_config(self):
        """Constructor arguments; the shape, since the samples are a weight."""
        return {**super().get_config(), "reference": list(self.reference_shape)}


@keras.saving.register_keras_serializable(package="kerasgen")
class VirtualBatchNormalization(keras.layers.Layer):
    """Normalizes each sample with the statistics of the reference samples and its own.

    Mean and mean of squares of a sample are those of the reference samples with
    weight R / (R + 1) and its own with weight 1 / (R + 1), R = num_reference; the
    reference samples are normalized with their own statistics. All are taken for each
    channel, over all positions.

    Given the reference, a sample does not see the others of its batch: training and
    inference agree, as do any numbers of devices, and penalties on gradients may
    stand beside it. Gradients flow through the statistics of the reference too.

    Args:
        num_reference: Integer >= 1, reference samples at the end of the inputs, put
            there by `ReferenceBatch`.
        epsilon: Float >= 0, added to the variance.
        **kwargs: `name`, `dtype` and `trainable` of `keras.layers.Layer`.

    Inputs and output: float (B + num_reference, ..., channels), of the layer's
    compute dtype; statistics are float32 at least.

    Raises:
        ValueError: `num_reference` or `epsilon` out of range, or inputs of rank 1.

    Example:
        >>> import keras, numpy as np
        >>> layer = VirtualBatchNormalization(num_reference=2)
        >>> x = np.array([[0.0], [-1.0], [1.0]], "float32")
        >>> y = keras.ops.convert_to_numpy(layer(x))
        >>> y.round(2).tolist()  # variance 1 of the reference; 2/3 with the first
        [[0.0], [-1.0], [1.0]]

    Reference: Salimans et al. 2016, "Improved Techniques for Training GANs", section
    3.5; weights as in the authors' code (github.com/openai/improved-gan, imagenet).
    """

    def __init__(self, num_reference, epsilon=1e-5, **kwargs):
        super().__init__(**kwargs)
        check_positive_integer("num_reference", num_reference)
        check_non_negative("epsilon", epsilon)
        self.num_reference = int(num_reference)
        self.epsilon = float(epsilon)

    def build(self, input_shape):
        """Creates the factors and offsets.

        Args:
            input_shape: Shape of the inputs.
        """
        if len(input_shape) < 2:
            raise ValueError(
                "Expected inputs of shape (batch, ..., channels). "
                f"Received: shape={tuple(input_shape)}"
            )
        shape = (input_shape[-1],)
        self.gamma = self.add_weight(
            shape, initializer="ones", autocast=False, name="gamma"
        )
        self.beta = self.add_weight(
            shape, initializer="zeros", autocast=False, name="beta"
        )

    def call(self, inputs):
        """Normalizes the inputs.

        Args:
            inputs: float (B + num_reference, ..., channels).

        Returns:
            Tensor shaped like `inputs`.
        """
        x = ops.cast(inputs, keras.backend.result_type(inputs.dtype, "float32"))
        # An axis of positions, also where each sample is a vector.
        x = x[:, None]
        axes = tuple(range(1, len(x.shape) - 1))
        batch, reference = x[: -self.num_reference], x[-self.num_reference :]
        fixed_mean, fixed_variance = _moments(reference, (0, *axes))
        own_mean, own_variance = _moments(batch, axes)
        share = 1.0 / (self.num_reference + 1)
        mean = fixed_mean + share * (own_mean - fixed_mean)
        # The mean of squares less the square of the mean, without their cancellation.
        variance = (
            (1.0 - share) * fixed_variance
            + share * own_variance
            + share * (1.0 - share) * ops.square(own_mean - fixed_mean)
        )
        normalized = ops.concatenate(
            [
                (batch - mean) * ops.rsqrt(variance + self.epsilon),
                (reference - fixed_mean) * ops.rsqrt(fixed_variance + self.epsilon),
            ],
            axis=0,
        )
        outputs = normalized[:, 0] * self.gamma + self.beta
        return ops.cast(outputs, self.compute_dtype)

    def compute_output_shape(self, input_shape):
        """The shape of the inputs."""
        return input_shape

    def get_config(self):
        """Constructor arguments."""
        return {
            **super().get_config(),
            "num_reference": self.num_reference,
            "epsilon": self.epsilon,
        }


@keras.saving.register_keras_serializable(package="kerasgen")
class DropReference(keras.layers.Layer):
    """Takes the reference samples out of a batch; the inverse of `ReferenceBatch`.

    Args:
        num_reference: Integer >= 1.
        **kwargs: `name` and `dtype` of `keras.layers.Layer`.

    Inputs: (B + num_reference, ...), float or integer.
    Output: (B, ...), of the same dtype.

    Raises:
        ValueError: `num_reference` out of range.

    Example:
        >>> import keras, numpy as np
        >>> y = DropReference(2)(np.array([[1.0], [8.0], [9.0]], "float32"))
        >>> keras.ops.convert_to_numpy(y).tolist()
        [[1.0]]

    Reference: Salimans et al. 2016, "Improved Techniques for Training GANs", section
    3.5.
    """

    def __init__(self, num_reference, **kwargs):
        super().__init__(**kwargs)
        check_positive_integer("num_reference", num_reference)
        self.num_reference = int(num_reference)

    def call(self, inputs):
        """Takes out the last `num_reference` rows.

        Args:
            inputs: (B + num_reference, ...).

        Returns:
            Tensor of shape (B, ...).
        """
        return inputs[: -self.num_reference]

    def compute_output_shape(self, input_shape):
        """(batch, ...)."""
        return _with_rows(input_shape, -self.num_reference)

    def compute_output_spec(self, inputs):
        """Shape and dtype of the output."""
        shape = self.compute_output_shape(inputs.shape)
        return keras.KerasTensor(shape, dtype=inputs.dtype)

    def get_config(self):
        """Constructor arguments."""
        return {**super().get_config(), "num_reference": self.num_reference}


def _moments(x, axes):
    mean = ops.mean(x, axis=axes, keepdims=True)
    return mean, ops.mean(ops.square(x - mean), axis=axes, keepdims=True)


def _with_rows(shape, num):
    """`shape` with `num` more rows, where their number is known."""
    return (None if shape[0] is None else shape[0] + num, *shape[1:])
