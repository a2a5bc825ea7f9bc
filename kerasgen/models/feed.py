"""Brings any source of data to `fit` as checked batches in a reproducible order."""

import itertools

from keras.src.trainers.data_adapters.data_adapter import DataAdapter

from kerasgen import backend, distribution
from kerasgen.models.inputs import NotFiniteError
from kerasgen.models.read_ahead import ReadAhead
from kerasgen.models.steps import read_step


class Feed(DataAdapter):
    """Checked batches for Keras's trainer, the same on every backend.

    Keras accepts its data adapters in place of data. A batch is `(x, rows)` or
    `(x, rows, labels)`: `rows` number the samples of the global batch, so that noise
    drawn for a row does not depend on the device that holds it. Of arrays, mapped
    files, folders and streams of `kerasgen.datasets` a process reads no more than the
    rows of its own devices; of a user's batches it reads all. The next steps are read
    while one is trained on: at most two lie ready, beside the one that is being read
    and the one that shows whether another follows. What is read ahead does not count:
    `resume` tells from the steps that were trained.

    Args:
        source: `Source` of checked batches.
        batches_per_step: Batches that one train step consumes (k discriminator
            steps take k). The last step of an epoch is trimmed to a multiple of it.
        min_rows: Fewest rows of each batch of a step; a smaller rest is left out.
        steps_per_epoch: Train steps an epoch; None for one pass over the source.
        numbered: Number the rows through the whole data set rather than within the
            batch: for evaluation, whose noise must not repeat.
        shares_of: Function from the samples of a step and its number of batches to the
            rows of each replica of this process, as `backend.distribution.shares`.

    Raises:
        ValueError: The source is empty, or the first batch does not fit the model.
    """

    def __init__(
        self,
        source,
        batches_per_step=1,
        min_rows=1,
        steps_per_epoch=None,
        numbered=False,
        shares_of=backend.distribution.shares,
    ):
        self.source = source
        self.batches_per_step = batches_per_step
        self.min_rows = min_rows
        self.steps_per_epoch = steps_per_epoch
        self.numbered = numbered
        self.shares_of = shares_of
        self.epoch = 0
        self.steps_served = 0
        # Steps of the present epoch that were trained before it was resumed.
        self.steps_before = 0
        self.ended_early = False
        self.is_exhausted = False
        # Steps of the present epoch; known with its last step at the latest.
        self.epoch_length = None
        self._resumed = None
        self._read_ahead = None
        # Samples of the first step, on all processes together.
        self.samples_per_step = None
        self.unit = batches_per_step
        if source.batch_size is not None:
            distribution.check_batch_size(source.batch_size)
        self.first_step = next(self._steps(source.peek(batches_per_step)), None)
        if self.first_step is None:
            self._raise_too_few()
        if source.batch_size is None:
            distribution.check_batch_size(self.first_step.num_rows // batches_per_step)
        if distribution.drops_rest() and not numbered:
            self._drop_rest()

    @property
    def num_batches(self):
        if self.steps_per_epoch is not None:
            return self.steps_per_epoch
        if self.source.num_batches is None:
            # Not None: Keras would take the first epoch for a measure of the others,
            # and a resumed one is shorter. `EpochOrder` hides the 0 from callbacks.
            return None if self.numbered else 0
        return -(-self.source.num_batches // self.batches_per_step)

    @property
    def batch_size(self):
        return None

    def settings(self):
        """What must stay the same for a resumed run to meet the same batches."""
        return {
            **self.source.settings(),
            "samples_per_step": self.samples_per_step,
            "steps_per_epoch": self.steps_per_epoch,
            "drop_rest": distribution.drops_rest(),
        }

    def resume(self, epoch, start, seed):
        """Lets the next pass be the rest of an epoch.

        Args:
            epoch: Epoch, counted from 0.
            start: Train steps of that epoch that are done.
            seed: The model's, from the checkpoint.

        Raises:
            ValueError: The source has no such step.
        """
        self.epoch = epoch
        self.source.adopt_seed(seed)
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

    def close(self):
        """Ends the reading of what has not been asked for."""
        if self._read_ahead is not None:
            self._read_ahead.close()
            self._read_ahead = None

    def get_tf_dataset(self):
        return self._backend_stream(self._epoch_steps_ahead)

    def get_jax_iterator(self):
        return self._backend_stream(self._epoch_steps_ahead)

    def get_torch_dataloader(self):
        return self._backend_stream(self._epoch_steps_ahead)

    def _backend_stream(self, steps):
        signature = [
            ((None, *array.shape[1:]), array.dtype.name)
            for array in self.first_step.shares[0]
        ]
        return backend.to_stream(steps, signature)

    def _epoch_steps_ahead(self):
        self.close()
        self._read_ahead = ReadAhead(self.steps())
        return self._read_ahead

    def steps(self):
        """The steps of the present epoch, or of the rest of a resumed one.

        Returns:
            Iterator of `Step`.
        """
        rest, self._resumed = self._resumed, None
        return self._steps_from(0, 0) if rest is None else rest

    def _steps_from(self, start, skipped):
        self.steps_served = self.steps_before = start
        self.epoch_length = None
        limit = self.steps_per_epoch
        batches = self.source.batches(self.epoch, skipped * self.batches_per_step)
        steps = self._named(self._steps(batches), start)
        step = next(steps, None)
        while step is not None:
            if step.dtype != self.first_step.dtype:
                raise TypeError(
                    "Expected batches of one dtype, "
                    f"{self.first_step.dtype} as in the first one. "
                    f"Received: dtype={step.dtype}"
                )
            self.steps_served += 1
            # One step ahead, to know the last one when it is trained on.
            following = None if self.steps_served == limit else next(steps, None)
            if following is None:
                self.epoch_length = self.steps_served
                self.is_exhausted = self.source.is_exhausted()
            yield step
            step = following
        self.ended_early = self.steps_served < (limit or start + 1)

    def _named(self, steps, start):
        """Says of which step a value is not finite."""
        for number in itertools.count(start + 1):
            try:
                step = next(steps)
            except StopIteration:
                return
            except NotFiniteError as error:
                raise NotFiniteError(
                    f"{error}, read for step {number} of epoch {self.epoch + 1}"
                ) from None
            yield step

    def _drop_rest(self):
        """Serves steps only of what the devices can share evenly."""
        self.unit *= distribution.num_devices()
        if self.first_step.num_rows < self.unit:
            raise ValueError(
                f"Expected data of at least {self.unit} samples for one step of "
                f"{distribution.num_devices()} devices with drop_rest=True. "
                f"Received: {self.first_step.num_rows} sample(s)"
            )

    def _raise_too_few(self):
        fewest = self.batches_per_step * self.min_rows
        sizes = [b.num_rows for b in self.source.peek(self.batches_per_step)]
        if self.min_rows > 1 and sum(sizes) >= self.batches_per_step:
            raise ValueError(
                "BatchNormalization and terms that compare samples cannot train on "
                f"single ones: expected batches of at least {self.min_rows}, {fewest} "
                f"samples in a step. Received: batches of {sizes} samples"
            )
        raise ValueError(
            f"Expected data of at least {fewest} sample(s) for one training step. "
            f"Received: {sum(sizes)} sample(s)"
        )

    def _steps(self, batches):
        k = self.batches_per_step
        offset = 0
        while group := list(itertools.islice(batches, k)):
            total = sum(batch.num_rows for batch in group)
            size = total - total % self.unit
            if size < max(k * self.min_rows, 1):
                continue
            self.samples_per_step = self.samples_per_step or size
            shares = self.shares_of(size, k)
            yield read_step(group, size, shares, offset if self.numbered else 0)
            offset += total
