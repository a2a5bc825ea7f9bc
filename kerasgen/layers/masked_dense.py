"""Dense maps of each pixel whose colours see no later one."""

import keras
from keras import ops

from kerasgen.arguments import check_positive_integer
from kerasgen.layers.masked_conv import causal_mask, check_groups


@keras.saving.register_keras_serializable(package="kerasgen")
class MaskedDense(keras.layers.Layer):
    """A 1x1 convolution with mask B: each pixel alone, colours in order.

    Args:
        units: Output channels, a multiple of `num_groups * num_parts`.
        num_groups: As in `MaskedConv2D`.
        num_parts: As in `MaskedConv2D`.
        kernel_initializer: Initializer of the kernel, before masking.
        **kwargs: `name`, `dtype` and `trainable` of `keras.layers.Layer`.

    Inputs: float (B, ..., channels), channels a multiple of `num_groups`.
    Output: (B, ..., units), of the layer's compute dtype.

    Raises:
        ValueError: An argument is out of its range, or channels do not fall into
            groups.

    Reference: van den Oord et al. 2016, "Pixel Recurrent Neural Networks", section 3.4.
    """

    def __init__(
        self,
        units,
        num_groups=1,
        num_parts=1,
        kernel_initializer="glorot_uniform",
        **kwargs,
    ):
        super().__init__(**kwargs)
        for name in ("units", "num_groups", "num_parts"):
            check_positive_integer(name, locals()[name])
        if units % (num_groups * num_parts):
            raise ValueError(
                f"`units` is a multiple of num_groups * num_parts, {num_groups} * "
                f"{num_parts}. Received: units={units}"
            )
        self.units = units
        self.num_groups = num_groups
        self.num_parts = num_parts
        self.kernel_initializer = keras.initializers.get(kernel_initializer)

    def build(self, input_shape):
        """Creates kernel, bias and mask.

        Args:
            input_shape: Shape of the inputs.
        """
        channels = input_shape[-1]
        check_groups(channels, self.num_groups)
        shape = (channels, self.units)
        self.kernel = self.add_weight(
            shape, initializer=self.kernel_initializer, name="kernel"
        )
        self.bias = self.add_weight((self.units,), "zeros", name="bias")
        mask = causal_mask((1, 1, *shape), "B", self.num_groups, self.num_parts)
        self._allowed = mask[0, 0].astype("float32")

    def call(self, inputs):
        """Maps each pixel.

        Args:
            inputs: (B, ..., channels).

        Returns:
            Tensor of shape (B, ..., units).
        """
        kernel = self.kernel * ops.cast(self._allowed, self.kernel.dtype)
        return ops.matmul(inputs, kernel) + self.bias

    def compute_output_shape(self, input_shape):
        """(batch, ..., units)."""
        return (*input_shape[:-1], self.units)

    def get_config(self):
        """Constructor arguments."""
        return {
            **super().get_config(),
            "units": self.units,
            "num_groups": self.num_groups,
            "num_parts": self.num_parts,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
        }
