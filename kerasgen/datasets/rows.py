"""Samples that stay where they are until a batch of them is read."""

import numpy as np
from scipy import sparse


class Rows:
    """Base of what stands in for an array that is not in memory.

    As of a NumPy array, a slice is a part of it, of which nothing is read yet, and an
    integer or an array of integers reads. A subclass defines `read`.

    Args:
        shape: `(num_samples, ...)`.
        dtype: NumPy dtype of the samples.
    """

    def __init__(self, shape, dtype):
        self.shape = tuple(int(size) for size in shape)
        self.dtype = np.dtype(dtype)

    @property
    def ndim(self):
        return len(self.shape)

    def __len__(self):
        return self.shape[0]

    def __getitem__(self, rows):
        if isinstance(rows, slice):
            return self.part(range(len(self))[rows])
        rows = np.asarray(rows)
        numbers = np.where(rows < 0, rows + len(self), rows)
        if numbers.size and not 0 <= numbers.min() <= numbers.max() < len(self):
            raise IndexError(f"Expected rows among {len(self)}. Received: {rows}")
        return self.read(np.atleast_1d(numbers)).reshape(*rows.shape, *self.shape[1:])

    def __array__(self, dtype=None, copy=None):
        return np.asarray(self.read(np.arange(len(self))), dtype)

    def part(self, numbers):
        """Some of the rows, of which nothing is read.

        Args:
            numbers: `range` of their numbers.

        Returns:
            `Rows`.
        """
        return RowsPart(self, numbers)

    def read(self, rows):
        """Reads samples into memory.

        Args:
            rows: int array (B,) in [0, num_samples), in any order.

        Returns:
            Array of shape (B, ...).
        """
        raise NotImplementedError


class RowsPart(Rows):
    """Some rows of others.

    Args:
        rows: `Rows`.
        numbers: `range` of their numbers.
    """

    def __init__(self, rows, numbers):
        super().__init__((len(numbers), *rows.shape[1:]), rows.dtype)
        self.rows = rows
        self.numbers = numbers

    def read(self, rows):
        return self.rows.read(self.numbers.start + self.numbers.step * rows)


class ArrayRows(Rows):
    """Rows of an array-like that reads from disk, such as an HDF5 dataset.

    Args:
        array: Object with `shape`, `dtype` and `array[rows]`, where rows are a slice
            or increasing integers.
    """

    def __init__(self, array):
        super().__init__(array.shape, array.dtype)
        self.array = array

    def read(self, rows):
        if not len(rows):
            return np.empty((0, *self.shape[1:]), self.dtype)
        numbers, where = np.unique(rows, return_inverse=True)
        first, last = int(numbers[0]), int(numbers[-1])
        if last - first + 1 == len(numbers):
            numbers = slice(first, last + 1)
        return np.asarray(self.array[numbers])[where]


def as_rows(samples):
    """Samples as what `ArrayDataset` reads batches of.

    Args:
        samples: `Rows`, an array, or what NumPy makes one of.

    Returns:
        NumPy array, which may be mapped to a file, or `Rows`: array-likes that have
        `shape`, a NumPy `dtype` and `[]` but no memory to share, such as an
        `h5py.Dataset`, are not loaded.

    Raises:
        TypeError: The samples are sparse, or one number or string or no array at all.
        ValueError: They are a list of samples of different shapes.
    """
    if isinstance(samples, Rows):
        return samples
    if sparse.issparse(samples):
        raise TypeError(
            "Expected dense samples; rows of a sparse matrix come from a "
            "kerasgen.datasets.InteractionDataset. "
            f"Received: {type(samples).__name__} of shape {samples.shape}"
        )
    is_array_like = (
        isinstance(getattr(samples, "dtype", None), np.dtype)
        and isinstance(getattr(samples, "shape", None), tuple)
        and len(samples.shape) > 1
        and hasattr(samples, "__getitem__")
    )
    # Arrays in memory, of NumPy and of the backends, are exchanged by DLPack.
    if is_array_like and not hasattr(samples, "__dlpack__"):
        return ArrayRows(samples)
    try:
        array = np.asarray(samples)
    except ValueError as error:
        raise ValueError(f"Expected samples of one shape. Received: {error}") from None
    if not array.ndim:
        raise TypeError(
            "Expected samples, an array of shape (num_samples, ...). "
            f"Received: {type(samples).__name__}"
        )
    return array
