"""What the replicas of one training step say to each other, in `keras.ops`.

A replica computes a step on its part of the global batch. Means of losses and gradients
the engine takes by itself; here is what layers and losses need that look at more than
one sample at a time. With one device, on JAX, whose steps see the global batch, and
outside of a step everything here returns what it was given.
"""

import contextlib
import contextvars
import functools

import keras
from keras import ops

from kerasgen import backend

# A context variable, because tf.distribute traces each replica in a thread of its own.
_copies = contextvars.ContextVar("kerasgen_copies", default=1)


@contextlib.contextmanager
def step_scope(rows):
    """Within it layers and losses know how the step is shared.

    Args:
        rows: int32 (B,), the numbers in the global batch of this replica's samples.
    """
    copies = 1
    if backend.distribution.replica_count() > 1:
        # The same first row everywhere: a rest that each replica computes whole.
        first = ops.cast(rows[:1], "int32")
        copies = ops.sum(ops.cast(ops.equal(_concatenate(first), first), "int32"))
    token = _copies.set(copies)
    try:
        yield
    finally:
        _copies.reset(token)


def mean(x):
    """The mean over the replicas, differentiable.

    Args:
        x: Float tensor, such as a mean over samples.

    Returns:
        Tensor shaped like `x`, equal on all replicas.

    Example:
        >>> float(mean(ops.convert_to_tensor(3.0)))
        3.0
    """
    count = backend.distribution.replica_count()
    return x if count == 1 else backend.distribution.replica_sum(x) / count


def gather(x):
    """The samples of all replicas in the order of the global batch, differentiable.

    Args:
        x: Tensor (B, ...), of one shape on all replicas.

    Returns:
        Tensor (global B, ...), equal on all replicas, and the number of the first of
        this replica's own samples in it.

    Example:
        >>> everyone, first = gather(ops.zeros((4, 2)))
        >>> tuple(everyone.shape), first
        ((4, 2), 0)
    """
    if backend.distribution.replica_count() == 1:
        return x, 0
    own, copies = ops.shape(x)[0], _copies.get()
    is_shared = ops.equal(copies, 1)
    repeated = ops.tile(
        x, (backend.distribution.replica_count(), *(1,) * (len(x.shape) - 1))
    )
    # Of a rest that each replica has whole, its own copy: gradients stay its own, too.
    everyone = ops.where(is_shared, _concatenate(x), repeated)
    first = backend.distribution.replica_index() * own * ops.cast(is_shared, "int32")
    return everyone[: own * backend.distribution.replica_count() // copies], first


def own_rows(everyone, first, size):
    """This replica's samples of what was computed for those of all.

    Args:
        everyone: Tensor (global B, ...).
        first: From `gather`.
        size: B, integer or int32 scalar.

    Returns:
        Tensor (B, ...).
    """
    if backend.distribution.replica_count() == 1:
        return everyone
    return everyone[first : first + size]


def samples_of(rows):
    """How much a replica's samples weigh in a tracker of means.

    Args:
        rows: int32 (B,).

    Returns:
        float32 scalar: samples of the global batch, shared by the replicas where each
        has a tracker of its own that is read as a sum.
    """
    own = ops.cast(ops.shape(rows)[0], "float32")
    count = backend.distribution.replica_count()
    if count == 1:
        return own
    everyone = own * count / ops.cast(_copies.get(), "float32")
    return everyone / backend.distribution.rows_per_count()


def synchronize(network):
    """Lets Keras's BatchNormalization take the moments of the global batch.

    `keras.layers.BatchNormalization(synchronized=True)` is refused on PyTorch, and
    takes the variance on TensorFlow as a difference of large numbers.

    Args:
        network: Keras model or layer, changed in place; its config is not.
    """
    if backend.distribution.num_devices() == 1:
        return
    for layer in network._flatten_layers():
        if isinstance(layer, keras.layers.BatchNormalization):
            layer._moments = functools.partial(_global_moments, layer)


def _global_moments(layer, inputs, mask):
    if backend.distribution.replica_count() == 1:
        return type(layer)._moments(layer, inputs, mask)
    axes = layer._reduction_axes
    weights = ops.ones_like(inputs[..., :1])
    if mask is not None:
        weights = weights * ops.cast(ops.expand_dims(mask, -1), inputs.dtype)
    # Samples weigh alike on all replicas, also where one has more of them masked.
    share = mean(ops.mean(weights)) + keras.config.epsilon() * (mask is not None)
    center = mean(ops.mean(inputs * weights, axis=axes, keepdims=True)) / share
    distance = ops.square(inputs - center) * weights
    variance = mean(ops.mean(distance, axis=axes)) / share
    return ops.reshape(center, (-1,)), variance


def _concatenate(x):
    """(count * B, ...): every replica's samples, one replica after the other."""
    count = backend.distribution.replica_count()
    index = backend.distribution.replica_index()
    is_own = ops.equal(ops.arange(count, dtype="int32"), index)
    is_own = ops.reshape(is_own, (count, *(1,) * len(x.shape)))
    # Others' places are 0, so that the sum over the replicas is each one's own.
    spread = ops.where(is_own, x[None], ops.zeros_like(x[None]))
    total = backend.distribution.replica_sum(spread)
    return ops.reshape(total, (count * ops.shape(x)[0], *ops.shape(x)[1:]))
