"""Spectral normalization: kernels divided by their largest singular value."""

import keras
import numpy as np
from keras import layers, ops

SMALLEST_NORM = 1e-12
INHERITED = ("dtype", "activity_regularizer")


def _finish(layer, outputs, channel_axis):
    if layer.bias is not None:
        shape = [1] * len(outputs.shape)
        shape[channel_axis] = -1
        bias = ops.cast(layer.bias, outputs.dtype)
        outputs = outputs + ops.reshape(bias, shape)
    return outputs if layer.activation is None else layer.activation(outputs)


def _image_channel_axis(layer):
    return -1 if layer.data_format == "channels_last" else 1


def _dense(layer, inputs, kernel):
    inputs = ops.cast(inputs, layer.compute_dtype)
    return _finish(layer, ops.matmul(inputs, kernel), -1)


def _conv(layer, inputs, kernel):
    inputs, padding = ops.cast(inputs, layer.compute_dtype), layer.padding
    if padding == "causal":
        past = layer.dilation_rate[0] * (layer.kernel_size[0] - 1)
        widths = [(0, 0), (past, 0), (0, 0)]
        if layer.data_format == "channels_first":
            widths = [(0, 0), (0, 0), (past, 0)]
        inputs, padding = ops.pad(inputs, widths), "valid"
    outputs = ops.conv(
        inputs,
        kernel,
        strides=list(layer.strides),
        padding=padding,
        dilation_rate=layer.dilation_rate,
        data_format=layer.data_format,
    )
    return _finish(layer, outputs, _image_channel_axis(layer))


def _conv_transpose(layer, inputs, kernel):
    outputs = ops.conv_transpose(
        ops.cast(inputs, layer.compute_dtype),
        kernel,
        strides=list(layer.strides),
        padding=layer.padding,
        output_padding=layer.output_padding,
        dilation_rate=layer.dilation_rate,
        data_format=layer.data_format,
    )
    return _finish(layer, outputs, _image_channel_axis(layer))


def _embedding(layer, inputs, kernel):
    return ops.take(kernel, ops.cast(inputs, "int32"), axis=0)


# Layer class: its function of (layer, inputs, kernel), the kernel's attribute, and the
# axis of the output channels in the kernel.
_WRAPPED = {
    layers.Dense: (_dense, "kernel", -1),
    layers.Conv1D: (_conv, "kernel", -1),
    layers.Conv2D: (_conv, "kernel", -1),
    layers.Conv3D: (_conv, "kernel", -1),
    layers.Conv2DTranspose: (_conv_transpose, "kernel", -2),
    layers.Embedding: (_embedding, "embeddings", -1),
}


