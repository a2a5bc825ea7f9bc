"""Arrays in an order that goes round the classes: sample i is of class i % classes."""

import numpy as np

from kerasgen.datasets.array_dataset import ArrayDataset


class StratifiedDataset(ArrayDataset):
    """An `ArrayDataset` whose classes take turns.

    An epoch has as many samples as the data, an equal number of each class: a random
    part of a class that is larger, and a class that is smaller more than once, each
    time in another order.

    Args:
        images: As in `ArrayDataset`.
        labels: int array (num_samples,); sample i of an epoch is of class
            i % num_classes.
        num_classes: Number of classes.
        **arguments: Others of `ArrayDataset`.

    Raises:
        ValueError: A class has no sample.

    Example:

    >>> import numpy as np
    >>> labels = np.array([0, 0, 0, 1])
    >>> data = StratifiedDataset(np.zeros((4, 2), "float32"), labels, 2, batch_size=4)
    >>> data[0][1]
    array([0, 1, 0, 1])
    """

    def __init__(self, images, labels, num_classes, **arguments):
        super().__init__(images, labels, num_classes=num_classes, **arguments)

    def _begin(self, images, labels):
        self._rows_of = [np.flatnonzero(labels == c) for c in range(self.num_classes)]
        counts = [len(rows) for rows in self._rows_of]
        if not all(counts):
            raise ValueError(
                f"Expected at least one sample of each of {self.num_classes} classes. "
                f"Received: {counts} samples of them"
            )
        super()._begin(images, labels)

    def order(self, epoch):
        """Returns the samples of an epoch, in order.

        Args:
            epoch: Integer >= 0.

        Returns:
            int64 array of shape (num_samples,).
        """
        cached, order = self._epoch_order
        if cached != (self.seed, epoch):
            turns = -(-self.num_samples // self.num_classes)
            columns = [
                self._class_order(epoch, label, turns)
                for label in range(self.num_classes)
            ]
            order = np.stack(columns, axis=1).reshape(-1)[: self.num_samples]
            self._epoch_order = ((self.seed, epoch), order)
        return order

    def _class_order(self, epoch, label, num):
        rows = self._rows_of[label]
        laps = range(-(-num // len(rows)))
        if not self.shuffle:
            return np.tile(rows, len(laps))[:num]
        # A counter of its own for each class and lap, under the key of the epoch.
        orders = [
            np.argsort(
                np.random.Philox(
                    key=[self.seed, epoch], counter=[0, 0, label + 1, lap]
                ).random_raw(len(rows)),
                kind="stable",
            )
            for lap in laps
        ]
        return np.concatenate([rows[order] for order in orders])[:num]
