"""Batches of samples in an order that depends on the seed and the epoch only."""

import copy

import keras
import numpy as np

from kerasgen.arguments import check_integer, check_positive_integer
from kerasgen.datasets.augmentation import Augmentation
from kerasgen.datasets.mapped_file import read_rows
from kerasgen.datasets.rows import as_rows

MAX_SEED = 2**32 - 1


class ArrayDataset(keras.utils.PyDataset):
    """Images or vectors, served as shuffled batches.

    Samples in memory, in a mapped file (`np.load(path, mmap_mode="r")`) or in an
    array-like on disk such as an `h5py.Dataset`; of the latter two a batch is read
    when its turn comes, in the same order.

    The order of an epoch is a function of `(seed, epoch)`: equal in every process, on
    every backend and machine, and independent of what was read before. So a resumed
    run meets the batches that the uninterrupted one would have met. Every sample
    comes once per epoch.

    The `fit()` of kerasgen's models sets the epoch itself and keeps this order. Plain
    `keras.Model.fit()` works too: it calls `on_epoch_end()`, which moves on to the
    next epoch. Only there `shuffle=False` matters to `fit()`: by default it visits
    the batches of any `PyDataset` in a random order of its own.

    Args:
        images: Array of shape (num_samples, height, width, channels), uint8 in
            [0, 255], or float vectors or images of shape (num_samples, ...); or an
            object with `shape`, NumPy `dtype` and `[]`, or `kerasgen.datasets.Rows`.
        labels: Optional array with one label per sample; with `num_classes`, integers
            in [0, num_classes).
        batch_size: Samples per batch. Defaults to 64.
        shuffle: Whether each epoch has an order of its own. `False` keeps the order
            of `images`.
        seed: Integer in [0, 2**32).
        augment: Optional Keras or KerasCV layer, or a callable, that maps a batch to
            a batch: see `kerasgen.datasets.Augmentation`. Its draws are a function of
            `(seed, epoch, batch)` too.
        drop_remainder: Whether to leave out a last batch smaller than `batch_size`.
        name: Name of the dataset, for cards and logs.
        split: Split of the dataset, for cards and logs.
        num_classes: Number of classes of `labels`, or `None`.
        class_names: Optional list of `num_classes` names.
        centers: Optional array of shape (num_classes, num_features): the true modes,
            where the data are drawn from a known mixture of Gaussians.
        std: Optional standard deviation of those Gaussians.

    Raises:
        TypeError: If `images` are neither uint8 nor float, or `augment` is not
            callable.
        ValueError: If there is no sample or no batch, or if `labels`, `num_classes`,
            `class_names`, `batch_size` or `seed` do not fit.

    Example:
    >>> x = np.zeros((10, 8, 8, 1), "uint8")
    >>> dataset = ArrayDataset(x, labels=np.arange(10), batch_size=4, seed=1)
    >>> len(dataset), dataset.num_samples, dataset.image_shape
    (3, 10, (8, 8, 1))
    >>> images, labels = dataset[2]
    >>> images.shape, labels.shape
    ((2, 8, 8, 1), (2,))
    """

    def __init__(
        self,
        images,
        labels=None,
        batch_size=64,
        shuffle=True,
        seed=0,
        augment=None,
        drop_remainder=False,
        name=None,
        split=None,
        num_classes=None,
        class_names=None,
        centers=None,
        std=None,
    ):
        super().__init__()
        images = self.check_samples(images)
        labels = _check_labels(labels, len(images), num_classes)
        self.batch_size = check_positive_integer("batch_size", batch_size)
        self.seed = check_integer("seed", seed, 0, MAX_SEED)
        if class_names is not None and len(class_names) != num_classes:
            raise ValueError(
                f"Expected {num_classes} class names. "
                f"Received: class_names={class_names!r}"
            )
        self.shuffle = shuffle
        self.drop_remainder = drop_remainder
        self.name = name
        self.split = split
        self.num_classes = num_classes
        self.class_names = class_names
        self.centers = centers
        self.std = std
        self.augment = augment
        self._augmentation = None if augment is None else Augmentation(augment)
        self._begin(images, labels)
        first = self.images[np.arange(1)]
        self.image_shape = self._augmented(first, 0, 0).shape[1:]

    def _begin(self, images, labels):
        """Takes checked samples, and starts at epoch 0."""
        self.images, self.labels = images, labels
        self.epoch = 0
        self._last_batch_read = False
        self._epoch_order = (None, None)
        if len(self) == 0:
            raise ValueError(
                f"Expected at least batch_size={self.batch_size} samples with "
                f"drop_remainder=True. Received: {self.num_samples} samples"
            )

    @property
    def num_samples(self):
        """Number of samples, before `drop_remainder`."""
        return len(self.images)

    def __len__(self):
        """Number of batches in an epoch."""
        if self.drop_remainder:
            return self.num_samples // self.batch_size
        return -(-self.num_samples // self.batch_size)

    def __getitem__(self, index):
        """Returns batch `index` of the current epoch: see `get_batch`."""
        batch = self.get_batch(self.epoch, index)
        if index == len(self) - 1:
            self._last_batch_read = True
        return batch

    def get_batch(self, epoch, index, rows=slice(None)):
        """Returns one batch of one epoch, whatever the current epoch is.

        Args:
            epoch: Integer >= 0.
            index: Batch, in [0, len(dataset)).
            rows: Slice or int array: which rows of the batch to return, all by
                default. Only these are read, as a process needs that trains on its
                share of each batch; with `augment`, whose draws are those of a whole
                batch, all are.

        Returns:
            Tuple `(x, labels)`, or `(x,)` for a dataset without labels, of NumPy
            arrays with up to `batch_size` rows.

        Raises:
            IndexError: If `index` is out of range.
        """
        if not 0 <= index < len(self):
            raise IndexError(f"Expected a batch in [0, {len(self)}). Received: {index}")
        start = index * self.batch_size
        numbers = self.order(epoch)[start : start + self.batch_size]
        if self._augmentation is None:
            return self.read(numbers[rows])
        x, *labels = self.read(numbers)
        x = self._augmented(x, epoch, index)
        return tuple(part[rows] for part in (x, *labels))

    def rows_of_batch(self, index):
        """Number of samples in a batch, of which nothing is read.

        Args:
            index: Batch, in [0, len(dataset)).
        """
        return min(self.batch_size, self.num_samples - index * self.batch_size)

    def read(self, numbers):
        """Reads samples by their numbers, as they are without `augment`.

        Args:
            numbers: int array (B,) in [0, num_samples).

        Returns:
            Tuple `(x, labels)` or `(x,)` of NumPy arrays with B rows.
        """
        x = read_rows(self.images, numbers)
        return (x,) if self.labels is None else (x, self.labels[numbers])

    def order(self, epoch):
        """Returns the order of the samples in an epoch.

        Philox's raw words are sorted rather than handed to NumPy's `permutation`,
        because NumPy keeps the former stable between its versions, not the latter.

        Args:
            epoch: Integer >= 0.

        Returns:
            int64 array of shape (num_samples,): a permutation.
        """
        cached, order = self._epoch_order
        if cached != (self.seed, epoch):
            order = np.arange(self.num_samples)
            if self.shuffle:
                words = np.random.Philox(key=[self.seed, epoch])
                order = np.argsort(words.random_raw(self.num_samples), kind="stable")
            # One assignment: Keras may read batches from another thread.
            self._epoch_order = ((self.seed, epoch), order)
        return order

    def set_epoch(self, epoch):
        """Chooses the epoch whose batches `dataset[index]` returns.

        Args:
            epoch: Integer >= 0.

        Raises:
            ValueError: If `epoch` is not such an integer.
        """
        self.epoch = check_integer("epoch", epoch, 0)
        self._last_batch_read = False

    def on_epoch_end(self):
        """Moves on to the next epoch, if the last batch of this one was read.

        Keras also calls it after it has read one batch to build a model, and between
        the parts of a pass that `fit(steps_per_epoch=...)` cuts; the order must not
        change there.
        """
        if self._last_batch_read:
            self.set_epoch(self.epoch + 1)

    def take(self, num_samples):
        """Returns a dataset of the first samples, with the same settings.

        Args:
            num_samples: Integer in [1, self.num_samples].

        Returns:
            Dataset of the same class, at epoch 0.

        Raises:
            ValueError: If there are not so many samples, or no batch of them.

        Example:
        >>> ArrayDataset(np.zeros((10, 2), "float32")).take(3).num_samples
        3
        """
        check_integer("num_samples", num_samples, 1, self.num_samples)
        taken = copy.copy(self)
        labels = None if self.labels is None else self.labels[:num_samples]
        taken._begin(self.images[:num_samples], labels)
        return taken

    def check_whole(self):
        """Raises ValueError where the samples are too large to be read at once."""

    def check_samples(self, samples):
        """What `images` keeps of samples: an array, or `Rows` that stand for one."""
        samples = as_rows(samples)
        if samples.dtype != np.uint8 and not np.issubdtype(samples.dtype, np.floating):
            raise TypeError(
                "Expected uint8 images, or float images or vectors. "
                f"Received: dtype={samples.dtype}"
            )
        if samples.ndim < 2 or len(samples) == 0:
            raise ValueError(
                "Expected at least one sample, in an array of shape "
                f"(num_samples, ...). Received: shape={samples.shape}"
            )
        return samples

    def _augmented(self, x, epoch, index):
        if self._augmentation is None:
            return x
        return self._augmentation(x, self.seed, epoch, index)


def _check_labels(labels, num_samples, num_classes):
    if labels is None:
        return None
    labels = np.asarray(labels)
    if labels.ndim == 0 or len(labels) != num_samples:
        raise ValueError(
            f"Expected {num_samples} labels, one per sample. "
            f"Received: shape={labels.shape}"
        )
    if num_classes is None:
        return labels
    if not np.issubdtype(labels.dtype, np.integer):
        raise TypeError(f"Expected integer labels. Received: dtype={labels.dtype}")
    if labels.min() < 0 or labels.max() >= num_classes:
        raise ValueError(
            f"Expected labels in [0, {num_classes}). "
            f"Received: labels in [{labels.min()}, {labels.max()}]"
        )
    return labels
