"""Minibatch discrimination: features of how close a sample is to the others."""

import keras
from keras import ops

from kerasgen import replicas
from kerasgen.arguments import check_positive_integer


@keras.saving.register_keras_serializable(package="kerasgen")
class MinibatchDiscrimination(keras.layers.Layer):
    """Appends to each sample its closeness to the samples of the batch.

    With M_i = x_i T in R^(num_kernels x kernel_dim), feature b of sample i is
    `sum over j of exp(-||M_ib - M_jb||_1)`. The sum holds j = i, which adds 1. A
    discriminator can so tell a batch that lacks diversity.

    The samples are those of one call: `GAN` calls its discriminator on reals and on
    fakes apart. In data-parallel training they are those of all devices; the features
    grow with their number. Of penalties on gradients, those of `GradientPenalty` and
    its like are of the sum of the batch's scores, and so hold what a sample does to
    those of the others, as in Karras et al. 2018. A generator has no use for the
    layer, and `GAN` refuses it there. Memory grows with the square of the batch.

    Args:
        num_kernels: Integer >= 1, appended features (B in the paper).
        kernel_dim: Integer >= 1, size of a row of M_i (C in the paper).
        kernel_initializer: Initializer of T, stored as a matrix of shape
            (features, num_kernels * kernel_dim).
        **kwargs: `name`, `dtype` and `trainable` of `keras.layers.Layer`.

    Inputs: float (B, features).
    Output: (B, features + num_kernels), of the layer's compute dtype; distances are
    float32 at least.

    Raises:
        ValueError: `num_kernels` or `kernel_dim` out of range, or inputs of another
            rank.

    Example:
        >>> import keras, numpy as np
        >>> layer = MinibatchDiscrimination(1, 1, kernel_initializer="ones")
        >>> x = np.array([[0.0], [0.0], [9.0]], "float32")
        >>> y = keras.ops.convert_to_numpy(layer(x))
        >>> y[:, 1].round(2).tolist()  # two alike, one apart
        [2.0, 2.0, 1.0]

    Reference: Salimans et al. 2016, "Improved Techniques for Training GANs", section
    3.2. Deviation: the authors' code leaves out j = i, normalizes T and adds a bias,
    none of which is in the paper.
    """

    def __init__(
        self, num_kernels, kernel_dim, kernel_initializer="glorot_uniform", **kwargs
    ):
        super().__init__(**kwargs)
        check_positive_integer("num_kernels", num_kernels)
        check_positive_integer("kernel_dim", kernel_dim)
        self.num_kernels = int(num_kernels)
        self.kernel_dim = int(kernel_dim)
        self.kernel_initializer = keras.initializers.get(kernel_initializer)

    def build(self, input_shape):
        """Creates T.

        Args:
            input_shape: Shape of the inputs.
        """
        if len(input_shape) != 2:
            raise ValueError(
                "Expected inputs of shape (batch, features). "
                f"Received: shape={tuple(input_shape)}"
            )
        self.kernel = self.add_weight(
            (input_shape[-1], self.num_kernels * self.kernel_dim),
            initializer=self.kernel_initializer,
            name="kernel",
        )

    def call(self, inputs):
        """Appends the features.

        Args:
            inputs: float (B, features).

        Returns:
            Tensor of shape (B, features + num_kernels).
        """
        rows = ops.matmul(inputs, self.kernel)
        rows = ops.cast(rows, keras.backend.result_type(rows.dtype, "float32"))
        rows = ops.reshape(rows, (-1, self.num_kernels, self.kernel_dim))
        everyone, _ = replicas.gather(rows)
        distances = ops.sum(ops.abs(rows[:, None] - everyone[None, :]), axis=-1)
        features = ops.sum(ops.exp(-distances), axis=1)
        features = ops.cast(features, inputs.dtype)
        return ops.concatenate([inputs, features], axis=-1)

    def compute_output_shape(self, input_shape):
        """(batch, features + num_kernels)."""
        return (input_shape[0], input_shape[1] + self.num_kernels)

    def get_config(self):
        """Constructor arguments."""
        serialize = keras.initializers.serialize
        return {
            **super().get_config(),
            "num_kernels": self.num_kernels,
            "kernel_dim": self.kernel_dim,
            "kernel_initializer": serialize(self.kernel_initializer),
        }
