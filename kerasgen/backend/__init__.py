"""The only place that names TensorFlow, JAX or PyTorch for training maths.

Each module defines the same few names; the one that matches Keras's backend is
imported here:

- `minimize`: one optimizer step of a loss, masked when a value is not finite
- `value_and_grad`, `input_gradient`: first derivatives, themselves differentiable
- `TrainStep`: adapts `GenerativeModel` to the backend's `keras.Model.fit`
- `accumulate`: adds to a variable
- `are_known_finite`: whether values are, where that needs no wait for a step
- `call_network`: a network's output, in the fewest operations
- `convolve`: a convolution in the backend's own layout
- `distribution`: the devices, and what replicas of a step say to each other
- `compiled`: a compiled inference function over a model's variables
- `compiles_steps`: whether the first steps of a model are compiled
- `elementwise`: a function of small tensors, in the fewest operations
- `fuse`, `fuse_optimizer`: let layers and optimizers of Keras run as few operations
- `has_fault`: whether training met NaN, as far as that needs no wait for a step
- `is_known_true`: whether a condition holds, where that needs no wait for a step
- `peek`: a variable's value in the middle of `fit`
- `repeat`: a function of integers time and again
- `right_shift`: of int32, with the sign
- `sync`: brings the variables up to date in the middle of `fit`
- `to_stream`: the iterable that the backend's `fit` reads batches from
- `total`: sum of all values of tensors
- `traced_once`: a pure function that graphs hold as one operation
"""

import keras

if keras.backend.backend() == "tensorflow":
    from kerasgen.backend import tensorflow as _backend
elif keras.backend.backend() == "jax":
    from kerasgen.backend import jax as _backend
elif keras.backend.backend() == "torch":
    from kerasgen.backend import torch as _backend
else:
    raise ImportError(
        "kerasgen runs on the tensorflow, jax and torch backends of Keras. "
        f"Received: KERAS_BACKEND={keras.backend.backend()!r}"
    )

TrainStep = _backend.TrainStep
accumulate = _backend.accumulate
are_known_finite = _backend.are_known_finite
call_network = _backend.call_network
compiled = _backend.compiled
compiles_steps = _backend.compiles_steps
convolve = _backend.convolve
distribution = _backend.distribution
elementwise = _backend.elementwise
fuse = _backend.fuse
fuse_optimizer = _backend.fuse_optimizer
has_fault = _backend.has_fault
input_gradient = _backend.input_gradient
is_known_true = _backend.is_known_true
minimize = _backend.minimize
peek = _backend.peek
repeat = _backend.repeat
right_shift = _backend.right_shift
sync = _backend.sync
to_stream = _backend.to_stream
total = _backend.total
traced_once = _backend.traced_once
value_and_grad = _backend.value_and_grad

__all__ = [
    "TrainStep",
    "accumulate",
    "are_known_finite",
    "call_network",
    "compiled",
    "compiles_steps",
    "convolve",
    "distribution",
    "elementwise",
    "fuse",
    "fuse_optimizer",
    "has_fault",
    "input_gradient",
    "is_known_true",
    "minimize",
    "peek",
    "repeat",
    "right_shift",
    "sync",
    "to_stream",
    "total",
    "traced_once",
    "value_and_grad",
]
