"""Self-attention between the positions of an image."""

import keras
from keras import layers, ops

from kerasgen.arguments import check_boolean, check_positive_integer
from kerasgen.layers.spectral_normalization import SpectralNormalization


@keras.saving.register_keras_serializable(package="kerasgen")
class SelfAttention2D(keras.layers.Layer):
    """Adds to each position of an image what it attends to at all positions.

    `y_j = x_j + gamma * W_v sum over i of softmax_i(<W_f x_i, W_g x_j>) W_h x_i`, with
    1x1 convolutions W without bias and a learned scalar gamma that starts at 0. The
    softmax is not scaled by the number of channels. Samples do not see each other.

    Memory grows with the square of height x width.

    Args:
        reduction: Integer >= 1; W_f, W_g and W_h have channels // reduction filters
            (k in the paper).
        spectral_normalization: Whether to wrap each W in
            `kerasgen.layers.SpectralNormalization`, as the paper does.
        gamma_initializer: Initializer of gamma.
        **kwargs: `name`, `dtype` and `trainable` of `keras.layers.Layer`.

    Inputs and output: float (B, height, width, channels), of the layer's compute
    dtype; the softmax is float32 at least.

    Raises:
        ValueError: `reduction` out of range or larger than the number of channels,
            `spectral_normalization` no bool, or inputs whose sizes are not known.

    Example:
        >>> import keras, numpy as np
        >>> layer = SelfAttention2D()
        >>> x = np.random.RandomState(0).uniform(size=(2, 4, 4, 16))
        >>> y = keras.ops.convert_to_numpy(layer(x.astype("float32")))
        >>> bool(np.all(y == x.astype("float32")))  # gamma is 0 at first
        True

    Reference: Zhang et al. 2019, "Self-Attention Generative Adversarial Networks",
    equations 1 to 3. The authors' code also pools W_f x and W_h x, which the paper
    has not.
    """

    def __init__(
        self,
        reduction=8,
        spectral_normalization=False,
        gamma_initializer="zeros",
        **kwargs,
    ):
        super().__init__(**kwargs)
        check_positive_integer("reduction", reduction)
        self.reduction = int(reduction)
        self.spectral_normalization = check_boolean(
            "spectral_normalization", spectral_normalization
        )
        self.gamma_initializer = keras.initializers.get(gamma_initializer)

    def build(self, input_shape):
        """Creates the convolutions and gamma.

        Args:
            input_shape: Shape of the inputs.
        """
        if len(input_shape) != 4 or None in input_shape[1:]:
            raise ValueError(
                "Expected inputs of shape (batch, height, width, channels), all sizes "
                f"but the batch known. Received: shape={tuple(input_shape)}"
            )
        _, height, width, channels = input_shape
        if channels < self.reduction:
            raise ValueError(
                f"Expected at least `reduction` = {self.reduction} channels. "
                f"Received: shape={tuple(input_shape)}"
            )
        num_positions, filters = height * width, channels // self.reduction
        self.key = self._make_dense(filters, "key")
        self.query = self._make_dense(filters, "query")
        self.value = self._make_dense(filters, "value")
        self.attended = self._make_dense(channels, "attended")
        for dense in (self.key, self.query, self.value):
            dense.build((None, num_positions, channels))
        self.attended.build((None, num_positions, filters))
        self.gamma = self.add_weight(
            (), initializer=self.gamma_initializer, name="gamma"
        )

    def _make_dense(self, units, name):
        # A 1x1 convolution of positions in a row.
        dense = layers.Dense(units, use_bias=False, dtype=self.dtype_policy, name=name)
        if self.spectral_normalization:
            dense = SpectralNormalization(dense, name=f"{name}_sn")
        return dense

    def call(self, inputs):
        """Applies self-attention.

        Args:
            inputs: float (B, height, width, channels).

        Returns:
            Tensor shaped like `inputs`.
        """
        _, height, width, channels = inputs.shape
        x = ops.reshape(inputs, (-1, height * width, channels))
        scores = ops.matmul(self.query(x), ops.transpose(self.key(x), (0, 2, 1)))
        dtype = keras.backend.result_type(scores.dtype, "float32")
        weights = ops.softmax(ops.cast(scores, dtype), axis=-1)
        seen = ops.matmul(ops.cast(weights, scores.dtype), self.value(x))
        seen = ops.reshape(self.attended(seen), (-1, height, width, channels))
        return inputs + self.gamma * seen

    def compute_output_shape(self, input_shape):
        """The shape of the inputs."""
        return input_shape

    def get_config(self):
        """Constructor arguments."""
        return {
            **super().get_config(),
            "reduction": self.reduction,
            "spectral_normalization": self.spectral_normalization,
            "gamma_initializer": keras.initializers.serialize(self.gamma_initializer),
        }
