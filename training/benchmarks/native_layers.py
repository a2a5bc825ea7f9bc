"""Layers of each framework as hand-written training uses them, under equal names.

Kernels and images have the framework's own layout: channels first in PyTorch, last in
TensorFlow and JAX. `arrays_of` brings the weights of a Keras network there.
"""

import contextlib
import math
import types

import keras
import numpy as np

MOMENTUM, EPSILON = 0.9, 1e-5
NHWC = ("NHWC", "HWIO", "NHWC")


def arrays_of(network, channels_first):
    """Trained arrays and BatchNorm statistics of a Keras network, by layer and name.

    Args:
        network: Built Keras model, a chain of layers.
        channels_first: Whether images and kernels have their channels first.

    Returns:
        Pair of dicts of "layer/variable" to float32 array.
    """
    trained, statistics = {}, {}
    layers = [None, *network.layers, None]
    for before, layer, after in zip(layers, layers[1:], layers[2:], strict=False):
        for variable in layer.variables:
            array = np.array(keras.ops.convert_to_numpy(variable))
            if channels_first:
                array = _channels_first(array, before, after)
            group = trained if variable.trainable else statistics
            group[f"{layer.name}/{variable.name}"] = np.ascontiguousarray(array)
    return trained, statistics


def _channels_first(array, before, after):
    """Kernels (O, I, H, W); rows and columns of dense ones as flat (C, H, W)."""
    if array.ndim == 4:
        return array.transpose(3, 2, 0, 1)
    if isinstance(before, keras.layers.Flatten) and array.ndim == 2:
        array = array.reshape(*before.input.shape[1:], -1)
        return array.transpose(2, 0, 1, 3).reshape(-1, array.shape[-1])
    if isinstance(after, keras.layers.Reshape):
        array = array.reshape(*array.shape[:-1], *after.target_shape)
        array = np.moveaxis(array, -1, -3)
        return array.reshape(*array.shape[:-3], -1)
    return array


def torch_layers():
    """Namespace of PyTorch's layers; BatchNorm is the fused one."""
    import torch
    import torch.nn.functional as F

    def batch_norm(x, p, statistics, name):
        gamma, beta, mean, variance = _batch_norm_arrays(p, statistics, name)
        arguments = (mean, variance, gamma, beta, True, 1 - MOMENTUM, EPSILON)
        return F.batch_norm(x, *arguments)

    def input_gradient(fn, x):
        x = x.detach().requires_grad_()
        return torch.autograd.grad(fn(x).sum(), x, create_graph=True)[0]

    return types.SimpleNamespace(
        images=lambda x: x.float() / 127.5 - 1.0,
        map_shape=lambda height, width, channels: (channels, height, width),
        conv=lambda x, kernel, bias=None: F.conv2d(x, kernel, bias, 2, 1),
        conv_transpose=lambda x, kernel, bias=None: F.conv_transpose2d(
            x, kernel, bias, 2, 1
        ),
        batch_norm=batch_norm,
        relu=F.relu,
        leaky_relu=lambda x: F.leaky_relu(x, 0.2),
        tanh=torch.tanh,
        exp=torch.exp,
        softplus=F.softplus,
        sqrt=torch.sqrt,
        mean=torch.mean,
        sum_all_but_first=lambda x: x.flatten(1).sum(1),
        reshape=torch.reshape,
        flat=lambda x: x.flatten(1),
        split=lambda x: x.chunk(2, 1),
        binary_cross_entropy=lambda logits, target: F.binary_cross_entropy_with_logits(
            logits, target, reduction="none"
        ),
        input_gradient=input_gradient,
        frozen=torch.no_grad,
    )


