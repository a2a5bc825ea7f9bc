"""Brings any source of data to `fit` as checked batches in a reproducible order."""

import itertools
from collections.abc import Iterator

import keras
import numpy as np
from keras.src.trainers.data_adapters.data_adapter import DataAdapter

from kerasgen import backend
from kerasgen.datasets.array_dataset import ArrayDataset


class ArraySource:
    """Batches of an `ArrayDataset`, ordered by its seed and the epoch."""

    is_one_shot = False

    def __init__(self, dataset, checked=False):
        self.dataset = dataset
        self.checked = checked
        self.num_batches = len(dataset)

    def settings(self):
        return {
            "num_samples": self.dataset.num_samples,
            "batch_size": self.dataset.batch_size,
            "seed": self.dataset.seed,
            "shuffle": self.dataset.shuffle,
        }

    def peek(self, num_batches):
        return itertools.islice(self.batches(0, 0), num_batches)

    def batches(self, epoch, start):
        for index in range(start, self.num_batches):
            yield _split(self.dataset.get_batch(epoch, index))


class PyDatasetSource:
    """Batches of a user's `keras.utils.PyDataset`, in its own order."""

    checked = False
    is_one_shot = False

    def __init__(self, dataset):
        self.dataset = dataset
        self.num_batches = dataset.num_batches

    def settings(self):
        return {"num_batches": self.num_batches}

    def peek(self, num_batches):
        if self.num_batches is not None:
            num_batches = min(num_batches, self.num_batches)
        return (_split(self.dataset[index]) for index in range(num_batches))

    def batches(self, epoch, start):
        self.dataset.on_epoch_begin()
        for index in itertools.count(start):
            if index == self.num_batches:
                break
            yield _split(self.dataset[index])
        self.dataset.on_epoch_end()


class IterableSource:
    """Batches of a `tf.data.Dataset`, a torch `DataLoader`, a generator, ...

    A one-shot iterator goes on where the epoch before it ended; any other iterable
    starts anew each epoch.
    """

    checked = False

    def __init__(self, iterable):
        self.iterable = iterable
        self.is_one_shot = isinstance(iterable, Iterator)
        self.num_batches = _length(iterable)

    def settings(self):
        return {"num_batches": self.num_batches}

    def peek(self, num_batches):
        first = list(itertools.islice(self.iterable, num_batches))
        if self.is_one_shot:
            self.iterable = itertools.chain(first, self.iterable)
        return map(_split, first)

    def batches(self, epoch, start):
        return map(_split, itertools.islice(self.iterable, start, None))


