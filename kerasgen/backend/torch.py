"""PyTorch: eager autograd; nothing outside a loss function records a graph."""

import functools
import math
import operator

import keras
import numpy as np
import torch

from kerasgen.backend import torch_distribution as distribution
from kerasgen.backend.logs import ReadsEpochs, reading
from kerasgen.backend.torch_graph import call_network  # noqa: F401
from kerasgen.backend.torch_host import are_on_host
from kerasgen.backend.torch_layers import convolve, fuse  # noqa: F401
from kerasgen.backend.torch_optimizers import fuse_optimizer  # noqa: F401


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
    with torch.enable_grad():
        loss, aux = loss_fn()
        gradients = torch.autograd.grad(
            loss, [v.value for v in variables], materialize_grads=True
        )
    return (loss.detach(), _detach(aux)), list(gradients)


def _detach(structure):
    # Dicts of terms, the usual case, without `keras.tree`'s 30 microseconds.
    if isinstance(structure, dict):
        return {name: _detach(value) for name, value in structure.items()}
    if torch.is_tensor(structure):
        return structure.detach()
    detach = lambda t: t.detach() if torch.is_tensor(t) else t  # noqa: E731
    return keras.tree.map_structure(detach, structure)


def input_gradient(fn, x):
    """Gradient of `sum(fn(x))` with respect to `x`, itself differentiable.

    Args:
        fn: Function of one tensor; row `i` of its output depends on row `i` of `x`.
        x: Float tensor of shape (B, ...).

    Returns:
        Tensor shaped like `x`.
    """
    with torch.enable_grad():
        x = keras.ops.convert_to_tensor(x)
        if not x.requires_grad:
            x = x.detach().requires_grad_()
        return torch.autograd.grad(fn(x).sum(), x, create_graph=True)[0]


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
    before = [v.value.detach().clone() for v in state]
    (_, aux), gradients = value_and_grad(objective, variables)
    aux, gradients = distribution.average((aux, gradients))
    accepted = gate(aux, gradients)
    if bool(accepted):
        optimizer.apply(gradients, variables)
    else:
        for variable, value in zip(state, before, strict=True):
            variable.assign(value)
    return aux, accepted


class TrainStep(ReadsEpochs):
    """Runs `train_batch` and `test_batch` under Keras's PyTorch trainer."""

    def train_step(self, data):
        with torch.no_grad(), distribution.step_scope():
            return self.train_batch(data)

    def expect_log_readers(self, are_there):
        """Says whether anybody reads the logs of the batches that follow."""

    def test_step(self, data):
        with torch.no_grad(), distribution.step_scope():
            return self.test_batch(data)

    def make_train_function(self, force=False):
        if self.train_function is None or force:
            super().make_train_function(force)
            self.train_function = reading(self.train_function)

    def make_test_function(self, force=False):
        if self.test_function is None or force:
            super().make_test_function(force)
            self.test_function = reading(self.test_function)


def total(tensors):
    """Sum of all values: finite where, overflow aside, each of them is.

    Args:
        tensors: List of float tensors.

    Returns:
        Scalar float32 tensor.
    """
    return sum(t.sum(dtype=torch.float32) for t in tensors)


def repeat(number, fn, carry):
    """`carry` after a number of calls of `fn`.

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


right_shift = operator.rshift


def traced_once(fn):
    """`fn`, since nothing is traced here.

    Args:
        fn: Pure function of positional tensors, or of pairs of them.

    Returns:
        A function of the same arguments and results.
    """
    return fn


def elementwise(fn):
    """`fn` on NumPy's arrays where its tensors are the host's.

    Small operations of NumPy take a fifth of the time of those of PyTorch.

    Args:
        fn: Pure function of a namespace, `keras.ops` or NumPy, of tensors of it and of
            other values.

    Returns:
        A function of the arguments after the namespace that returns a tensor.
    """

    @functools.wraps(fn)
    def on_host(*arguments):
        if not are_on_host(arguments):
            return fn(keras.ops, *arguments)
        arrays = (
            a.numpy(force=True) if isinstance(a, torch.Tensor) else a for a in arguments
        )
        with np.errstate(over="ignore"):  # of scalars; arrays wrap without a word
            return torch.from_numpy(fn(np, *arrays))

    return on_host


def compiles_steps(model):
    """Whether the first steps of a model are compiled, which may take long."""
    return bool(model.jit_compile)


def compiled(fn, model):
    """`fn` without a gradient graph; eager, since PyTorch compiles slowly.

    Args:
        fn: Function of tensors that reads the model's variables.
        model: The model whose variables it reads.

    Returns:
        A function of arrays that returns tensors.
    """
    return torch.no_grad()(
        lambda *args: fn(
            *[None if a is None else keras.ops.convert_to_tensor(a) for a in args]
        )
    )


def is_known_true(condition):
    """Whether it holds, where the host can tell while a step runs.

    Args:
        condition: Scalar bool tensor.
    """
    return bool(condition)


def are_known_finite(tensors):
    """Whether all are finite, where the host can tell while a step runs.

    Args:
        tensors: Iterable of scalar float tensors.
    """
    return all(math.isfinite(tensor) for tensor in tensors)


def accumulate(variable, value):
    """Adds to a variable.

    Args:
        variable: Scalar `keras.Variable`.
        value: Scalar tensor of its dtype, or a number.
    """
    with torch.no_grad():
        variable.value.add_(value)


def has_fault(model):
    """Whether the fault record holds one.

    Args:
        model: The model that is trained.
    """
    return bool(model.faults.code.value)


def peek(model, variable):
    """Value of one of the model's non-trainable variables, also during `fit`."""
    return keras.ops.convert_to_numpy(variable.value)


def sync(model):
    """Brings the model's variables up to date in the middle of `fit`."""


class _Stream:
    """Batches without the work of a `DataLoader`, which Keras does not need."""

    def __init__(self, steps):
        self.steps = steps

    def __iter__(self):
        for step in self.steps():
            (arrays,) = step.shares
            yield tuple(_as_tensor(array) for array in arrays)


def _as_tensor(array):
    """Without a copy where there can be one memory: a step's arrays are its own."""
    on_host = keras.src.backend.torch.core.get_device() == "cpu"
    if on_host and isinstance(array, np.ndarray) and array.flags.writeable:
        return torch.from_numpy(array)
    return keras.ops.convert_to_tensor(array)


def to_stream(steps, signature):
    """What Keras's PyTorch trainer iterates over once an epoch.

    Args:
        steps: Function without arguments that returns an iterator of `Step`.
        signature: Tuple of `(shape, dtype)`; not needed here.

    Returns:
        An iterable of batches.
    """
    return _Stream(steps)