def jax_layers():
    """Namespace of JAX's layers; BatchNorm as Flax computes it."""
    import jax
    import jax.numpy as jnp

    def conv(x, kernel, bias=None):
        y = jax.lax.conv_general_dilated(
            x, kernel, (2, 2), "SAME", dimension_numbers=NHWC
        )
        return y if bias is None else y + bias

    def conv_transpose(x, kernel, bias=None):
        y = jax.lax.conv_transpose(
            x, kernel, (2, 2), "SAME", dimension_numbers=NHWC, transpose_kernel=True
        )
        return y if bias is None else y + bias

    def batch_norm(x, p, statistics, name):
        axes = (0, 1, 2)
        mean = jnp.mean(x, axes)
        variance = jnp.mean(jnp.square(x), axes) - jnp.square(mean)
        gamma, beta, *_ = _batch_norm_arrays(p, statistics, name)
        _move(statistics, name, mean, variance)
        return (x - mean) * (jax.lax.rsqrt(variance + EPSILON) * gamma) + beta

    return types.SimpleNamespace(
        images=lambda x: x.astype(jnp.float32) / 127.5 - 1.0,
        map_shape=lambda *shape: shape,
        conv=conv,
        conv_transpose=conv_transpose,
        batch_norm=batch_norm,
        relu=jax.nn.relu,
        leaky_relu=lambda x: jax.nn.leaky_relu(x, 0.2),
        tanh=jnp.tanh,
        exp=jnp.exp,
        softplus=jax.nn.softplus,
        sqrt=jnp.sqrt,
        mean=jnp.mean,
        sum_all_but_first=lambda x: jnp.sum(x.reshape(len(x), -1), 1),
        reshape=jnp.reshape,
        flat=lambda x: x.reshape(len(x), -1),
        split=lambda x: jnp.split(x, 2, 1),
        binary_cross_entropy=lambda logits, target: (
            jax.nn.softplus(logits) - target * logits
        ),
        input_gradient=lambda fn, x: jax.grad(lambda x: fn(x).sum())(x),
        frozen=contextlib.nullcontext,
    )


def tensorflow_layers():
    """Namespace of TensorFlow's layers; BatchNorm is the fused one."""
    import tensorflow as tf

    def conv(x, kernel, bias=None):
        y = tf.nn.conv2d(x, kernel, 2, "SAME")
        return y if bias is None else tf.nn.bias_add(y, bias)

    def conv_transpose(x, kernel, bias=None):
        height, width = 2 * x.shape[1], 2 * x.shape[2]
        shape = (tf.shape(x)[0], height, width, kernel.shape[2])
        y = tf.nn.conv2d_transpose(x, kernel, shape, 2, "SAME")
        return y if bias is None else tf.nn.bias_add(y, bias)

    def batch_norm(x, p, statistics, name):
        gamma, beta, *_ = _batch_norm_arrays(p, statistics, name)
        y, mean, variance = tf.compat.v1.nn.fused_batch_norm(
            x, gamma, beta, epsilon=EPSILON
        )
        _move(statistics, name, mean, variance)
        return y

    def input_gradient(fn, x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = fn(x)
        return tape.gradient(y, x)

    return types.SimpleNamespace(
        images=lambda x: tf.cast(x, tf.float32) / 127.5 - 1.0,
        map_shape=lambda *shape: shape,
        conv=conv,
        conv_transpose=conv_transpose,
        batch_norm=batch_norm,
        relu=tf.nn.relu,
        leaky_relu=lambda x: tf.nn.leaky_relu(x, 0.2),
        tanh=tf.tanh,
        exp=tf.exp,
        softplus=tf.nn.softplus,
        sqrt=tf.sqrt,
        mean=tf.reduce_mean,
        sum_all_but_first=lambda x: tf.reduce_sum(x, range(1, len(x.shape))),
        reshape=tf.reshape,
        flat=lambda x: tf.reshape(x, (-1, math.prod(x.shape[1:]))),
        split=lambda x: tf.split(x, 2, 1),
        binary_cross_entropy=lambda logits, target: (
            tf.nn.sigmoid_cross_entropy_with_logits(target, logits)
        ),
        input_gradient=input_gradient,
        frozen=contextlib.nullcontext,
    )


def _batch_norm_arrays(p, statistics, name):
    own = [p[f"{name}/{part}"] for part in ("gamma", "beta")]
    parts = ("moving_mean", "moving_variance")
    return (*own, *(statistics[f"{name}/{part}"] for part in parts))


def _move(statistics, name, mean, variance):
    for part, new in (("moving_mean", mean), ("moving_variance", variance)):
        old = statistics[f"{name}/{part}"]
        statistics[f"{name}/{part}"] = MOMENTUM * old + (1 - MOMENTUM) * new
