"""Where a user's data comes from: arrays, datasets, loaders, generators."""

import functools
import itertools
import sys
from collections.abc import Callable, Iterator
from typing import NamedTuple

import keras
import numpy as np

from kerasgen.datasets.array_dataset import ArrayDataset
from kerasgen.datasets.rows import as_rows
from kerasgen.models.inputs import ModelRows


class PendingBatch(NamedTuple):
    """A batch of which as many rows are read as are asked for.

    Attributes:
        num_rows: Its samples.
        read: Function of an int array of rows that returns copies of these samples and
            of their labels or None, both checked.
    """

    num_rows: int
    read: Callable


class Source:
    """Base: `num_batches`, `settings()`, `peek(num_batches)`, `batches(epoch, start)`.

    `peek` and `batches` give `PendingBatch`es.

    Attributes:
        batch_size: Samples of a whole batch, or None where only a look tells.
        is_one_shot: Whether an epoch goes on where the one before ended.
    """

    batch_size = None
    is_one_shot = False

    def adopt_seed(self, seed):
        """Takes the seed of a model whose checkpoint was loaded."""

    def is_exhausted(self):
        """Whether no epoch can follow."""
        return False

    def check_whole(self):
        """Raises ValueError where the samples are too large to be read at once."""


class DatasetSource(Source):
    """Batches of an `ArrayDataset`, ordered by its seed and the epoch.

    Args:
        dataset: `ArrayDataset`.
        spec: `DataSpec` that checks what is read.
    """

    def __init__(self, dataset, spec):
        self.dataset = dataset
        self.spec = spec
        self.num_batches = len(dataset)
        self.batch_size = dataset.batch_size

    def settings(self):
        return {
            "num_samples": self.dataset.num_samples,
            "batch_size": self.dataset.batch_size,
            "seed": self.dataset.seed,
            "shuffle": self.dataset.shuffle,
        }

    def check_whole(self):
        self.dataset.check_whole()

    def peek(self, num_batches):
        return itertools.islice(self.batches(0, 0), num_batches)

    def batches(self, epoch, start):
        for index in range(start, self.num_batches):
            yield PendingBatch(
                self.dataset.rows_of_batch(index),
                functools.partial(self._read, epoch, index),
            )

    def _read(self, epoch, index, rows):
        x, labels = _split(self.dataset.get_batch(epoch, index, rows))
        first_row = index * self.dataset.batch_size + int(rows[0])
        return _check(x, labels, self.spec, first_row)


class ArraySource(DatasetSource):
    """An array that `fit` was given.

    It was checked whole, and its order is that of the model's seed, which a resumed
    run takes from its checkpoint.
    """

    def settings(self):
        return {**super().settings(), "seed": None}

    def adopt_seed(self, seed):
        self.dataset.seed = seed

    def _read(self, epoch, index, rows):
        return _split(self.dataset.get_batch(epoch, index, rows))


class PyDatasetSource(Source):
    """Batches of a user's `keras.utils.PyDataset`, in its own order."""

    def __init__(self, dataset, spec):
        self.dataset = dataset
        self.spec = spec
        self.num_batches = dataset.num_batches

    def settings(self):
        return {"num_batches": self.num_batches}

    def peek(self, num_batches):
        if self.num_batches is not None:
            num_batches = min(num_batches, self.num_batches)
        return _checked(map(self.dataset.__getitem__, range(num_batches)), self.spec)

    def batches(self, epoch, start):
        return _checked(self._items(start), self.spec)

    def _items(self, start):
        self.dataset.on_epoch_begin()
        for index in itertools.count(start):
            if index == self.num_batches:
                break
            yield self.dataset[index]
        self.dataset.on_epoch_end()


