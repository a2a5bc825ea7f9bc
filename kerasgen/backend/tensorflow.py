"""TensorFlow: gradient tapes, and a train step traced by `tf.function`."""

import functools
import itertools

import tensorflow as tf
from keras.src.backend.tensorflow.trainer import reduce_per_replica

from kerasgen.backend import tensorflow_distribution as distribution
from kerasgen.backend.keras_layers import (  # noqa: F401
    accumulate,
    call_network,
    convolve,
    elementwise,
)
from kerasgen.backend.logs import ReadsEpochs, reading
from kerasgen.backend.tensorflow_layers import fuse  # noqa: F401
from kerasgen.backend.tensorflow_optimizers import fuse_optimizer  # noqa: F401


def value_and_grad(loss_fn, variables):
    """Value and gradient of `loss_fn` with respect to `variables`.

    Args:
        loss_fn: Function without arguments that returns `(loss, aux)`; `loss` is a
            scalar tensor, `aux` any structure of tensors.
        variables: List of `keras.Variable`.

    Returns:
        `((loss, aux), gradients)`; a variable that the loss does not reach has a
        gradient of zeros. Variables that `loss_fn` assigns keep their new values.
    """
    values = distribution.watchable([v.value for v in variables])
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(values)
        loss, aux = loss_fn()
    gradients = tape.gradient(
        loss,
        values,
        unconnected_gradients=tf.UnconnectedGradients.ZERO,
    )
    # The gradient of a look-up lists a row once for each use, and Keras's optimizers
    # square the entries of the list, not their sum.
    return (loss, aux), [tf.convert_to_tensor(g) for g in gradients]


def input_gradient(fn, x):
    """Gradient of `sum(fn(x))` with respect to `x`, itself differentiable.

    Args:
        fn: Function of one tensor; row `i` of its output depends on row `i` of `x`.
        x: Float tensor of shape (B, ...).

    Returns:
        Tensor shaped like `x`.
    """
    x = tf.convert_to_tensor(x)
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(x)
        y = fn(x)
    return tape.gradient(y, x)


def minimize(objective, optimizer, variables, state, gate):
    """One optimizer step, left out where a value is not finite.

    Args:
        objective: Function without arguments that returns `(loss, aux)`.
        optimizer: Built `keras.optimizers.Optimizer` of `variables`.
        variables: List of trainable `keras.Variable`.
        state: List of non-trainable variables that the objective may assign.
        gate: Function of `(aux, gradients)` that returns a scalar bool tensor: True
            lets the step through, False leaves every variable as it was.

    Returns:
        `(aux, accepted)`, the latter what `gate` returned.
    """
    before = [tf.identity(v.value) for v in state]
    (_, aux), gradients = value_and_grad(objective, variables)
    aux, gradients = distribution.average((aux, gradients))
    accepted = gate(aux, gradients)
    distribution.keep_sums_off(optimizer)

    def accept(gradients):
        optimizer.apply(gradients, variables)

    def reject(before):
        for variable, value in zip(state, before, strict=True):
            variable.assign(value)

    distribution.branch(accepted, accept, reject, gradients, before)
    return aux, accepted


class TrainStep(ReadsEpochs):
    """Runs `train_batch` and `test_batch` under Keras's TensorFlow trainer."""

    def train_step(self, data):
        return distribution.reducible(self.train_batch(data))

    def expect_log_readers(self, are_there):
        """Says whether anybody reads the logs of the batches that follow."""

    def test_step(self, data):
        return distribution.reducible(self.test_batch(data))

    def _make_function(self, step_function):
        of_one_batch = super()._make_function(step_function)
        traced = {}

        def on_devices(shares):
            if distribution.num_devices() == 1:
                return step_function(shares[0])
            strategy = self.distribute_strategy
            data = distribution.per_replica(shares)
            logs = strategy.run(step_function, args=(data,))
            return reduce_per_replica(logs, strategy, reduction="auto")

        def step_for(signature):
            if self.run_eagerly:
                return lambda shares: on_devices(_as_tensors(shares))
            if signature not in traced:
                # A partial, as in `compiled` below.
                traced[signature] = tf.function(
                    functools.partial(on_devices),
                    input_signature=[signature],
                    jit_compile=self.jit_compile,
                    autograph=False,
                )
            return traced[signature]

        def function(iterator):
            if not isinstance(iterator, _Shares):
                with distribution.one_call():
                    return of_one_batch(iterator)
            step, logs = step_for(iterator.signature), None
            for shares in itertools.islice(iterator, self.steps_per_execution):
                with distribution.one_call():
                    logs = step(shares)
            if logs is None:
                raise StopIteration
            return logs

        return reading(function)

    def _maybe_symbolic_build(self, iterator=None, data_batch=None):
        # Under a strategy Keras reads a batch here to build a model; ours are built.
        return


