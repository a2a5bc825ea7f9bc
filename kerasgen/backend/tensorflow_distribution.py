"""TensorFlow: `MirroredStrategy`, and `MultiWorkerMirroredStrategy` by TF_CONFIG.

Within `strategy.run` a replica sees its part of the batch. Keras creates variables
without an aggregation: each replica assigns its own copy, and equal values keep the
copies equal.
"""

import contextlib
import json
import os

import numpy as np
import tensorflow as tf
from tensorflow.python.eager import context as eager_context

from kerasgen.interrupts import interrupts_held

ANSWER_MS = 5000


class _Started:
    # Not `tf.distribute.get_strategy()`, which threads that read data do not see.
    strategy = None


def start(num_devices, timeout):
    """Sets the strategy, under which models are built from now on.

    Args:
        num_devices: Devices of this host, or None for all.
        timeout: Not needed: the coordination service asks every few seconds whether
            the other workers are there.

    Raises:
        ValueError: There are fewer.
    """
    if _Started.strategy is not None:
        _check(num_devices, *[_Started.strategy.num_replicas_in_sync] * 2)
        return
    cluster = json.loads(os.environ.get("TF_CONFIG", "{}")).get("cluster", {})
    if sum(map(len, cluster.values())) > 1:
        strategy = tf.distribute.MultiWorkerMirroredStrategy()
        own = strategy.num_replicas_in_sync // num_workers(strategy)
        _check(num_devices, own, own)
        _set(strategy)
        return
    kind = "GPU" if tf.config.list_physical_devices("GPU") else "CPU"
    if kind == "CPU" and num_devices is not None:
        _divide_cpu(num_devices)
    devices = [device.name for device in tf.config.list_logical_devices(kind)]
    _check(num_devices, 1, len(devices))
    devices = devices[:num_devices]
    if len(devices) > 1:
        _set(tf.distribute.MirroredStrategy(devices))


def _set(strategy):
    tf.distribute.experimental_set_strategy(strategy)
    _Started.strategy = strategy


def _check(num_devices, fewest, most):
    if num_devices is not None and not fewest <= num_devices <= most:
        expected = f"{most}" if fewest == most else f"at most {most}"
        raise ValueError(
            f"Expected num_devices of {expected}, as there are. On CPU, call "
            "`data_parallel` before anything is computed, and use one device a host. "
            f"Received: num_devices={num_devices}"
        )


def _divide_cpu(num_devices):
    (cpu,) = tf.config.list_physical_devices("CPU")
    parts = [tf.config.LogicalDeviceConfiguration()] * num_devices
    try:
        tf.config.set_logical_device_configuration(cpu, parts)
    except RuntimeError:
        # TensorFlow has started; what it has is counted by the caller.
        return


def num_workers(strategy):
    """Processes of a strategy."""
    resolver = strategy.cluster_resolver
    if resolver is None or not resolver.cluster_spec().as_dict():
        return 1
    return sum(map(len, resolver.cluster_spec().as_dict().values()))


def num_devices():
    """Devices that share a batch, of all processes."""
    strategy = _Started.strategy
    return 1 if strategy is None else strategy.num_replicas_in_sync


def num_processes():
    """Processes that train one model."""
    return 1 if _Started.strategy is None else num_workers(_Started.strategy)


def num_own_devices():
    """Devices of this process."""
    return num_devices() // num_processes()


def process_index():
    """Number of this process."""
    if num_processes() == 1:
        return 0
    resolver = _Started.strategy.cluster_resolver
    # A chief comes before the workers.
    has_chief = "chief" in resolver.cluster_spec().as_dict()
    return resolver.task_id + (has_chief and resolver.task_type != "chief")


def per_replica(values):
    """Values, of which `Strategy.run` gives each replica of this process its own.

    Args:
        values: Sequence of structures of tensors, one for each.

    Returns:
        The structure, of `tf.distribute.DistributedValues`.
    """
    first = process_index() * len(values)
    return _Started.strategy.experimental_distribute_values_from_function(
        lambda context: values[context.replica_id_in_sync_group - first]
    )


def one_call():
    """A context for one call of a function of all devices.

    Each call numbers its messages on each device. An interrupt between the numbers of
    two devices would let them wait for each other for ever in the call that follows.
    """
    return contextlib.nullcontext() if num_devices() == 1 else interrupts_held()


def replica_count():
    """Replicas that see only their part of a batch."""
    context = tf.distribute.get_replica_context()
    return 1 if context is None else context.num_replicas_in_sync


def replica_index():
    """Number of the replica that computes this: an integer or int32 tensor."""
    if replica_count() == 1:
        return 0
    return tf.distribute.get_replica_context().replica_id_in_sync_group


def watchable(variables):
    """What a gradient tape can watch: outside of a step, copies on this process.

    Args:
        variables: List of `tf.Variable`.

    Returns:
        List of `tf.Variable`, those that are read where this is called.
    """
    if not tf.distribute.in_cross_replica_context():
        return variables
    own = tf.distribute.get_strategy().experimental_local_results
    return [own(variable)[0] for variable in variables]


def average(structure):
    """Means over the replicas of a structure of tensors, in one message.

    Args:
        structure: Nested structure of float tensors.

    Returns:
        The same structure.
    """
    count = replica_count()
    if count == 1:
        return structure
    # Divided first: a sum of scaled gradients may overflow where a mean does not.
    tensors = [tf.convert_to_tensor(t) / count for t in tf.nest.flatten(structure)]
    means = tf.distribute.get_replica_context().all_reduce("SUM", tensors)
    return tf.nest.pack_sequence_as(structure, means)