class IterableSource(Source):
    """Batches of a `tf.data.Dataset`, a torch `DataLoader`, a generator, ...

    A one-shot iterator goes on where the epoch before it ended; any other iterable
    starts anew each epoch.
    """

    def __init__(self, iterable, spec):
        self.iterable = iterable = _without_autotune(iterable)
        self.spec = spec
        self.is_one_shot = isinstance(iterable, Iterator)
        self.num_batches = _length(iterable)

    def settings(self):
        return {"num_batches": self.num_batches}

    def peek(self, num_batches):
        return _checked(self._first(num_batches), self.spec)

    def batches(self, epoch, start):
        return _checked(itertools.islice(self.iterable, start, None), self.spec)

    def is_exhausted(self):
        return self.is_one_shot and not self._first(1)

    def _first(self, num_batches):
        first = list(itertools.islice(self.iterable, num_batches))
        if self.is_one_shot:
            self.iterable = itertools.chain(first, self.iterable)
        return first


def make_source(x, y, batch_size, seed, shuffle, spec, arrange=None):
    """Wraps whatever a user hands to `fit` or `evaluate`.

    Args:
        x: Array, `PyDataset`, `tf.data.Dataset`, torch `DataLoader`, or an iterable
            of batches `x` or `(x, labels)`.
        y: Labels beside an array, else None.
        batch_size: Samples a batch, for arrays only.
        seed: Seed of the order of an array.
        shuffle: Whether an array is shuffled.
        spec: `DataSpec`; arrays are checked whole, before training, in blocks.
        arrange: Function from an `ArrayDataset` to one in another order, or None.

    Returns:
        A source: an object with `num_batches` and `batches(epoch, start)`.

    Raises:
        TypeError: `x` is none of these.
        ValueError: `y` or `batch_size` was given with a source that has its own.
    """
    if is_array(x):
        x = as_rows(x)
        spec.scan(x)
        labels = spec.check_labels(y, len(x))
        dataset = ArrayDataset(
            ModelRows(x, spec),
            labels,
            batch_size=32 if batch_size is None else batch_size,
            shuffle=shuffle,
            seed=seed,
        )
        return ArraySource(dataset if arrange is None else arrange(dataset), spec)
    if y is not None or batch_size is not None:
        raise ValueError(
            "A dataset brings its own labels and batch size: expected neither `y` nor "
            f"`batch_size` beside it. Received: x of type {type(x).__name__}, "
            f"batch_size={batch_size}"
        )
    if isinstance(x, ArrayDataset):
        return DatasetSource(x if arrange is None else arrange(x), spec)
    if arrange is not None:
        raise TypeError(
            "This model puts its data in an order of its own: expected arrays or a "
            f"kerasgen.datasets.ArrayDataset. Received: {type(x).__name__}"
        )
    if isinstance(x, keras.utils.PyDataset):
        return PyDatasetSource(x, spec)
    if np.iterable(x) and not isinstance(x, str | bytes | dict):
        return IterableSource(x, spec)
    raise TypeError(
        "Expected an array, a keras.utils.PyDataset, a tf.data.Dataset, a torch "
        f"DataLoader or an iterable of batches. Received: {type(x).__name__}"
    )


def is_array(x):
    """Whether `fit` takes `x` as one array of samples rather than as batches."""
    return isinstance(x, np.ndarray) or keras.ops.is_tensor(x) or _is_array_like(x)


def _is_array_like(x):
    """Tensors of another framework than Keras's backend, and lists of samples."""
    if isinstance(x, list):
        return True
    return not np.iterable(x) or isinstance(getattr(x, "shape", None), tuple)


def _without_autotune(iterable):
    """A `tf.data.Dataset` that is not tuned, unless its options say that it is.

    At the end of an iteration the thread that tunes it is waited for, up to seconds,
    in which no other Python code of the process runs. AUTOTUNE then means TensorFlow's
    first guess.
    """
    tf = sys.modules.get("tensorflow")
    if tf is None or not isinstance(iterable, tf.data.Dataset):
        return iterable
    if iterable.options().autotune.enabled is not None:
        return iterable
    options = tf.data.Options()
    options.autotune.enabled = False
    return iterable.with_options(options)


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


def _checked(batches, spec):
    row = 0
    for batch in batches:
        x, labels = _check(*_split(batch), spec, row)
        row += len(x)
        yield PendingBatch(len(x), functools.partial(_part, x, labels))


def _check(x, labels, spec, first_row):
    x = spec.check(x, first_row)
    return x, spec.check_labels(labels, len(x), first_row)


def _part(x, labels, rows):
    return x[rows], None if labels is None else labels[rows]
