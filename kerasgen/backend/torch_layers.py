"""Keras's layers in fewer passes over memory, with the numbers and configs they have.

Keras 3.15 copies each map twice before a convolution on PyTorch (to channels first, and
back to channels last), and each kernel once, crops what a transposed one computes
beyond the image, and normalizes a batch in a dozen passes.
"""

import functools

import keras
import torch
from keras import activations, layers
from keras.src.models.functional import Functional
from torch.nn import functional

from kerasgen.backend.torch_graph import DirectCalls
from kerasgen.backend.torch_transposed import convolve_transposed, suits


def fuse(network):
    """Lets layers of Keras's own classes run as few operations of PyTorch.

    Args:
        network: Keras model or layer, changed in place; its config is not.
    """
    for layer in network._flatten_layers():
        call = _CALLS.get(type(layer))
        if call is not None:
            layer.call = functools.partial(call, layer)
            if call in (_convolve, _convolve_transposed) and layer.built:
                _store_as_pytorch(layer)
        elif isinstance(layer, keras.Model) and type(layer).call is Functional.call:
            layer.call = DirectCalls(layer)


def _store_as_pytorch(layer):
    """Lets PyTorch read the kernel without a copy; its shape stays Keras's."""
    if isinstance(layer.kernel, keras.Variable):
        value = layer.kernel.value
        kernel = value.data.permute(3, 2, 0, 1)
        # Maps come with their channels last.
        kernel = kernel.contiguous(memory_format=torch.channels_last)
        value.data = kernel.permute(2, 3, 1, 0)


def convolve(inputs, kernel, pads, stride=1):
    """Convolution of a padded map.

    Args:
        inputs: (B, H, W, channels).
        kernel: (rows, columns, channels, filters), of the same dtype.
        pads: Zeros before and after the rows, and before and after the columns:
            `((top, bottom), (left, right))`.
        stride: Integer.

    Returns:
        Tensor (B, H', W', filters).
    """
    y = _convolve_padded(
        inputs.permute(0, 3, 1, 2),
        kernel.permute(3, 2, 0, 1),
        None,
        pads,
        (stride,) * 2,
    )
    return y.permute(0, 2, 3, 1)


def _convolve_padded(x, kernel, bias, pads, strides, dilation=1, groups=1):
    if any(before != after for before, after in pads):
        x = functional.pad(x, (*pads[1], *pads[0]))
        pads = [(0, 0), (0, 0)]
    zeros = [before for before, _ in pads]
    return functional.conv2d(x, kernel, bias, strides, zeros, dilation, groups)


def _convolve(layer, inputs):
    if layer.data_format != "channels_last":
        return type(layer).call(layer, inputs)
    pads = [(0, 0), (0, 0)]
    if layer.padding == "same":
        geometry = (layer.kernel_size, layer.strides, layer.dilation_rate)
        sizes = zip(inputs.shape[1:3], *geometry, strict=True)
        pads = [_same_padding(*size) for size in sizes]
    y = _convolve_padded(
        inputs.permute(0, 3, 1, 2),
        *_kernel_and_bias(layer),
        pads,
        layer.strides,
        layer.dilation_rate,
        layer.groups,
    )
    return _activate(layer, y.permute(0, 2, 3, 1))


def _convolve_transposed(layer, inputs):
    # As much is cropped on both sides, which is what PyTorch's padding means.
    pairs = zip(layer.kernel_size, layer.strides, strict=True)
    crops = [divmod(size - stride, 2) for size, stride in pairs]
    is_even = all(crop >= 0 and not rest for crop, rest in crops)
    is_plain = layer.output_padding is None and set(layer.dilation_rate) == {1}
    if (layer.data_format, layer.padding) != ("channels_last", "same") or not (
        is_even and is_plain
    ):
        return type(layer).call(layer, inputs)
    x, (kernel, bias) = inputs.permute(0, 3, 1, 2), _kernel_and_bias(layer)
    crops = [crop for crop, _ in crops]
    if suits(kernel, layer.strides, x):
        y = convolve_transposed(x, kernel, layer.strides, crops).permute(0, 2, 3, 1)
        y = y if bias is None else y + bias
    else:
        y = functional.conv_transpose2d(x, kernel, bias, layer.strides, crops)
        y = y.permute(0, 2, 3, 1)
    return _activate(layer, y)


