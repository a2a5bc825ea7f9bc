"""Keras's Adam in one pass over memory, with the numbers and the slots it has.

Keras's update is some ten operations on each weight, all of which read and write as
much memory as there are weights; TensorFlow has it as one.
"""

import functools

import keras
import tensorflow as tf

from kerasgen.backend import tensorflow_distribution as distribution


def fuse_optimizer(optimizer):
    """Lets Adam and AdamW of Keras's own classes update in one operation.

    Args:
        optimizer: Built `keras.optimizers.Optimizer`, changed in place; its config is
            not.
    """
    inner = getattr(optimizer, "inner_optimizer", optimizer)
    # Subclasses may compute something else. Under a strategy a variable is several.
    if (
        type(inner) in (keras.optimizers.Adam, keras.optimizers.AdamW)
        and not inner.amsgrad
        and distribution.num_devices() == 1
    ):
        inner.update_step = functools.partial(_update, inner)


def _update(optimizer, gradient, variable, learning_rate):
    index = optimizer._get_variable_index(variable)
    dtype = variable.dtype
    beta_1, beta_2 = (
        tf.constant(beta, dtype) for beta in (optimizer.beta_1, optimizer.beta_2)
    )
    step = tf.cast(optimizer.iterations.value + 1, dtype)
    tf.raw_ops.ResourceApplyAdam(
        var=variable.handle,
        m=optimizer._momentums[index].value.handle,
        v=optimizer._velocities[index].value.handle,
        beta1_power=tf.pow(beta_1, step),
        beta2_power=tf.pow(beta_2, step),
        lr=tf.cast(learning_rate, dtype),
        beta1=beta_1,
        beta2=beta_2,
        epsilon=tf.constant(optimizer.epsilon, dtype),
        grad=tf.cast(gradient, dtype),
    )