def total(tensors):
    """Sum of all values: finite where, overflow aside, each of them is.

    Args:
        tensors: List of float tensors.

    Returns:
        Scalar float32 tensor.
    """
    return tf.add_n([tf.reduce_sum(tf.cast(t, tf.float32)) for t in tensors])


def repeat(number, fn, carry):
    """`carry` after a number of calls of `fn`, one after the other.

    A loop of the graph would be compiled faster, and run half as fast.

    Args:
        number: Integer.
        fn: Pure function of (index, carry) that returns a carry of the same structure,
            shapes and dtypes.
        carry: Structure of int32 tensors and integers.

    Returns:
        The last carry.
    """
    for index in range(number):
        carry = fn(index, carry)
    return carry


right_shift = tf.bitwise.right_shift


def traced_once(fn):
    """`fn` as an operation of its own, traced once for each shape.

    Args:
        fn: Pure function of positional tensors, or of pairs of them.

    Returns:
        A function of the same arguments and results.
    """
    return functools.wraps(fn)(tf.function(fn, autograph=False))


def compiles_steps(model):
    """Whether the first steps of a model are compiled, which may take long."""
    return not model.run_eagerly


def compiled(fn, model):
    """`fn` as a `tf.function`.

    Args:
        fn: Function of tensors that reads the model's variables.
        model: The model whose variables it reads.

    Returns:
        A function of arrays that returns tensors.
    """
    # TensorFlow counts retracings by code object, and warns of many where several
    # closures share one; a partial has none.
    fn = functools.partial(fn)
    return tf.function(fn, reduce_retracing=True, autograph=False)


def are_known_finite(tensors):
    """False: while a step is traced nobody can tell.

    Args:
        tensors: Iterable of scalar float tensors.
    """
    return False


def is_known_true(condition):
    """False: while a step is traced nobody can tell.

    Args:
        condition: Scalar bool tensor.
    """
    return False


def has_fault(model):
    """Whether the fault record holds one.

    Args:
        model: The model that is trained.
    """
    return bool(peek(model, model.faults.code))


def peek(model, variable):
    """Value of one of the model's non-trainable variables, also during `fit`."""
    return variable.numpy()


def sync(model):
    """Brings the model's variables up to date in the middle of `fit`."""


def to_stream(steps, signature):
    """What Keras's TensorFlow trainer iterates over once an epoch.

    Args:
        steps: Function without arguments that returns an iterator of `Step`.
        signature: Tuple of `(shape, dtype)`, None where a size varies.

    Returns:
        What makes an iterator of the shares of each step.
    """
    share = tuple(tf.TensorSpec(s, d) for s, d in signature)
    return _Stream(steps, (share,) * distribution.num_own_devices())


class _Stream(tf.distribute.DistributedDataset):
    """Shares of steps, which go to the devices as they are.

    tf.data would take 0.8 ms of the host for each of them, 60 ms for each `fit`; and a
    process that ends with an error while tf.data's threads call Python would hang. As
    it is a `DistributedDataset`, Keras takes it as it is.
    """

    def __init__(self, steps, signature):
        self.steps = steps
        self.signature = signature

    def __iter__(self):
        return _Shares(self.steps, self.signature)


class _Shares:
    """Iterator of shares; nothing is read before the first is asked for."""

    def __init__(self, steps, signature):
        self.signature = signature
        self._steps = steps
        self._iterator = None

    def __iter__(self):
        return self

    def __next__(self):
        if self._iterator is None:
            self._iterator = iter(self._steps())
        return tuple(next(self._iterator).shares)


def _as_tensors(shares):
    return tf.nest.map_structure(tf.convert_to_tensor, shares)
