"""Remembers the first value of training that was not finite, and counts skips."""

import keras
import numpy as np
from keras import ops

from kerasgen import backend

DATA = "the data"


class FaultRecord(keras.layers.Layer):
    """Which value first was NaN or infinite, and at which training step.

    All are variables, so that a compiled step can set them without a look at the
    host. The rest of the step's updates are left out; so is every later step, but for
    as many as may be skipped.

    Args:
        names: Names of the values that may be recorded.
    """

    def __init__(self, names, name="faults"):
        super().__init__(name=name, trainable=False)
        self.names = tuple(names)
        self.code = self._counter("code")
        self.step = self._counter("step")
        self.skipped = self._counter("skipped")
        self.max_skipped = self._counter("max_skipped")
        self.built = True

    def record(self, values, step):
        """Records the first of `values` that is not finite.

        Args:
            values: Dict of name to scalar tensor.
            step: int32 scalar, the training step.

        Returns:
            bool scalar tensor: all values so far were finite.
        """
        if backend.are_known_finite(values.values()):
            is_fine = self.is_clear()
            if backend.is_known_true(is_fine):
                return is_fine
        # In the order of `names`: JAX hands dicts back with sorted keys.
        named = [i for i, name in enumerate(self.names, start=1) if name in values]
        is_finite = ops.isfinite(ops.stack([values[self.names[i - 1]] for i in named]))
        is_fine = ops.logical_and(self.is_clear(), ops.all(is_finite))
        end = len(self.names) + 1
        first = ops.min(ops.where(is_finite, end, np.array(named, "int32")))
        is_new = ops.logical_and(self.is_clear(), ops.not_equal(first, end))
        self.step.assign(ops.where(is_new, step, self.step.value))
        self.code.assign(ops.where(is_new, first, self.code.value))
        return is_fine

    def end_step(self):
        """Lets the next step train, where this one may be skipped."""
        if backend.is_known_true(self.is_clear()):
            return
        is_skipped = ops.logical_and(
            ops.logical_not(self.is_clear()),
            ops.less(self.skipped.value, self.max_skipped.value),
        )
        self.skipped.assign(self.skipped.value + ops.cast(is_skipped, "int32"))
        self.code.assign(ops.where(is_skipped, 0, self.code.value))

    def allow(self, max_skipped):
        """Sets how many steps of a run may be skipped; outside of compiled steps."""
        self.max_skipped.assign(max_skipped)

    def clear(self):
        """Forgets what was recorded; outside of compiled steps."""
        self.code.assign(0)
        self.skipped.assign(0)

    def is_clear(self):
        """Bool scalar tensor: all values so far were finite."""
        return self.code.value == 0

    def raise_if_any(self, model):
        """Raises FloatingPointError, naming value and step, if one was not finite.

        Args:
            model: The model that holds this record, possibly in the middle of `fit`.
        """
        code = int(backend.peek(model, self.code))
        if code:
            step = int(backend.peek(model, self.step))
            skipped = int(backend.peek(model, self.skipped))
            # After a fault steps run idle until somebody looks.
            model.forget_steps_after(step + 1)
            before = f", after {skipped} skipped step(s)" if skipped else ""
            raise FloatingPointError(
                "Expected finite losses and gradients. Received: NaN or infinity in "
                f"{self.names[code - 1]} at training step {step + 1}{before}; the "
                "weights keep the values from before that update"
            )

    def _counter(self, name):
        return self.add_weight(
            shape=(), initializer="zeros", dtype="int32", trainable=False, name=name
        )


def gradient_name(player):
    """Name under which a player's gradient is recorded."""
    return f"the gradient of the {player}"
