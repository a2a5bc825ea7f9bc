"""Data parallelism: one call, and a script runs on many devices and many hosts.

    import kerasgen

    kerasgen.distribution.data_parallel()
    gan = kerasgen.models.dcgan((28, 28, 1))
    ...

Each device takes an equal part of every batch; gradients, losses and the statistics of
normalization are those of the global batch, and noise is keyed by the sample's number
in it. So a run gives what one device would give, to rounding.
"""

import random

import keras
from keras.src.utils.rng_utils import get_random_seed

from kerasgen import backend
from kerasgen.arguments import check_boolean, check_positive, check_positive_integer
from kerasgen.watch import NoWatch, Watch

WAIT_SECONDS = 20.0
# Stock callbacks that write files: only the first process may have them.
_WRITERS = (
    keras.callbacks.CSVLogger,
    keras.callbacks.ModelCheckpoint,
    keras.callbacks.RemoteMonitor,
    keras.callbacks.TensorBoard,
)


class FirstProcessError(RuntimeError):
    """The first process could not do what the others wait for."""


class _Settings:
    drop_rest = False
    watch = NoWatch()


def data_parallel(num_devices=None, drop_rest=False, timeout=WAIT_SECONDS):
    """Trains the models that are built from now on on many devices.

    Call it once, at the start of a script, before anything is computed or built. With
    one device it changes nothing, so that the same script runs everywhere:

    - JAX: `keras.distribution.DataParallel` over the devices. Of many hosts, each runs
      the script with KERAS_DISTRIBUTION_JOB_ADDRESSES (the first host's address and
      port), KERAS_DISTRIBUTION_NUM_PROCESSES and KERAS_DISTRIBUTION_PROCESS_ID, or
      calls `keras.distribution.initialize` first.
    - TensorFlow: `MirroredStrategy`, and `MultiWorkerMirroredStrategy` where TF_CONFIG
      names several workers.
    - PyTorch: one process a device, which `torchrun` starts, on one host or many;
      gradients are averaged over its process group (NCCL on GPUs, Gloo on CPUs).

    The batch size of `fit` and `evaluate` is that of all devices together, and must be
    divisible by their number. What is left at the end of an epoch need not be: JAX
    fills it up and leaves the fillers out; on TensorFlow and PyTorch every device
    computes all of it, which takes the memory that one device would need.

    Layers that compare samples see the global batch; what else looks at several
    samples and is not of this library (a loss of your own that is no mean over samples,
    say) sees the part of its replica on TensorFlow and PyTorch. Keras's own Dropout
    draws alike on every replica; `kerasgen.layers.Dropout` does not. On TensorFlow
    optimizers with `gradient_accumulation_steps` or `ema_overwrite_frequency` and
    jit_compile=True are refused by `fit`, as they fail there on several devices; so is
    a model under a `tf.distribute` strategy of your own.

    Every process needs the same data in the same order. The first process alone writes
    files, presets and SavedModels among them; callbacks of Keras that write some, such
    as CSVLogger, run only there, and with them the progress bar. For what a script
    writes itself there are `is_first_process` and `on_first_process`. Whatever is not
    training or evaluation (`generate`, `predict`, `encode`) a process computes for
    itself, from weights that are equal on all, and whole on each of its devices.

    `callbacks.Checkpoint` resumes all of them; Keras's BackupAndRestore would resume
    one, and is refused. Measures and scores (`callbacks.TrainingHealth`,
    `callbacks.Evaluate`) are computed on each, so that all stop at the same epoch, and
    warned of on the first.

    Where a process dies or hangs, all end with an exit code that is not 0, within a
    minute by default, of which torchrun takes 30 seconds to kill what hangs; started
    again, the run goes on from its newest checkpoint. For this the wait for others is
    bounded in `fit`, from the first step on that need not be compiled: in steps, and at
    points where all meet, such as the end of a file's writing. Outside of steps a
    process may take its time (callbacks, scores), if the others do so, too. Not bounded
    are the first step of each validation, which may follow callbacks, and what may be
    compiled: the first two steps of `fit`, the last one of its first epoch, and its
    first validation; on PyTorch none of these, unless the model has jit_compile=True.
    So raise `timeout` where a later step may take longer, on a slow disk or with
    batches of ever new sizes, or where the first process computes or writes for longer
    while the others wait.

    Args:
        num_devices: Devices of this host, at least 1; None for all. On a CPU, JAX and
            TensorFlow divide it into as many; PyTorch has as many as `torchrun
            --nproc-per-node` started.
        drop_rest: Leave out what is left at the end of an epoch of training and cannot
            be split evenly, which depends on the number of devices.
        timeout: Seconds, > 0, that a process waits for the others; None for as long as
            the engine does. Without effect on a run of one process. At the end of the
            script JAX's processes wait for each other, as the first one may still
            score and export, up to 300 seconds, and end with an error after that.

    Raises:
        ValueError: There are not so many devices, `drop_rest` is no bool, or `timeout`
            no number > 0.

    Example:

    >>> import kerasgen
    >>> kerasgen.distribution.data_parallel(num_devices=1)
    >>> kerasgen.distribution.num_devices()
    1
    """
    if num_devices is not None:
        check_positive_integer("num_devices", num_devices)
    check_boolean("drop_rest", drop_rest)
    if timeout is not None:
        check_positive("timeout", timeout)
    backend.distribution.start(num_devices, timeout)
    _Settings.drop_rest = drop_rest
    _Settings.watch = NoWatch()
    if timeout is not None and num_processes() > 1:
        _Settings.watch = Watch(
            timeout,
            process_name(),
            backend.distribution.others_are_there,
            backend.distribution.take_leave,
        )
    if num_processes() > 1 and get_random_seed() is None:
        # Initial weights and seeds that are drawn must be equal.
        own = random.getrandbits(31) if is_first_process() else 0
        keras.utils.set_random_seed(process_sum(own))


