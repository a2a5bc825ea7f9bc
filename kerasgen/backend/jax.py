"""JAX: functional gradients over Keras variables, and a jitted train step."""

import functools
import operator

import jax
import keras
import numpy as np
from jax import numpy as jnp

from kerasgen.backend import jax_distribution as distribution
from kerasgen.backend.jax_step import TrainStep, has_fault  # noqa: F401
from kerasgen.backend.keras_layers import (  # noqa: F401
    accumulate,
    call_network,
    convolve,
    elementwise,
)


class _NestedScope(keras.StatelessScope):
    """A stateless scope that reads through to the one around it.

    Keras's own scope hides the outer one. This one also records which variables
    were assigned, so that their new values can leave a JAX transformation.
    """

    def __init__(self, state_mapping=()):
        super().__init__(state_mapping=state_mapping)
        self.updated = {}

    def get_current_value(self, variable):
        value = super().get_current_value(variable)
        if value is None and self.original_scope is not None:
            value = self.original_scope.get_current_value(variable)
        return value

    def add_update(self, update):
        self.updated[id(update[0])] = update[0]
        super().add_update(update)


def _traced_value_and_grad(loss_fn, variables):
    updated = []

    def pure(values):
        with _NestedScope(zip(variables, values, strict=True)) as scope:
            loss, aux = loss_fn()
        updated[:] = scope.updated.values()
        return loss, (aux, [scope.get_current_value(v) for v in updated])

    (loss, (aux, values)), gradients = jax.value_and_grad(pure, has_aux=True)(
        [jnp.asarray(v.value) for v in variables]
    )
    return (loss, aux), gradients, list(zip(updated, values, strict=True))


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
    (loss, aux), gradients, updates = _traced_value_and_grad(loss_fn, variables)
    for variable, value in updates:
        variable.assign(value)
    return (loss, aux), gradients


def input_gradient(fn, x):
    """Gradient of `sum(fn(x))` with respect to `x`, itself differentiable.

    Args:
        fn: Function of one tensor; row `i` of its output depends on row `i` of `x`.
        x: Float tensor of shape (B, ...).

    Returns:
        Tensor shaped like `x`.
    """
    updated = []

    def pure(x):
        with _NestedScope() as scope:
            total = jnp.sum(fn(x))
        updated[:] = scope.updated.values()
        return total, [scope.get_current_value(v) for v in updated]

    gradient, values = jax.grad(pure, has_aux=True)(jnp.asarray(x))
    for variable, value in zip(updated, values, strict=True):
        variable.assign(value)
    return gradient


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
    (_, aux), gradients, updates = _traced_value_and_grad(objective, variables)
    # Else XLA sums the map behind a bias's gradient once more for the gate alone.
    gradients = jax.lax.optimization_barrier(gradients)
    accepted = gate(aux, gradients)

    def accept(values, slots, gradients):
        # stateless_apply, because a loss-scaling optimizer branches itself.
        return tuple(map(list, optimizer.stateless_apply(slots, gradients, values)))

    def reject(values, slots, gradients):
        return values, slots

    # A choice for each number, by `where`, would cost 4 ms in a step of 60.
    groups = variables, optimizer.variables
    values, slots = ([v.value for v in group] for group in groups)
    if isinstance(accepted, jax.core.Tracer):
        results = jax.lax.cond(accepted, accept, reject, values, slots, gradients)
    else:
        results = (accept if accepted else reject)(values, slots, gradients)
    for group, new in zip(groups, results, strict=True):
        for variable, value in zip(group, new, strict=True):
            variable.assign(value)
    for variable, value in updates:
        variable.assign(jnp.where(accepted, value, variable.value))
    return aux, accepted


def fuse(network):
    """Nothing: the compiler does.

    Args:
        network: Keras model or layer.
    """


def fuse_optimizer(optimizer):
    """Nothing: the compiler does.

    Args:
        optimizer: Built `keras.optimizers.Optimizer`.
    """


def total(tensors):
    """Sum of all values: finite where, overflow aside, each of them is.

    Args:
        tensors: List of float tensors.

    Returns:
        Scalar float32 tensor.
    """
    return sum(keras.ops.sum(keras.ops.cast(t, "float32")) for t in tensors)


def repeat(number, fn, carry):
    """`carry` after a number of calls of `fn`, in a loop of the program.

    XLA compiles a chain of integer operations in a row slowly, and to slower code.

    Args:
        number: Integer.
        fn: Pure function of (index, carry) that returns a carry of the same structure,
            shapes and dtypes.
        carry: Structure of int32 tensors and integers.

    Returns:
        The last carry.
    """
    return jax.lax.fori_loop(0, number, fn, carry)


right_shift = operator.rshift


def traced_once(fn):
    """`fn` as an operation of its own, traced once for each shape.

    Args:
        fn: Pure function of positional tensors, or of pairs of them.

    Returns:
        A function of the same arguments and results.
    """
    return functools.wraps(fn)(jax.jit(fn))


def compiles_steps(model):
    """Whether the first steps of a model are compiled, which may take long."""
    return not model.run_eagerly


def compiled(fn, model):
    """`fn` under `jax.jit`, with the model's variables as arguments.

    Args:
        fn: Function of tensors that reads the model's variables.
        model: The model whose variables it reads.

    Returns:
        A function of arrays that returns arrays.
    """

    @jax.jit
    def pure(values, *args):
        mapping = zip(model.variables, values, strict=True)
        with keras.StatelessScope(state_mapping=list(mapping)):
            return fn(*args)

    return lambda *args: pure([v.value for v in model.variables], *args)


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


def peek(model, variable):
    """Value of one of the model's non-trainable variables, also during `fit`."""
    state = getattr(model, "_jax_state", None)
    if state and not model._jax_state_synced:
        values = state["non_trainable_variables"]
        for candidate, value in zip(model.non_trainable_variables, values, strict=True):
            if candidate is variable:
                return np.asarray(value)
    return np.asarray(variable.value)


def sync(model):
    """Brings the model's variables up to date in the middle of `fit`."""
    model.jax_state_sync()


def to_stream(steps, signature):
    """The iterable that Keras's JAX trainer iterates over once an epoch.

    Args:
        steps: Function without arguments that returns an iterator of `Step`.
        signature: Tuple of `(shape, dtype)`; not needed here.

    Returns:
        Iterator of tuples of NumPy arrays.
    """
    for step in steps():
        (arrays,) = step.shares
        if distribution.num_devices() > 1:
            arrays = distribution.marked(arrays, step.num_rows)
        yield arrays
