"""What a model accepts as data: one check for every source and every backend."""

import numpy as np

from kerasgen.datasets.mapped_file import read_rows
from kerasgen.datasets.rows import Rows

FLOAT_TOLERANCE = 1e-5
SCAN_BYTES = 2**24
# The range of what a spec has checked: bright images, too, are what they seem.
MODEL_RANGE = (-1.0, 1.0)


class NotFiniteError(ValueError):
    """A value of the data is NaN or infinite."""


class DataSpec:
    """Shape, dtype and range of the data that a model is trained on.

    Images are uint8 in the data domain or float32 in [-1, 1]; vectors are any finite
    float. float16 and float64 are cast to float32.

    Args:
        shape: Shape of one sample: (height, width, channels) or (features,).
        num_classes: Number of classes of a conditional model; None where labels are
            not used.
        value_range: Optional (low, high) of float images, mapped to [-1, 1].
        keeps_float64: Whether float64 vectors stay so, for a model that computes in
            float64 on the host.
        is_bounded: Whether vectors, too, must lie in [-1, 1].

    Attributes:
        takes_nan: Whether values may be NaN or infinite; False at first.

    Raises:
        ValueError: `value_range` is not an increasing pair of finite numbers.
    """

    def __init__(
        self,
        shape,
        num_classes=None,
        value_range=None,
        keeps_float64=False,
        is_bounded=False,
    ):
        self.shape = tuple(shape)
        self.num_classes = num_classes
        self.value_range = value_range
        self.keeps_float64 = keeps_float64
        self.is_bounded = is_bounded
        self.takes_nan = False
        if value_range is not None:
            bounds = np.asarray(value_range, dtype=np.float64)
            if (
                bounds.shape != (2,)
                or not np.isfinite(bounds).all()
                or bounds[0] >= bounds[1]
            ):
                raise ValueError(
                    "`value_range` is (low, high), two finite numbers with low < high. "
                    f"Received: value_range={value_range!r}"
                )

    @property
    def is_image(self):
        return len(self.shape) == 3

    def check(self, x, first_row=0):
        """Returns `x` as uint8 or float32 in the model domain.

        Args:
            x: Array of shape (B, *shape).
            first_row: Number of the first row in the whole data set, for messages.

        Returns:
            NumPy array of the same shape, uint8 (images only) or float32; of vectors
            also float64, where the spec keeps it.

        Raises:
            TypeError: The dtype is not uint8 or a float.
            ValueError: Wrong rank, size or channels; no rows; a value outside the
                range; `NotFiniteError` for one that is not finite, unless `takes_nan`.
        """
        x = np.asarray(x)
        self.scan(x, first_row)
        return self.convert(x)

    def scan(self, x, first_row=0):
        """Checks samples in blocks: no more than one of them is in memory at once.

        Args:
            x: Array, which may be mapped to a file, or `kerasgen.datasets.Rows`, of
                shape (N, *shape).
            first_row: As in `check`.

        Raises:
            TypeError: As in `check`.
            ValueError: As in `check`.
        """
        expected = "uint8 or float32 images" if self.is_image else "float32 vectors"
        is_float = np.issubdtype(x.dtype, np.floating)
        if not is_float and not (self.is_image and x.dtype == np.uint8):
            raise TypeError(f"Expected {expected}. Received: dtype={x.dtype}")
        if x.shape[1:] != self.shape:
            raise ValueError(
                f"Expected data of shape (num_samples, {_join(self.shape)}). "
                f"Received: shape={x.shape}"
            )
        if not len(x):
            raise ValueError(f"Expected at least one sample. Received: shape={x.shape}")
        if not is_float:
            return
        low, high = np.inf, -np.inf
        for start, part in blocks_of(x):
            is_finite = np.isfinite(part)
            if not is_finite.all():
                if not self.takes_nan:
                    bad = ~is_finite.reshape(len(part), -1).all(axis=1)
                    row = first_row + start + int(np.argmax(bad))
                    raise NotFiniteError(
                        "Expected finite values. Received: NaN or infinity in sample "
                        f"{row}"
                    )
                part = part[is_finite]
            if part.size:
                low, high = min(low, part.min()), max(high, part.max())
        if low <= high:
            self._check_bounds(x.dtype, float(low), float(high))

    def check_kept(self, x, mask):
        """As `check` of the values that are kept; hidden ones may be any.

        Args:
            x: As in `check`.
            mask: bool, of the shape of `x`, True where a value is kept.

        Returns:
            As `check`; hidden values are black, or 0 in vectors.
        """
        x = np.asarray(x)
        is_float = np.issubdtype(x.dtype, np.floating)
        black = 0
        if self.is_image and is_float:
            black = -1 if self.value_range is None else self.value_range[0]
        checked = self.check(np.where(mask, x, x.dtype.type(black)))
        kept = x[mask]
        if self.is_image and is_float and self.value_range is None and kept.size:
            # What is hidden tells nothing of the range that is meant.
            self._check_range(x.dtype, float(kept.min()), float(kept.max()))
        return checked

    def convert(self, x):
        """Brings values that `scan` has passed into the model domain, each alone.

        Args:
            x: Array (B, *shape).

        Returns:
            As `check`.
        """
        if x.dtype == np.uint8 or (
            not self.is_image and self.keeps_float64 and x.dtype == np.float64
        ):
            return x
        x = x.astype(np.float32, copy=False)
        if not self.is_image or self.value_range is None:
            return x
        first, last = self.value_range
        scaled = (x - first) * (2.0 / (last - first)) - 1.0
        clipped = np.clip(scaled, -1.0, 1.0).astype(np.float32)
        if self.takes_nan:
            clipped[~np.isfinite(x)] = np.nan
        return clipped

    def _check_bounds(self, dtype, low, high):
        if not self.is_image:
            if max(abs(low), abs(high)) > float(np.finfo(np.float32).max):
                raise ValueError(
                    "Expected values that float32 can hold. "
                    f"Received: {dtype} values in [{low:.6g}, {high:.6g}]"
                )
            if self.is_bounded and max(-low, high) > 1 + FLOAT_TOLERANCE:
                raise ValueError(
                    "Expected vectors in [-1, 1] for the model's likelihood; another "
                    "one, such as 'gaussian', takes any. "
                    f"Received: values in [{low:.6g}, {high:.6g}]"
                )
            return
        if self.value_range is None:
            self._check_range(dtype, low, high)
            return
        first, last = self.value_range
        rounding = float(np.finfo(dtype).eps) * max(abs(first), abs(last))
        slack = max(FLOAT_TOLERANCE * (last - first), rounding)
        if low < first - slack or high > last + slack:
            raise ValueError(
                f"Expected values in value_range=({first}, {last}). "
                f"Received: values in [{low:.6g}, {high:.6g}]"
            )

    @staticmethod
    def _check_range(dtype, low, high):
        """Raises ValueError for float images that [-1, 1] is unlikely to be meant for.

        A batch within [0, 1] may be one of bright images, but it is seldom.
        """
        slack = max(FLOAT_TOLERANCE, float(np.finfo(dtype).eps))
        if low < -1 - slack or high > 1 + slack or low >= 0:
            raise ValueError(
                "Expected uint8 images, or float images in [-1, 1]; pass "
                "`value_range=(low, high)` where another range is meant, or "
                "`value_range=(-1, 1)` for bright images that have no value under 0. "
                f"Received: {dtype} values in [{low:.6g}, {high:.6g}]"
            )

    def check_labels(self, labels, num_rows, first_row=0):
        """Returns class labels as int32, or None for an unconditional model.

        Args:
            labels: Integer array of shape (B,) or (B, 1), or None.
            num_rows: B.
            first_row: Number of the first row in the whole data set, for messages.

        Returns:
            int32 NumPy array of shape (B,), or None.

        Raises:
            TypeError: The labels are not integers.
            ValueError: Labels are missing, of the wrong length or out of range.
        """
        if self.num_classes is None:
            return None
        if labels is None:
            raise ValueError(
                f"This model is conditional: expected labels in [0, {self.num_classes})"
                f" beside the data. Received: labels=None"
            )
        labels = np.asarray(labels)
        if not np.issubdtype(labels.dtype, np.integer):
            raise TypeError(f"Expected integer labels. Received: dtype={labels.dtype}")
        if labels.shape not in ((num_rows,), (num_rows, 1)):
            raise ValueError(
                f"Expected labels of shape ({num_rows},), one for each sample. "
                f"Received: shape={labels.shape}"
            )
        labels = labels.reshape(-1)
        outside = (labels < 0) | (labels >= self.num_classes)
        if outside.any():
            row = int(np.argmax(outside))
            raise ValueError(
                f"Expected labels in [0, {self.num_classes}). "
                f"Received: {labels[row]} in sample {first_row + row}"
            )
        return labels.astype(np.int32)