def num_devices():
    """Devices that share a batch, of all hosts.

    Returns:
        Integer >= 1.
    """
    return backend.distribution.num_devices()


def num_processes():
    """Processes that train one model: hosts, or on PyTorch devices.

    Returns:
        Integer >= 1.
    """
    return backend.distribution.num_processes()


def is_first_process():
    """Whether this process is the one that writes files.

    Returns:
        bool; True where there is one process.
    """
    return backend.distribution.process_index() == 0


def process_name():
    """What this process is called in messages, such as "process 0 of 2"."""
    return f"process {backend.distribution.process_index()} of {num_processes()}"


def process_sum(number):
    """Sum over the processes, which all wait for each other here.

    Args:
        number: Integer of at most 31 bits, this process's own.

    Returns:
        Integer, the same on all.
    """
    with _Settings.watch.bounded("the others at a point where all meet"):
        return backend.distribution.process_sum(number)


def watch():
    """What ends this process if it waits too long for the others: a `Watch`."""
    return _Settings.watch


def on_first_process(write):
    """Runs a function on the first process; the others wait for its end.

    Args:
        write: Function without arguments.

    Returns:
        What it returned, on the first process; None on the others.

    Raises:
        FirstProcessError: It failed there; the first process raises its error itself.

    Example:

    >>> on_first_process(lambda: "written")
    'written'
    """
    result = error = None
    if is_first_process():
        try:
            result = write()
        except Exception as raised:
            error = raised
    if process_sum(int(error is not None)):
        raise error or FirstProcessError(
            "Expected the first process to write its files. Received: an error there"
        )
    return result


def first_process_says(answer):
    """What the first process answers, so that all do the same.

    Args:
        answer: bool, this process's own.

    Returns:
        bool.
    """
    return bool(process_sum(int(answer and is_first_process())))


def is_equal_everywhere(number):
    """Whether all processes have the same number.

    Args:
        number: Integer >= 0, this process's own.

    Returns:
        bool, the same on all.
    """
    differs = process_sum(number) != number * num_processes()
    return process_sum(int(differs)) == 0


def callbacks_of_this_process(callbacks):
    """Callbacks without those of Keras that only the first process may run.

    Args:
        callbacks: `keras.callbacks.Callback` or `CallbackList`, iterable of callbacks,
            or None.

    Returns:
        List.

    Raises:
        ValueError: One of them would resume this process alone.
    """
    if isinstance(callbacks, keras.callbacks.CallbackList):
        callbacks = callbacks.callbacks
    elif isinstance(callbacks, keras.callbacks.Callback):
        callbacks = [callbacks]
    callbacks = [*(callbacks or [])]
    resuming = [c for c in callbacks if isinstance(c, keras.callbacks.BackupAndRestore)]
    if resuming and num_processes() > 1:
        raise ValueError(
            "Expected `kerasgen.callbacks.Checkpoint`, which resumes all of "
            f"{num_processes()} processes. Received: {type(resuming[0]).__name__}, "
            "which would resume the first one alone"
        )
    if is_first_process():
        return callbacks
    return [c for c in callbacks if not isinstance(c, _WRITERS)]


def check_batch_size(batch_size):
    """Raises ValueError unless the devices can share a batch evenly.

    Args:
        batch_size: Samples of one update, on all devices together.
    """
    if batch_size % num_devices():
        raise ValueError(
            f"Expected a batch size that {num_devices()} devices can share evenly. "
            f"Received: batches of {batch_size} samples"
        )


def drops_rest():
    """Whether training leaves out a last batch that cannot be split evenly."""
    return _Settings.drop_rest
