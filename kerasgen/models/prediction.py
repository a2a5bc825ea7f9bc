"""From the arguments of `predict` to batches of what `call` takes."""

import numpy as np

from kerasgen.arguments import check_positive_integer
from kerasgen.datasets.array_dataset import ArrayDataset
from kerasgen.models.sources import is_array, make_source


class Inputs:
    """Checked batches `(x,)`, or `((x, labels),)` of a conditional model, in order.

    Args:
        model: `GenerativeModel`.
        x: As in `GenerativeModel.predict`.
        batch_size: For arrays, or None.
        value_range: As in `predict`.

    Attributes:
        num_batches: Integer, or None where only a pass tells.
        error: What reading the data raised, if it did; see `feed.reading`.

    Raises:
        TypeError: As `fit` does.
        ValueError: As `fit` does.
    """

    def __init__(self, model, x, batch_size, value_range):
        if batch_size is not None:
            check_positive_integer("batch_size", batch_size)
        labels = None
        is_pair = isinstance(x, list | tuple) and len(x) == 2
        if model.num_classes is not None and is_pair and is_array(x[0]):
            x, labels = x
        if isinstance(x, ArrayDataset):
            # As they lie there: neither shuffled nor augmented.
            x = ArrayDataset(x.images, x.labels, x.batch_size, shuffle=False)
        spec = model.call_spec(value_range)
        self.source = make_source(x, labels, batch_size, 0, False, spec)
        self.num_batches = self.source.num_batches
        self.error = None

    def close(self):
        """Nothing is read ahead."""

    def batches(self):
        """Yields what `keras.Model.predict` takes from a generator."""
        try:
            for batch in self.source.batches(0, 0):
                x, labels = batch.read(np.arange(batch.num_rows))
                yield (x if labels is None else (x, labels),)
        except Exception as error:
            self.error = error
            raise