@keras.saving.register_keras_serializable(package="kerasgen")
class SpectralNormalization(keras.layers.Wrapper):
    """Runs a layer with its kernel divided by the kernel's largest singular value.

    The kernel W is seen as a matrix with one column for each output channel. Its
    largest singular value sigma is estimated by power iteration from a stored vector
    `u`, and the layer computes with W / sigma. The gradient flows through sigma; `u`
    and its partner `v` are constants. The stored kernel never changes, so that the
    optimizer and weight decay see W itself; `u` moves only where `training` is true.
    A kernel of zeros is used as it is.

    Not `keras.layers.SpectralNormalization`, which overwrites the stored kernel and
    gives other values and gradients on each backend.

    Args:
        layer: A `keras.layers` Dense, Conv1D, Conv2D, Conv3D, Conv2DTranspose or
            Embedding, of exactly that class. The wrapper computes in its dtype, and
            sigma in float32 at least.
        power_iterations: Integer >= 1, steps of the power iteration in each training
            call.
        name: Name of the wrapper, or None.
        trainable: Whether the layer's weights are trained.

    Inputs and output: those of `layer`.

    Raises:
        ValueError: Another kind of layer, or `power_iterations` out of range.

    Example:
        >>> import keras, numpy as np
        >>> dense = keras.layers.Dense(2, kernel_initializer="ones")
        >>> layer = SpectralNormalization(dense)  # sigma is sqrt(4 * 2)
        >>> y = layer(np.ones((1, 4), "float32"), training=True)
        >>> print(keras.ops.convert_to_numpy(y).round(2))
        [[1.41 1.41]]

    Reference: Miyato et al. 2018, "Spectral Normalization for Generative Adversarial
    Networks", equation 8 and algorithm 1. Deviation: sigma is computed from the new
    `u` and a `v` that belongs to it, where algorithm 1 keeps the `v` before; so the
    training call and an inference call after it agree.
    """

    def __init__(self, layer, power_iterations=1, name=None, trainable=True):
        if type(layer) not in _WRAPPED:
            raise ValueError(
                "`layer` is a Dense, Conv1D, Conv2D, Conv3D, Conv2DTranspose or "
                f"Embedding of keras.layers. Received: layer={layer!r}"
            )
        is_integer = isinstance(power_iterations, int) and power_iterations is not True
        if not is_integer or power_iterations < 1:
            raise ValueError(
                "`power_iterations` is an integer >= 1. "
                f"Received: power_iterations={power_iterations!r}"
            )
        # With one dtype and no autocast, `call` reads the kernel in full precision.
        super().__init__(
            layer,
            name=name,
            trainable=trainable,
            dtype=layer.variable_dtype,
            autocast=False,
            activity_regularizer=layer.activity_regularizer,
        )
        self.supports_masking = layer.supports_masking
        self.power_iterations = power_iterations
        self._function, self._kernel_name, self._channel_axis = _WRAPPED[type(layer)]

    @property
    def _kernel(self):
        return getattr(self.layer, self._kernel_name)

    def build(self, input_shape=None):
        """Creates the layer's weights and `u`.

        Args:
            input_shape: Shape of the inputs.
        """
        super().build(input_shape)
        self.input_spec = self.layer.input_spec
        self.u = self.add_weight(
            shape=(self._kernel.shape[self._channel_axis],),
            initializer=_initial_u,
            dtype=keras.backend.result_type(self.layer.variable_dtype, "float32"),
            trainable=False,
            autocast=False,
            aggregation="only_first_replica",
            name="u",
        )

    def call(self, inputs, training=None):
        """Runs the layer with the normalized kernel.

        Args:
            inputs: Inputs of the layer.
            training: Whether to move `u` by `power_iterations` steps.

        Returns:
            Outputs of the layer.
        """
        kernel, u = self._normalize(self.power_iterations if training else 0)
        if training:
            self.u.assign(u)
        kernel = ops.cast(kernel, self.layer.compute_dtype)
        return self._function(self.layer, inputs, kernel)

    def normalized_kernel(self):
        """The kernel that inference uses: W / sigma, shaped like W.

        Returns:
            float32 tensor.
        """
        return self._normalize(0)[0]

    def _normalize(self, num_iterations):
        kernel = ops.cast(self._kernel, self.u.dtype)
        rows = ops.moveaxis(kernel, self._channel_axis, -1)
        matrix = ops.reshape(rows, (-1, self.u.shape[0]))
        # A new tensor: torch cannot differentiate past a later assignment of `u`.
        u = _unit(self.u.value, self.u.value)
        fixed = ops.stop_gradient(matrix)
        for _ in range(num_iterations):
            v = _unit(ops.matmul(fixed, u), 0.0)
            u = _unit(ops.matmul(v, fixed), u)
        product = ops.matmul(matrix, u)
        v = _unit(ops.stop_gradient(product), 0.0)
        sigma = ops.sum(product * v)
        # A kernel of zeros has no direction to scale along: it stays as it is.
        sigma = ops.where(sigma > SMALLEST_NORM, sigma, ops.ones_like(sigma))
        return kernel / sigma, u

    def compute_mask(self, inputs, mask=None):
        """The mask of the layer."""
        return self.layer.compute_mask(inputs, mask)

    def compute_output_shape(self, input_shape):
        """The output shape of the layer."""
        return self.layer.compute_output_shape(input_shape)

    def compute_output_spec(self, inputs, training=None):
        """Shape and dtype of the layer's output."""
        shape = self.compute_output_shape(inputs.shape)
        return keras.KerasTensor(shape, dtype=self.layer.compute_dtype)

    def get_config(self):
        """Constructor arguments; dtype and regularizer are the layer's own."""
        config = {**super().get_config(), "power_iterations": self.power_iterations}
        return {k: v for k, v in config.items() if k not in INHERITED}


def _unit(x, fallback):
    """`x` divided by its norm, or `fallback` where that is zero."""
    norm = ops.sqrt(ops.sum(ops.square(x)))
    is_positive = norm > SMALLEST_NORM
    scaled = x / ops.where(is_positive, norm, ops.ones_like(norm))
    return ops.where(is_positive, scaled, fallback)


def _initial_u(shape, dtype=None):
    """A start that is the same on every backend; NumPy's RandomState is frozen."""
    u = np.random.RandomState(0).uniform(-1.0, 1.0, shape)
    return ops.convert_to_tensor(u / np.linalg.norm(u), dtype=dtype)