def replica_sum(x):
    """Sum over the replicas, differentiable any number of times.

    Args:
        x: Tensor, of one shape on all replicas.

    Returns:
        Tensor shaped like `x`.
    """
    if replica_count() == 1:
        return x
    return tf.distribute.get_replica_context().all_reduce("SUM", x)


def rows_per_count():
    """By what a tracker's weight is divided: reading one sums over the replicas."""
    return replica_count()


def branch(accepted, accept, reject, accepted_values, rejected_values):
    """`tf.cond` of functions that change variables.

    Args:
        accepted: Scalar bool tensor, equal on all replicas.
        accept: Function of `accepted_values`.
        reject: Function of `rejected_values`.
        accepted_values: List of tensors.
        rejected_values: List of tensors.
    """

    def choose(run, is_accepted, accepted_values, rejected_values):
        def accept_all():
            run(accept, accepted_values)
            return tf.constant(True)

        def reject_all():
            run(reject, rejected_values)
            return tf.constant(False)

        tf.cond(is_accepted, accept_all, reject_all)

    def choose_for_replicas(strategy, accepted, accepted_values, rejected_values):
        # What an optimizer does holds merge calls, which no branch of one replica may.
        choose(
            lambda fn, values: strategy.extended.call_for_each_replica(fn, (values,)),
            strategy.experimental_local_results(accepted)[0],
            accepted_values,
            rejected_values,
        )

    if replica_count() == 1:
        choose(
            lambda fn, values: fn(values), accepted, accepted_values, rejected_values
        )
    else:
        tf.distribute.get_replica_context().merge_call(
            choose_for_replicas, (accepted, accepted_values, rejected_values)
        )


def check_model(model):
    """Raises ValueError for a model that cannot be trained on the devices.

    Steps know of no strategy but that of `start`. On several devices no branch of a
    replica may update mirrored variables, and Keras's optimizers branch on the step for
    some options; XLA reaches the variables of one device.

    Args:
        model: A compiled `GenerativeModel`.
    """
    strategy = model.distribute_strategy
    is_within_another = _Started.strategy is None and tf.distribute.has_strategy()
    if is_within_another or strategy.num_replicas_in_sync != num_devices():
        if is_within_another:
            strategy = tf.distribute.get_strategy()
        raise ValueError(
            "Expected a model that is built in the thread that has called "
            "`kerasgen.distribution.data_parallel`, and built and trained in no other "
            f"strategy's scope. Received: {type(strategy).__name__} with "
            f"{strategy.num_replicas_in_sync} replica(s)"
        )
    if num_devices() == 1:
        return
    if model.jit_compile is True:
        raise ValueError(
            f'Expected jit_compile="auto" or False on {num_devices()} devices, where '
            "TensorFlow has no XLA. Received: jit_compile=True"
        )
    for optimizer in model.optimizer.optimizers:
        inner = getattr(optimizer, "inner_optimizer", optimizer)
        options = {"gradient_accumulation_steps": inner.gradient_accumulation_steps}
        if inner.use_ema:
            options["ema_overwrite_frequency"] = inner.ema_overwrite_frequency
        for name, value in options.items():
            if value:
                raise ValueError(
                    f"Expected an optimizer without {name} on several devices, where "
                    f"Keras has it on JAX and PyTorch alone. Received: {name}={value} "
                    f"on {num_devices()} devices"
                )


def keep_sums_off(optimizer):
    """Tells an optimizer that its gradients are summed over replicas already."""
    inner = getattr(optimizer, "inner_optimizer", optimizer)
    inner._all_reduce_sum_gradients = list


def reducible(logs):
    """Logs in the shape in which Keras's trainer averages them over replicas."""
    if num_processes() == 1:
        return logs
    # Over several processes it takes the mean of an axis, which scalars have not.
    return {name: value[None] for name, value in logs.items()}


def process_sum(value):
    """Sum of an integer over the processes; waits for all of them."""
    if num_processes() == 1:
        return value
    strategy = _Started.strategy
    # The sum over all replicas may have more than 32 bits.
    local = tf.constant(value, tf.int64)
    total = strategy.reduce("SUM", strategy.run(lambda: local), axis=None)
    return int(total) // num_own_devices()


def others_are_there():
    """Whether the other workers answer; TensorFlow lets one that hangs live on."""
    own = _Started.strategy.cluster_resolver
    ask = eager_context.context().check_collective_ops_peer_health
    for job, addresses in own.cluster_spec().as_dict().items():
        for number in range(len(addresses)):
            if (job, number) == (own.task_type, own.task_id):
                continue
            task = f"/job:{job}/replica:0/task:{number}"
            try:
                ask(task, ANSWER_MS)
            except tf.errors.OpError:
                return False
    return True


def take_leave():
    """Nothing: the others ask the coordination service."""


def share_state(variables):
    """Nothing: a strategy creates variables with the first process's values."""


def shares(num_rows, unit):
    """Rows of a step that each replica of this process sees.

    Args:
        num_rows: Samples of the step, on all processes together.
        unit: Batches in a step, of which every share has a part.

    Returns:
        List of int32 arrays, one for each replica of this process: a step that cannot
        be split evenly goes to every one as it is.
    """
    count, own = num_devices(), num_own_devices()
    rows = np.arange(num_rows, dtype=np.int32)
    if num_rows % (unit * count):
        return [rows] * own
    first = process_index() * own
    return np.split(rows, count)[first : first + own]
