"""One batch as a model's step sees it."""

from typing import NamedTuple


class Batch(NamedTuple):
    """Samples, labels and global row numbers.

    x: float32 (B, ...) in the model domain. labels: int32 (B,) or None. rows: int32
    (B,), the number of each sample in the global batch. fault: float32 scalar, NaN
    where a value of the whole batch is not finite, else 0; None where all must be.
    """

    x: object
    labels: object
    rows: object
    fault: object = None

    def part(self, index, num_parts):
        """Every `num_parts`-th sample from `index` on, equal under data parallelism."""
        labels = None if self.labels is None else self.labels[index::num_parts]
        rows = self.rows[index::num_parts]
        return Batch(self.x[index::num_parts], labels, rows, self.fault)