class ModelRows(Rows):
    """Samples in the model domain, brought there as they are read.

    Args:
        samples: Array or `Rows` that `DataSpec.scan` has passed.
        spec: The `DataSpec`.
    """

    def __init__(self, samples, spec):
        super().__init__(samples.shape, spec.convert(np.empty(0, samples.dtype)).dtype)
        self.samples = samples
        self.spec = spec

    def read(self, rows):
        return self.spec.convert(read_rows(self.samples, rows))


def blocks_of(x):
    """Samples in blocks of a few megabytes.

    Args:
        x: Array or `Rows` (N, ...).

    Yields:
        The number of a block's first row, and the block, an array.
    """
    row_bytes = x.dtype.itemsize * int(np.prod(x.shape[1:]))
    step = max(1, SCAN_BYTES // max(1, row_bytes))
    for start in range(0, len(x), step):
        yield start, np.asarray(x[start : start + step])


def to_uint8(x):
    """Model domain to data domain: `trunc(clip(127.5 x + 128, 0, 255))`.

    Args:
        x: Float NumPy array in [-1, 1].

    Returns:
        uint8 array of the same shape.
    """
    return np.clip(np.asarray(x) * 127.5 + 128.0, 0.0, 255.0).astype(np.uint8)


def _join(shape):
    return ", ".join(str(size) for size in shape)
