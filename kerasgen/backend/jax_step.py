"""JAX's train step, which nobody waits for.

JAX computes a step while Python prepares the next one, until somebody reads what came
of it. Keras's loop reads the logs of each step for its callbacks, and the fault record
would be read after each step, too: together some 5 ms a step, which a small model
notices. So logs are left out where no callback reads them, and what is read of the
record is what the step before the last one left there.

Keras takes the arrays of variables away while it trains or evaluates, and JAX deletes
them as a step begins. Here they come back where a step raises or is interrupted, and
where a callback that has the model by another name than `self.model` asks for them.
"""

import functools
import itertools

import keras
import numpy as np
from jax import numpy as jnp

from kerasgen.backend import jax_distribution as distribution
from kerasgen.backend.logs import ReadsEpochs, read
from kerasgen.interrupts import interrupts_held

FAULT = "__fault__"


def _with_variables(verb):
    """Keras's method of this name; variables have their arrays before and after."""

    @functools.wraps(getattr(keras.Model, verb))
    def method(self, *arguments, **options):
        self.jax_state_sync()
        try:
            return getattr(super(TrainStep, self), verb)(*arguments, **options)
        finally:
            self.jax_state_sync()

    return method


class TrainStep(ReadsEpochs):
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

    def expect_log_readers(self, are_there):
        """Says whether anybody reads the logs of the batches that follow."""
        vars(self)["_outcome"] = _Outcome(are_there)

    def make_train_function(self, force=False):
        if self.train_function is None or force:
            super().make_train_function(force)
            self.train_function = self._recorded(self._undivided(self.train_function))

    def make_test_function(self, force=False):
        if self.test_function is None or force:
            super().make_test_function(force)
            self.test_function = self._read(self._undivided(self.test_function))

    # Callbacks may call them in the middle of `fit`.
    evaluate = _with_variables("evaluate")
    train_on_batch = _with_variables("train_on_batch")
    test_on_batch = _with_variables("test_on_batch")
    predict_on_batch = _with_variables("predict_on_batch")
    get_weights = _with_variables("get_weights")
    set_weights = _with_variables("set_weights")
    save = _with_variables("save")
    save_weights = _with_variables("save_weights")

    def _get_jax_state(self, purge_model_variables=False, **groups):
        state = _apart(super()._get_jax_state(**groups))
        # From which variables come back if the first step raises.
        self._jax_state = _named(state)
        if purge_model_variables:
            self._jax_state_synced = False
            self._purge_model_variables(**groups)
        return state

    def _undivided(self, function):
        """A step that is done or not: once it begins, what it takes is gone."""

        def run(state, iterator):
            # What cannot be read must not end an execution of several steps.
            batches = [*itertools.islice(iterator, self.steps_per_execution)]
            with interrupts_held():
                logs, state = function(state, iter(batches))
                self._jax_state = _named(state)
            return logs, state

        return run

    def _read(self, function):
        def test(state, iterator):
            logs, state = function(state, iterator)
            return read(logs), state

        return test

    def _recorded(self, function):
        def train(state, iterator):
            logs, state = function(state, iterator)
            return _outcome_of(self).of_step(dict(logs)), state

        return train

    def _get_metrics_result_or_logs(self, logs):
        # Those of an epoch are asked for by these names.
        return super()._get_metrics_result_or_logs(logs or _outcome_of(self).logs)


def _named(state):
    """A state of training, evaluation or prediction as `jax_state_sync` takes it."""
    optimizer = ["optimizer_variables"] if len(state) == 4 else []
    names = ["trainable_variables", "non_trainable_variables", *optimizer]
    # Prediction has no metrics.
    return dict(zip([*names, "metrics_variables"], state, strict=False))


def _apart(state):
    """A state in which no array comes twice: a step takes each once.

    After training, Keras lets a variable and its moving average share one.
    """
    seen = set()

    def own(array):
        if id(array) in seen:
            return jnp.copy(array)
        seen.add(id(array))
        return array

    return tuple([own(array) for array in group] for group in state)


class _Outcome:
    """What came of the last steps."""

    def __init__(self, has_readers):
        self.has_readers = has_readers
        self.logs = {}
        self.fault_before = self.fault = None

    def of_step(self, logs):
        self.fault_before, self.fault = self.fault, logs.pop(FAULT)
        self.logs = logs
        return read(logs) if self.has_readers else {}


def _outcome_of(model):
    # A plain object, since Keras looks through all that becomes an attribute.
    return vars(model).setdefault("_outcome", _Outcome(True))


def has_fault(model):
    """Whether the fault record holds one, as far as that is known without a wait.

    What the last step left there is known one step later.

    Args:
        model: The model that is trained.
    """
    outcome = _outcome_of(model)
    # Others' steps are waited for in a time that is bounded: each one at its end.
    is_alone = distribution.num_devices() == 1
    fault = outcome.fault_before if is_alone else outcome.fault
    return fault is not None and bool(np.asarray(fault) != 0)
