"""Keras's BatchNormalization as one operation, with the numbers and config it has."""

import functools

import keras
import tensorflow as tf


def fuse(network):
    """Lets layers of Keras's own classes run as few operations of TensorFlow.

    Args:
        network: Keras model or layer, changed in place; its config is not.
    """
    for layer in network._flatten_layers():
        # Subclasses may compute something else.
        if type(layer) is keras.layers.BatchNormalization:
            layer.call = functools.partial(_normalize, layer)


def _normalize(layer, inputs, training=None, mask=None):
    is_map = len(inputs.shape) == 4 and layer.axis in (-1, 3)
    # Moments of another origin are those of all replicas.
    is_own = not ("_moments" in vars(layer) or layer.synchronized or layer.renorm)
    dtype = keras.backend.result_type(inputs.dtype, "float32")
    if not (training and layer.trainable and mask is None and is_map and is_own) or (
        dtype != "float32"
    ):
        return type(layer).call(layer, inputs, training=training, mask=mask)
    x = tf.cast(inputs, dtype)
    channels = x.shape[-1]
    y, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
        x=x,
        scale=tf.cast(layer.gamma.value, dtype) if layer.scale else tf.ones(channels),
        offset=tf.cast(layer.beta.value, dtype) if layer.center else tf.zeros(channels),
        mean=[],
        variance=[],
        epsilon=layer.epsilon,
    )
    # The operation divides by n - 1.
    count = tf.cast(tf.size(x) // channels, dtype)
    variance = variance * ((count - 1.0) / count)
    for moving, new in ((layer.moving_mean, mean), (layer.moving_variance, variance)):
        old = tf.cast(moving.value, dtype)
        new = old * layer.momentum + tf.stop_gradient(new) * (1.0 - layer.momentum)
        moving.assign(new)
    return tf.cast(y, layer.compute_dtype)
