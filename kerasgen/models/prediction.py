"""From the arguments of `predict` to batches of what `call` takes, and its outputs."""

import contextlib
import itertools

import keras
import numpy as np

from kerasgen.arguments import check_positive_integer
from kerasgen.datasets.array_dataset import ArrayDataset
from kerasgen.models.read_ahead import ReadAhead
from kerasgen.models.sources import is_array, make_source


class Inputs:
    """Checked batches `(x,)`, or `(x, labels)` of a conditional model, in order.

    Args:
        model: `GenerativeModel`.
        x: As in `GenerativeModel.predict`.
        batch_size: For arrays, or None.
        value_range: As in `predict`.

    Attributes:
        num_batches: Integer, or None where only a pass tells.

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

    def __iter__(self):
        for batch in self.source.batches(0, 0):
            x, labels = batch.read(np.arange(batch.num_rows))
            yield (x,) if labels is None else (x, labels)


def map_call(model, inputs, steps, verbose, callbacks):
    """What `call` makes of each batch, one after the other, under Keras's callbacks.

    Keras's own `predict` would split batches over the devices, and meet the other
    processes: like every function of a model but its training and evaluation, this one
    is the process's own.

    Args:
        model: `GenerativeModel`.
        inputs: `Inputs`.
        steps: Batches, or None for all.
        verbose: As in `keras.Model.predict`.
        callbacks: As in `keras.Model.predict`.

    Returns:
        NumPy array, or a structure of them, as `call` returns.

    Raises:
        ValueError: There is no batch.
    """
    if not isinstance(callbacks, keras.callbacks.CallbackList):
        callbacks = keras.callbacks.CallbackList(
            callbacks,
            add_progbar=verbose != 0,
            verbose=1 if verbose == "auto" else verbose,
            epochs=1,
            steps=inputs.num_batches if steps is None else steps,
            model=model,
        )
    call = model.compiled_function(
        "call", lambda *x: model(x if len(x) > 1 else x[0], training=False)
    )
    outputs = []
    model.stop_predicting = False
    callbacks.on_predict_begin()
    with contextlib.closing(ReadAhead(iter(inputs))) as batches:
        for step, batch in enumerate(itertools.islice(batches, steps)):
            callbacks.on_predict_batch_begin(step)
            output = keras.tree.map_structure(keras.ops.convert_to_numpy, call(*batch))
            outputs.append(output)
            callbacks.on_predict_batch_end(step, {"outputs": output})
            if model.stop_predicting:
                break
    callbacks.on_predict_end()
    if not outputs:
        raise ValueError("Expected at least one batch of samples. Received: none")
    return keras.tree.map_structure(lambda *parts: np.concatenate(parts), *outputs)
