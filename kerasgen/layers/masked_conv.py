"""Convolutions that see no later pixel, whole images at a time or pixel by pixel."""

import keras
import numpy as np
from keras import ops

from kerasgen import backend
from kerasgen.arguments import check_positive_integer

MASKS = ("A", "B")


@keras.saving.register_keras_serializable(package="kerasgen")
class MaskedConv2D(keras.layers.Layer):
    """A convolution whose output at a pixel depends on the pixels before it.

    Pixels are in raster order, rows from the top, each from the left. At the pixel
    itself, channels fall into `num_groups` equal groups in order, one for each colour:
    an output group sees the input groups before its own (mask A, of the first layer) or
    up to its own (mask B). Padding is "same", the stride 1.

    The same weights also run a pixel at a time: `row_context` and `pixel` add up to
    what `call` gives.

    Args:
        filters: Output channels, a multiple of `num_groups * num_parts`.
        kernel_size: Odd integer, or a pair of them: height and width of the square
            before masking. Rows below the centre are not stored.
        mask: "A" or "B".
        num_groups: Colours of the image, in order R, G, B.
        num_parts: Equal parts of the output, each with all groups: 2 for the two
            halves of a gate.
        use_bias: Whether to add a bias.
        kernel_initializer: Initializer of the kernel, before masking.
        **kwargs: `name`, `dtype` and `trainable` of `keras.layers.Layer`.

    Inputs: float (B, H, W, channels), channels a multiple of `num_groups`.
    Output: (B, H, W, filters), of the layer's compute dtype.

    Raises:
        ValueError: An argument is out of its range, or channels do not fall into
            groups.

    Example:
        >>> import keras, numpy as np
        >>> layer = MaskedConv2D(1, 3, "A", kernel_initializer="ones")
        >>> x = np.arange(1.0, 10.0, dtype="float32").reshape(1, 3, 3, 1)
        >>> keras.ops.convert_to_numpy(layer(x))[0, 1, :, 0].tolist()  # rows 1-3, 4-6
        [3.0, 10.0, 10.0]

    Reference: van den Oord et al. 2016, "Pixel Recurrent Neural Networks", section 3.4.
    """

    def __init__(
        self,
        filters,
        kernel_size,
        mask="B",
        num_groups=1,
        num_parts=1,
        use_bias=True,
        kernel_initializer="glorot_uniform",
        **kwargs,
    ):
        super().__init__(**kwargs)
        for name in ("filters", "num_groups", "num_parts"):
            check_positive_integer(name, locals()[name])
        size = (kernel_size,) * 2 if np.ndim(kernel_size) == 0 else tuple(kernel_size)
        is_odd = all(isinstance(n, int) and n > 0 and n % 2 for n in size)
        if len(size) != 2 or not is_odd:
            raise ValueError(
                "`kernel_size` is an odd integer or a pair of them. "
                f"Received: kernel_size={kernel_size!r}"
            )
        if mask not in MASKS:
            raise ValueError(f"`mask` is one of {MASKS}. Received: mask={mask!r}")
        if filters % (num_groups * num_parts):
            raise ValueError(
                f"`filters` is a multiple of num_groups * num_parts, {num_groups} * "
                f"{num_parts}. Received: filters={filters}"
            )
        self.filters = filters
        self.kernel_size = size
        self.mask = mask
        self.num_groups = num_groups
        self.num_parts = num_parts
        self.use_bias = use_bias
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.rows_above, self.columns_left = size[0] // 2, size[1] // 2

    def build(self, input_shape):
        """Creates kernel, bias and mask.

        Args:
            input_shape: Shape of the inputs.
        """
        channels = input_shape[-1]
        check_groups(channels, self.num_groups)
        shape = (self.rows_above + 1, self.kernel_size[1], channels, self.filters)
        self.kernel = self.add_weight(
            shape, initializer=self.kernel_initializer, name="kernel"
        )
        if self.use_bias:
            self.bias = self.add_weight((self.filters,), "zeros", name="bias")
        self._allowed = causal_mask(
            shape, self.mask, self.num_groups, self.num_parts
        ).astype("float32")

    def call(self, inputs):
        """Convolves whole images.

        Args:
            inputs: (B, H, W, channels).

        Returns:
            Tensor of shape (B, H, W, filters).
        """
        left = right = self.columns_left
        kernel = self._masked()
        if not self.rows_above:
            # All that lies to the right is masked.
            kernel, right = kernel[:, : left + 1], 0
        pads = ((self.rows_above, 0), (left, right))
        return self._add_bias(backend.convolve(inputs, kernel, pads))

    def row_context(self, above):
        """What the rows above, and the bias, add to each output of a row.

        Args:
            above: (B, kernel height // 2, W, channels), zeros beyond the image.

        Returns:
            Tensor of shape (B, W, filters).
        """
        if not self.rows_above:
            zeros = ops.zeros((*ops.shape(above)[:1], above.shape[2], self.filters))
            return self._add_bias(ops.cast(zeros, self.compute_dtype))
        side = self.columns_left
        kernel = self._masked()[: self.rows_above]
        outputs = backend.convolve(above, kernel, ((0, 0), (side, side)))
        return self._add_bias(outputs[:, 0])

    def pixel(self, left, center):
        """What the row's own pixels add to the output of one.

        Args:
            left: (B, kernel width // 2, channels), the pixels to the left, nearest
                last, zeros beyond the image.
            center: (B, channels), the pixel itself.

        Returns:
            Tensor of shape (B, filters).
        """
        kernel = self._masked()[self.rows_above]
        side = self.columns_left
        own = ops.matmul(center, kernel[side])
        if not side:
            return own
        channels = center.shape[-1]
        flat = ops.reshape(left, (-1, side * channels))
        weights = ops.reshape(kernel[:side], (side * channels, self.filters))
        return own + ops.matmul(flat, weights)

    def compute_output_shape(self, input_shape):
        """(batch, height, width, filters)."""
        return (*input_shape[:-1], self.filters)

    def get_config(self):
        """Constructor arguments."""
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel_size": list(self.kernel_size),
            "mask": self.mask,
            "num_groups": self.num_groups,
            "num_parts": self.num_parts,
            "use_bias": self.use_bias,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
        }

    def _masked(self):
        # The layer's scope, which casts weights, is that of `call` alone.
        kernel = ops.cast(self.kernel, self.compute_dtype)
        return kernel * ops.cast(self._allowed, self.compute_dtype)

    def _add_bias(self, x):
        return x + ops.cast(self.bias, self.compute_dtype) if self.use_bias else x


def check_groups(channels, num_groups):
    """Raises ValueError unless channels fall into so many equal groups."""
    if channels % num_groups:
        raise ValueError(
            f"Expected channels that fall into {num_groups} equal groups. "
            f"Received: {channels} channels"
        )


def causal_mask(shape, mask, num_groups=1, num_parts=1):
    """Which weights of a kernel see no later pixel.

    Args:
        shape: (rows, columns, channels, filters); the last row holds the pixel itself
            in its middle.
        mask: "A" or "B", see `MaskedConv2D`.
        num_groups: As in `MaskedConv2D`.
        num_parts: As in `MaskedConv2D`.

    Returns:
        bool NumPy array of that shape.
    """
    rows, columns, channels, filters = shape
    allowed = np.zeros(shape, bool)
    allowed[: rows - 1] = True
    allowed[rows - 1, : columns // 2] = True
    source = np.arange(channels) * num_groups // channels
    per_part = filters // num_parts
    target = np.tile(np.arange(per_part) * num_groups // per_part, num_parts)
    pairs = (source[:, None], target[None, :])
    allowed[rows - 1, columns // 2] = (
        pairs[0] < pairs[1] if mask == "A" else pairs[0] <= pairs[1]
    )
    return allowed
