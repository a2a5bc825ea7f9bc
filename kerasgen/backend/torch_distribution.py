"""PyTorch: one process for each device, in the process group that torchrun describes.

Inside a step a process is a replica that sees its part of the batch; outside of one it
computes for itself, so that a call of a network does not wait for the others.
"""

import contextlib
import contextvars
import datetime
import os

import keras
import numpy as np
import torch
from torch import distributed

BUCKET_BYTES = 25 * 2**20
ANSWER_TIME = datetime.timedelta(seconds=5)
LEAVE = "kerasgen/leave"  # and what number of start it is, of a launcher's


class _Started:
    # A connection of its own, which another thread may use.
    store = None


_in_step = contextvars.ContextVar("kerasgen_in_step", default=False)


def start(num_devices, timeout):
    """Joins the process group, where torchrun has started this process.

    Args:
        num_devices: Processes of this host, or None for as many as there are.
        timeout: Not needed: Gloo and NCCL wait for minutes, and torchrun ends the
            processes of its host when one dies.

    Raises:
        ValueError: There are others.
    """
    own = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    if num_devices is not None and num_devices != own:
        raise ValueError(
            f"Expected num_devices={own}, the processes that torchrun has started on "
            "this host; PyTorch needs one for each device: "
            f"torchrun --nproc-per-node {num_devices} SCRIPT. "
            f"Received: num_devices={num_devices}"
        )
    if int(os.environ.get("WORLD_SIZE", "1")) == 1 or distributed.is_initialized():
        return
    has_gpu = torch.cuda.is_available()
    if has_gpu:
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    distributed.init_process_group("cpu:gloo,cuda:nccl" if has_gpu else "gloo")
    _Started.store = distributed.TCPStore(
        os.environ["MASTER_ADDR"],
        int(os.environ["MASTER_PORT"]),
        is_master=False,
        timeout=ANSWER_TIME,
    )


def num_devices():
    """Devices that share a batch, of all processes."""
    return distributed.get_world_size() if distributed.is_initialized() else 1


def num_processes():
    """Processes that train one model."""
    return num_devices()


def process_index():
    """Number of this process."""
    return distributed.get_rank() if distributed.is_initialized() else 0


@contextlib.contextmanager
def step_scope():
    """Within it the processes compute one step together."""
    token = _in_step.set(True)
    try:
        yield
    finally:
        _in_step.reset(token)


def replica_count():
    """Replicas that see only their part of a batch."""
    return num_devices() if _in_step.get() else 1


def replica_index():
    """Number of the replica that computes this."""
    return process_index() if _in_step.get() else 0


def average(structure):
    """Means over the replicas of a structure of tensors, in few messages.

    Args:
        structure: Nested structure of float tensors, without a gradient graph.

    Returns:
        The same structure.
    """
    count = replica_count()
    if count == 1:
        return structure
    tensors = [
        keras.ops.convert_to_tensor(t).detach() for t in keras.tree.flatten(structure)
    ]
    means = [None] * len(tensors)
    sent = []
    for bucket in _buckets(tensors):
        # Divided first: a sum of scaled gradients may overflow where a mean does not.
        flat = torch.cat([tensors[i].reshape(-1) for i in bucket]) / count
        sent.append((bucket, flat, distributed.all_reduce(flat, async_op=True)))
    for bucket, flat, work in sent:
        work.wait()
        pieces = flat.split([tensors[i].numel() for i in bucket])
        for i, piece in zip(bucket, pieces, strict=True):
            means[i] = piece.reshape(tensors[i].shape)
    return keras.tree.pack_sequence_as(structure, means)


def _buckets(tensors):
    """Positions of tensors of one dtype that go into one message."""
    open_buckets = {}
    for position, tensor in enumerate(tensors):
        bucket, size = open_buckets.get(tensor.dtype, ([], 0))
        bucket.append(position)
        size += tensor.numel() * tensor.element_size()
        if size >= BUCKET_BYTES:
            yield bucket
            bucket, size = [], 0
        open_buckets[tensor.dtype] = (bucket, size)
    yield from (bucket for bucket, _ in open_buckets.values() if bucket)


class _Sum(torch.autograd.Function):
    """Sum over the processes, whose gradient is the sum of their gradients."""

    @staticmethod
    def forward(context, x):
        total = x.detach().clone(memory_format=torch.contiguous_format)
        distributed.all_reduce(total)
        return total

    @staticmethod
    def backward(context, gradient):
        return _Sum.apply(gradient)


def replica_sum(x):
    """Sum over the replicas, differentiable any number of times.

    Args:
        x: Tensor, of one shape on all replicas.

    Returns:
        Tensor shaped like `x`.
    """
    return _Sum.apply(x) if replica_count() > 1 else x


def rows_per_count():
    """By what a tracker's weight is divided: each process has whole trackers."""
    return 1


def process_sum(value):
    """Sum of an integer over the processes; waits for all of them."""
    if num_devices() == 1:
        return value
    total = torch.tensor(value, dtype=torch.int64, device="cpu")
    distributed.all_reduce(total)
    return int(total)


def others_are_there():
    """Whether none of the other processes has taken its leave.

    torchrun ends those of its own host where one is gone; another host's may hang.
    """
    if _Started.store is None:
        return True
    try:
        return not _Started.store.check([_leave_key()])
    except RuntimeError:
        # The store is gone with the process, or the launcher, that held it.
        return False


def take_leave():
    """Tells the others that this process is about to exit."""
    if _Started.store is not None:
        with contextlib.suppress(RuntimeError):
            _Started.store.set(_leave_key(), str(process_index()))


def _leave_key():
    return f"{LEAVE}/{os.environ.get('TORCHELASTIC_RESTART_COUNT', '0')}"


def check_model(model):
    """Nothing: what works on one device works on several."""


def share_state(variables):
    """Gives every process the first one's values.

    Args:
        variables: List of `keras.Variable`.
    """
    if num_devices() > 1:
        for variable in variables:
            # Which sends memory as it lies.
            value = variable.value.data.contiguous()
            distributed.broadcast(value, 0)
            variable.value.data.copy_(value)


def shares(num_rows, unit):
    """Rows of a step that this process sees.

    Args:
        num_rows: Samples of the step, on all processes together.
        unit: Batches in a step, of which every share has a part.

    Returns:
        List of one int32 array: a step that cannot be split evenly goes to every
        process as it is.
    """
    count, index = num_devices(), process_index()
    rows = np.arange(num_rows, dtype=np.int32)
    return [rows] if num_rows % (unit * count) else [np.split(rows, count)[index]]