def _multiply(layer, inputs, training=None):
    if inputs.ndim != 2 or layer.lora_enabled or layer.quantization_mode:
        return type(layer).call(layer, inputs, training=training)
    bias = layer.bias.value if layer.use_bias else None
    return _activate(layer, functional.linear(inputs, layer.kernel.value.T, bias))


def _flatten(layer, inputs):
    if inputs.ndim < 2 or layer.data_format != "channels_last":
        return type(layer).call(layer, inputs)
    return inputs.flatten(1)


def _reshape(layer, inputs):
    if any(size in (None, -1) for size in layer.target_shape):
        return type(layer).call(layer, inputs)
    return inputs.reshape(inputs.shape[0], *layer.target_shape)


def _leak(layer, inputs):
    return functional.leaky_relu(inputs, layer.negative_slope)


def _normalize(layer, inputs, training=None, mask=None):
    is_last = layer.axis in (-1, inputs.ndim - 1)
    # Moments of another origin are those of all replicas.
    is_own = not ("_moments" in vars(layer) or layer.synchronized or layer.renorm)
    if not (training and layer.trainable and mask is None and is_last and is_own):
        return type(layer).call(layer, inputs, training=training, mask=mask)
    dtype = keras.backend.result_type(inputs.dtype, "float32")
    x = keras.ops.cast(inputs, dtype)
    x = x.reshape(len(x), -1, 1, x.shape[-1]).permute(0, 3, 1, 2)
    gamma, beta = (
        keras.ops.cast(getattr(layer, name).value, dtype) if is_used else None
        for name, is_used in (("gamma", layer.scale), ("beta", layer.center))
    )
    y, mean, inverse = torch.native_batch_norm(
        x, gamma, beta, None, None, True, 0.0, layer.epsilon
    )
    variance = inverse.detach().pow(-2) - layer.epsilon
    for moving, new in (
        (layer.moving_mean, mean.detach()),
        (layer.moving_variance, variance),
    ):
        old = keras.ops.cast(moving.value, dtype)
        moving.assign(torch.lerp(old, new, 1.0 - layer.momentum))
    y = y.permute(0, 2, 3, 1).reshape(inputs.shape)
    return keras.ops.cast(y, layer.compute_dtype)


def _same_padding(size, kernel_size, stride, dilation):
    """Zeros before and after, so that a stride of 1 keeps the size."""
    num_outputs = -(-size // stride)
    reach = (num_outputs - 1) * stride + (kernel_size - 1) * dilation + 1
    total = max(reach - size, 0)
    return total // 2, total - total // 2


def _kernel_and_bias(layer):
    kernel = keras.ops.convert_to_tensor(layer.kernel).permute(3, 2, 0, 1)
    return kernel, layer.bias.value if layer.use_bias else None


def _activate(layer, y):
    activation = layer.activation
    return y if activation is None else _ACTIVATIONS.get(activation, activation)(y)


# Without Keras's work around each operation.
_ACTIVATIONS = {
    activations.linear: lambda y: y,
    activations.relu: torch.relu,
    activations.sigmoid: torch.sigmoid,
    activations.tanh: torch.tanh,
}
# Subclasses may compute something else.
_CALLS = {
    layers.Conv2D: _convolve,
    layers.Conv2DTranspose: _convolve_transposed,
    layers.Activation: _activate,
    layers.Dense: _multiply,
    layers.Flatten: _flatten,
    layers.LeakyReLU: _leak,
    layers.Reshape: _reshape,
    layers.BatchNormalization: _normalize,
}
