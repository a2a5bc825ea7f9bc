"""Keras's Adam in one pass over memory, with the numbers and the slots it has.

Keras writes five temporary copies of all weights a step; PyTorch has the whole update
as one operation. TensorFlow and XLA take numbers below the normal range of float32 for
0, PyTorch computes with them, at a multiple of the time: where gradients are 0 for
long, behind pixels that are nearly always black, moments decay into that range and stay
there. Here they become 0 before they reach it.
"""

import functools
import itertools
import math

import keras
import torch
from torch.optim.adam import adam

# Moments as small move no weight.
NEGLIGIBLE = 1e-30
MOST_STEPS_BETWEEN_LOOKS = 150


def fuse_optimizer(optimizer):
    """Lets Adam and AdamW of Keras's own classes update in one operation.

    Args:
        optimizer: Built `keras.optimizers.Optimizer`, changed in place; its config is
            not.
    """
    inner = getattr(optimizer, "inner_optimizer", optimizer)
    # Subclasses may compute something else.
    if type(inner) in _FUSED:
        inner._parallel_update_step = functools.partial(_update, inner)


def _update(optimizer, gradients, variables, learning_rate):
    index = [optimizer._get_variable_index(v) for v in variables]
    # The parameters themselves: `value` asks first what else could be meant.
    slots = [
        [all_slots[i]._value for i in index]
        for all_slots in (optimizer._momentums, optimizer._velocities)
    ]
    largest = (
        [optimizer._velocity_hats[i]._value for i in index] if optimizer.amsgrad else []
    )
    step = int(optimizer.iterations) + 1
    values = [v._value for v in variables]
    for group in filter(None, (*slots, largest)):
        for slot, value in zip(group, values, strict=True):
            if slot.stride() != value.stride():
                slot.data = _as_stored(value, slot.data)
    # Keras adds epsilon before PyTorch's correction of the second moment.
    correction = (1.0 - optimizer.beta_2**step) ** 0.5
    adam(
        values,
        [_as_stored(v, g) for v, g in zip(values, gradients, strict=True)],
        *slots,
        largest,
        # Counted up there.
        list(torch.full((len(values),), step - 1.0, device=values[0].device)),
        fused=True,
        amsgrad=optimizer.amsgrad,
        beta1=optimizer.beta_1,
        beta2=optimizer.beta_2,
        lr=float(learning_rate),
        weight_decay=0.0,
        eps=optimizer.epsilon / correction,
        maximize=False,
    )
    if step % _steps_between_looks(optimizer) == 0:
        for moment in itertools.chain(*slots):
            moment.masked_fill_(moment.abs() < NEGLIGIBLE, 0.0)


def _steps_between_looks(optimizer):
    """Steps in which no moment decays from there to the end of the normal range."""
    fastest = min(optimizer.beta_1, optimizer.beta_2)
    ratio = torch.finfo(torch.float32).tiny / NEGLIGIBLE
    steps = math.log(ratio) / math.log(fastest) if fastest else 1
    return max(1, min(int(steps), MOST_STEPS_BETWEEN_LOOKS))


def _as_stored(value, tensor):
    """The tensor with its numbers in that order in memory in which Adam reads them."""
    if tensor.stride() == value.stride():
        return tensor
    return torch.empty_like(value).copy_(tensor)


# Classes of the backend, which Keras makes for these names.
_FUSED = {type(make()) for make in (keras.optimizers.Adam, keras.optimizers.AdamW)}
