"""JAX: one program over a mesh of devices, which sees the global batch.

Keras's `DataParallel` splits batches over the mesh and copies variables to each device.
A step is traced for the whole batch, so that sums, moments and comparisons of samples
are global ones without a line here.
"""

import atexit
import os
import sys
import zlib

import jax
import keras
import numpy as np

HOSTS = "KERAS_DISTRIBUTION_NUM_PROCESSES"
ADDRESSES = "KERAS_DISTRIBUTION_JOB_ADDRESSES"
PROCESS = "KERAS_DISTRIBUTION_PROCESS_ID"
# As in `jax.distributed.initialize`.
HEARTBEAT_SECONDS = 100
SHUTDOWN_SECONDS = 300
_HOST_DEVICES = "xla_force_host_platform_device_count"


class _Started:
    # Not `keras.distribution.distribution()`, which threads that read data do not see.
    num_devices = 1


def start(num_devices, timeout):
    """Joins other processes where the environment names them, and builds the mesh.

    Args:
        num_devices: Devices of this process, or None for all.
        timeout: Seconds after which another process that sends no sign of life ends
            this one; None for JAX's own.

    Raises:
        ValueError: There are fewer, or it was called before with another number.
    """
    if num_devices is not None and _HOST_DEVICES not in os.environ.get("XLA_FLAGS", ""):
        _divide_cpu(num_devices)
    if HOSTS in os.environ and not jax.distributed.is_initialized():
        _join(HEARTBEAT_SECONDS if timeout is None else max(1, int(timeout)))
    own = jax.local_devices()
    if num_devices is not None and num_devices > len(own):
        raise ValueError(
            f"Expected num_devices of at most {len(own)}, as there are. On CPU, call "
            "`data_parallel` before anything is computed. "
            f"Received: num_devices={num_devices}"
        )
    count = len(own) if num_devices is None else num_devices
    before = _Started.num_devices // jax.process_count()
    if _Started.num_devices > 1 and num_devices is not None and count != before:
        raise ValueError(
            f"Expected num_devices={before}, as of the first call of `data_parallel`. "
            f"Received: num_devices={num_devices}"
        )
    chosen = []
    for process in range(jax.process_count()):
        chosen += jax.local_devices(process)[:count]
    _Started.num_devices = len(chosen)
    if len(chosen) > 1:
        names = [f"{device.platform}:{device.id}" for device in chosen]
        keras.distribution.set_distribution(
            keras.distribution.DataParallel(devices=names)
        )


def _join(seconds):
    """As `keras.distribution.initialize`, which leaves the signs of life to JAX."""
    addresses = os.environ.get(ADDRESSES)
    process = os.environ.get(PROCESS)
    jax.distributed.initialize(
        addresses and addresses.split(",")[0],
        int(os.environ[HOSTS]),
        process and int(process),
        heartbeat_timeout_seconds=seconds,
        # One that has ended waits for the others, as the first may write for long.
        shutdown_timeout_seconds=SHUTDOWN_SECONDS,
    )
    _wait_for_none_after_an_error()


def _wait_for_none_after_an_error():
    """Lets an exception end this process; the others miss it, and end.

    JAX would keep it, as it waits at the exit for those who wait for this process.
    """
    report = sys.excepthook
    errors = []

    def report_and_note(*error):
        errors.append(error)
        report(*error)

    def leave():
        if errors:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(1)

    sys.excepthook = report_and_note
    # Comes before JAX's own function, and after those of the script.
    atexit.register(leave)


def _divide_cpu(num_devices):
    try:
        # Of no account where there is a GPU.
        jax.config.update("jax_num_cpu_devices", num_devices)
    except RuntimeError:
        # JAX has started; what it has is counted by the caller.
        return


def num_devices():
    """Devices that share a batch, of all processes."""
    return _Started.num_devices


def num_processes():
    """Processes that train one model."""
    return jax.process_count()


def process_index():
    """Number of this process."""
    return jax.process_index()


def replica_count():
    """Replicas that see only their part of a batch: one, as the step is global."""
    return 1


def replica_index():
    """Number of the replica that computes this."""
    return 0


def average(structure):
    """Means over the replicas of a structure of tensors: as it is."""
    return structure


def replica_sum(x):
    """Sum over the replicas: as it is."""
    return x


def rows_per_count():
    """By what a tracker's weight is divided: trackers are global."""
    return 1


def process_sum(value):
    """Sum of an integer over the processes; waits for all of them."""
    if jax.process_count() == 1:
        return value
    from jax.experimental import multihost_utils

    return int(multihost_utils.process_allgather(np.int32(value)).sum())


def others_are_there():
    """True: JAX's own service ends this process when another is gone."""
    return True


def take_leave():
    """Nothing: JAX's own service knows who is there."""


def check_model(model):
    """Nothing: what works on one device works on several."""


def share_state(variables):
    """Raises ValueError unless variables are equal on all processes.

    A mesh keeps them equal, where equal seeds have made them so.

    Args:
        variables: List of `keras.Variable`.
    """
    if jax.process_count() == 1:
        return
    from jax.experimental import multihost_utils

    digest = 0
    for variable in variables:
        digest = zlib.crc32(np.asarray(variable.value).tobytes(), digest)
    digests = multihost_utils.process_allgather(np.uint32(digest))
    if len(set(digests.tolist())) > 1:
        raise ValueError(
            "Expected a model with equal weights on all processes, built after the "
            "call of `data_parallel` and with the same seeds. Received: weights that "
            f"differ between {jax.process_count()} processes"
        )


def shares(num_rows, unit):
    """Rows of a step that the devices of this process see.

    Args:
        num_rows: Samples of the step, on all processes together.
        unit: Batches in a step; not needed here.

    Returns:
        List of one int32 array. Where the devices cannot share the rows evenly, the
        last one fills the rest up; see `marked`.
    """
    devices, processes = num_devices(), jax.process_count()
    share = -(-num_rows // devices) * devices // processes
    first = jax.process_index() * share
    rows = np.arange(first, first + share, dtype=np.int32)
    return [np.minimum(rows, np.int32(num_rows - 1))]


def marked(arrays, num_rows):
    """Arrays of a step with what tells `whole` the samples that it has.

    Args:
        arrays: Tuple of arrays, this process's rows.
        num_rows: Samples of the step, on all processes together.

    Returns:
        Tuple: an empty array behind the others has the number as its second size.
    """
    marker = np.zeros((num_devices() // jax.process_count(), num_rows, 0), "int8")
    return (*arrays, marker)


def whole(data):
    """Takes out what `shares` filled up."""
    *arrays, marker = data
    if marker is None or marker.size:
        return data
    size = marker.shape[1]
    return tuple(array[:size] for array in arrays)
