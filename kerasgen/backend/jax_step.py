"""JAX's train step, which nobody waits for.

JAX computes a step while Python prepares the next one, until somebody reads what came
of it. Keras's loop reads the logs of each step for its callbacks, and the fault record
would be read after each step, too: together some 5 ms a step, which a small model
notices. So logs are left out where no callback reads them, and what is read of the
record is what the step before the last one left there.
"""

import keras
import numpy as np

from kerasgen.backend import jax_distribution as distribution

FAULT = "fault"


class TrainStep:
    """Runs `train_batch` and `test_batch` under Keras's JAX trainer."""

    # Not methods: those of one model are equal, and JAX would take what it has traced
    # of a step that is compiled anew.

    @property
    def train_step(self):
        def train(data):
            # Of its own: the state's arrays are given to the next step.
            return {**self.train_batch(data), FAULT: self.faults.code.value}

        def step(state, data):
            groups = (
                self.trainable_variables,
                self.non_trainable_variables,
                self.optimizer.variables,
                self.metrics_variables,
            )
            return self._run_stateless(train, groups, state, data)

        return step

    @property
    def test_step(self):
        def step(state, data):
            groups = (
                self.trainable_variables,
                self.non_trainable_variables,
                self.metrics_variables,
            )
            return self._run_stateless(self.test_batch, groups, state, data)

        return step

    def _run_stateless(self, step, groups, state, data):
        mapping = [
            pair
            for group, values in zip(groups, state, strict=True)
            for pair in zip(group, values, strict=True)
        ]
        with keras.StatelessScope(state_mapping=mapping) as scope:
            logs = step(distribution.whole(data))
        return logs, tuple([scope.get_current_value(v) for v in g] for g in groups)

    def read_batch_logs(self, are_read):
        """Says whether anybody reads the logs of the batches that follow."""
        vars(self)["_outcome"] = _Outcome(are_read)

    def make_train_function(self, force=False):
        if self.train_function is None or force:
            super().make_train_function(force)
            self.train_function = self._recorded(self.train_function)

    def _recorded(self, function):
        def train(state, iterator):
            logs, state = function(state, iterator)
            if "_outcome" not in vars(self):
                self.read_batch_logs(True)
            return vars(self)["_outcome"].of_step(dict(logs)), state

        return train

    def _get_metrics_result_or_logs(self, logs):
        hidden = getattr(vars(self).get("_outcome"), "logs", {})
        return super()._get_metrics_result_or_logs(logs or hidden)


class _Outcome:
    """What came of the last steps of a `fit`."""

    def __init__(self, are_read):
        self.are_read = are_read
        self.logs = {}
        self.fault = self.last_fault = None

    def of_step(self, logs):
        self.fault, self.last_fault = self.last_fault, logs.pop(FAULT)
        self.logs = logs
        return logs if self.are_read else {}


def has_fault(model):
    """Whether the fault record holds one, as far as that is known without a wait.

    What the last step left there is known one step later.

    Args:
        model: The model that is trained.
    """
    outcome = vars(model)["_outcome"]
    # Others' steps are waited for in a time that is bounded: each one at its end.
    is_alone = distribution.num_devices() == 1
    fault = outcome.fault if is_alone else outcome.last_fault
    return fault is not None and bool(np.asarray(fault) != 0)