class Feed(DataAdapter):
    """Checked batches for Keras's trainer, the same on every backend.

    Keras accepts its data adapters in place of data. A batch is `(x, rows)` or
    `(x, rows, labels)`: `rows` number the samples of the global batch, so that noise
    drawn for a row does not depend on the device that holds it.

    Args:
        source: Object with `num_batches` and `batches(epoch, start)`.
        spec: `DataSpec` that checks each batch.
        batches_per_step: Batches that one train step consumes (k discriminator
            steps take k). The last step of an epoch is trimmed to a multiple of it.
        min_rows: Fewest rows of each batch of a step; a smaller rest is left out.
        steps_per_epoch: Train steps an epoch; None for one pass over the source.
        numbered: Number the rows through the whole data set rather than within the
            batch: for evaluation, whose noise must not repeat.

    Raises:
        ValueError: The source is empty, or the first batch does not fit `spec`.
    """

    def __init__(
        self,
        source,
        spec,
        batches_per_step=1,
        min_rows=1,
        steps_per_epoch=None,
        numbered=False,
    ):
        self.source = source
        self.spec = spec
        self.batches_per_step = batches_per_step
        self.min_rows = min_rows
        self.steps_per_epoch = steps_per_epoch
        self.numbered = numbered
        self.epoch = 0
        self.steps_served = 0
        self.ended_early = False
        # Steps of the present epoch; known with its last step at the latest.
        self.epoch_length = None
        self._resumed = None
        self.first_step = next(self._steps(source.peek(batches_per_step)), None)
        if self.first_step is None:
            raise ValueError(
                "Expected data of at least "
                f"{batches_per_step * min_rows} sample(s) for one training step. "
                "Received: an empty or smaller data set"
            )

    @property
    def num_batches(self):
        if self.steps_per_epoch is not None:
            return self.steps_per_epoch
        if self.source.num_batches is None:
            # Not None: Keras would take the first epoch for a measure of the others,
            # and a resumed one is shorter. `FitMonitor` hides the 0 from callbacks.
            return None if self.numbered else 0
        return -(-self.source.num_batches // self.batches_per_step)

    @property
    def batch_size(self):
        return None

    def settings(self):
        """What must stay the same for a resumed run to meet the same batches."""
        return {
            **self.source.settings(),
            "samples_per_step": len(self.first_step[0]),
            "steps_per_epoch": self.steps_per_epoch,
        }

    def resume(self, epoch, start):
        """Lets the next pass be the rest of an epoch.

        Args:
            epoch: Epoch, counted from 0.
            start: Train steps of that epoch that are done.

        Raises:
            ValueError: The source has no such step.
        """
        self.epoch = epoch
        skipped = start
        if self.source.is_one_shot and self.steps_per_epoch is not None:
            # A stream goes on where the epochs before ended.
            skipped += epoch * self.steps_per_epoch
        rest = self._steps_from(start, skipped)
        first = next(rest, None)
        if first is None:
            raise ValueError(
                f"Expected data beyond step {start} of epoch {epoch + 1}, to go on "
                "from there. Received: a source that ends before"
            )
        self._resumed = itertools.chain([first], rest)

    def get_tf_dataset(self):
        return self._backend_stream()

    def get_jax_iterator(self):
        return self._backend_stream()

    def get_torch_dataloader(self):
        return self._backend_stream()

    def get_numpy_iterator(self):
        return self._epoch_steps()

    def _backend_stream(self):
        signature = [
            ((None, *part.shape[1:]), part.dtype.name) for part in self.first_step
        ]
        return backend.to_stream(self._epoch_steps, signature)

    def _epoch_steps(self):
        rest, self._resumed = self._resumed, None
        return self._steps_from(0, 0) if rest is None else rest

    def _steps_from(self, start, skipped):
        self.steps_served = start
        self.epoch_length = None
        limit = self.steps_per_epoch
        batches = self.source.batches(self.epoch, skipped * self.batches_per_step)
        steps = self._steps(batches)
        step = next(steps, None)
        while step is not None:
            if step[0].dtype != self.first_step[0].dtype:
                raise TypeError(
                    "Expected batches of one dtype, "
                    f"{self.first_step[0].dtype} as in the first one. "
                    f"Received: dtype={step[0].dtype}"
                )
            self.steps_served += 1
            # One step ahead, to know the last one when it is trained on.
            following = None if self.steps_served == limit else next(steps, None)
            if following is None:
                self.epoch_length = self.steps_served
            yield step
            step = following
        self.ended_early = self.steps_served < (limit or start + 1)

    def _steps(self, batches):
        k = self.batches_per_step
        batches = batches if self.source.checked else self._checked(batches)
        offset = 0
        while group := list(itertools.islice(batches, k)):
            x, labels = (
                np.concatenate(parts) if parts[0] is not None else None
                for parts in zip(*group, strict=True)
            )
            size = len(x) - len(x) % k
            if size < k * self.min_rows:
                continue
            first_row = offset if self.numbered else 0
            rows = np.arange(first_row, first_row + size, dtype=np.int32)
            offset += len(x)
            step = (x[:size], rows)
            yield step if labels is None else (*step, labels[:size])

    def _checked(self, batches):
        row = 0
        for x, labels in batches:
            x = self.spec.check(x, row)
            labels = self.spec.check_labels(labels, len(x), row)
            row += len(x)
            yield x, labels


def make_source(x, y, batch_size, seed, shuffle, spec):
    """Wraps whatever a user hands to `fit` or `evaluate`.

    Args:
        x: Array, `PyDataset`, `tf.data.Dataset`, torch `DataLoader`, or an iterable
            of batches `x` or `(x, labels)`.
        y: Labels beside an array, else None.
        batch_size: Samples a batch, for arrays only.
        seed: Seed of the order of an array.
        shuffle: Whether an array is shuffled.
        spec: `DataSpec`; arrays are checked whole, before training.

    Returns:
        A source: an object with `num_batches` and `batches(epoch, start)`.

    Raises:
        TypeError: `x` is none of these.
        ValueError: `y` or `batch_size` was given with a source that has its own.
    """
    if _is_array(x):
        x = spec.check(x)
        labels = spec.check_labels(y, len(x))
        return ArraySource(
            ArrayDataset(
                x,
                labels,
                batch_size=32 if batch_size is None else batch_size,
                shuffle=shuffle,
                seed=seed,
            ),
            checked=True,
        )
    if y is not None or batch_size is not None:
        raise ValueError(
            "A dataset brings its own labels and batch size: expected neither `y` nor "
            f"`batch_size` beside it. Received: x of type {type(x).__name__}, "
            f"batch_size={batch_size}"
        )
    if isinstance(x, ArrayDataset):
        return ArraySource(x)
    if isinstance(x, keras.utils.PyDataset):
        return PyDatasetSource(x)
    if np.iterable(x) and not isinstance(x, str | bytes | dict):
        return IterableSource(x)
    raise TypeError(
        "Expected an array, a keras.utils.PyDataset, a tf.data.Dataset, a torch "
        f"DataLoader or an iterable of batches. Received: {type(x).__name__}"
    )


def _is_array(x):
    return isinstance(x, np.ndarray) or keras.ops.is_tensor(x) or _is_array_like(x)


def _is_array_like(x):
    """Tensors of another framework than Keras's backend, and lists of samples."""
    if isinstance(x, list):
        return True
    return not np.iterable(x) or isinstance(getattr(x, "shape", None), tuple)


def _length(iterable):
    try:
        return len(iterable)
    except TypeError:
        return None


def _split(batch):
    if isinstance(batch, dict):
        raise TypeError(
            "Expected batches `x` or `(x, labels)`. "
            f"Received: a dict with keys {sorted(batch)}"
        )
    if not isinstance(batch, tuple | list):
        return np.asarray(batch), None
    if len(batch) not in (1, 2):
        raise ValueError(
            f"Expected batches `x` or `(x, labels)`. Received: {len(batch)} parts"
        )
    labels = np.asarray(batch[1]) if len(batch) == 2 else None
    return np.asarray(batch[0]), labels
