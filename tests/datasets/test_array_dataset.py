"""ArrayDataset: order, batches, checks, and Keras's own `fit`."""

import os
import subprocess
import sys

import keras
import numpy as np
import pytest

from kerasgen.datasets import ArrayDataset

ORDER_SCRIPT = """
import numpy as np
from kerasgen.datasets import ArrayDataset
dataset = ArrayDataset(np.zeros((23, 2), "float32"), batch_size=5, seed=7)
dataset[3], dataset.on_epoch_end(), dataset[1]
print(dataset.order(2).tolist())
"""


def numbered(num_samples, **kwargs):
    """A dataset whose sample i holds the number i."""
    x = np.arange(num_samples, dtype=np.uint8).reshape(-1, 1, 1, 1)
    return ArrayDataset(x, **kwargs)


def visited(dataset, epoch):
    dataset.set_epoch(epoch)
    return np.concatenate([batch[0].reshape(-1) for batch in dataset]).tolist()


def test_order_is_a_function_of_seed_and_epoch_alone():
    a, b = numbered(23, batch_size=5, seed=7), numbered(23, batch_size=4, seed=7)
    a[3], a.on_epoch_end(), a[1]  # what was read before does not matter
    assert visited(a, 4) == visited(b, 4)
    orders = {tuple(numbered(23, seed=s).order(e)) for s in (0, 1) for e in range(3)}
    assert len(orders) == 6


@pytest.mark.once
def test_order_is_the_same_in_another_process_and_on_another_backend():
    other = "jax" if keras.backend.backend() == "torch" else "torch"
    environment = {**os.environ, "KERAS_BACKEND": other}
    printed = subprocess.run(
        [sys.executable, "-c", ORDER_SCRIPT],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    dataset = ArrayDataset(np.zeros((23, 2), "float32"), batch_size=9, seed=7)
    assert printed.strip() == str(dataset.order(2).tolist())


def test_order_does_not_change_between_versions():
    # Resumed runs and the numbers on cards rest on it.
    assert numbered(8, seed=3).order(5).tolist() == [0, 6, 2, 1, 3, 4, 7, 5]


def test_first_places_are_evenly_spread():
    first = [numbered(4, seed=1).order(epoch)[0] for epoch in range(4000)]
    counts = np.bincount(first, minlength=4)
    assert ((counts - 1000.0) ** 2 / 1000.0).sum() < 16.3  # chi2, 3 dof, p = 0.001


def test_every_sample_comes_once_per_epoch_with_its_label():
    dataset = numbered(23, labels=np.arange(23) * 10, batch_size=5)
    assert [len(batch[0]) for batch in dataset] == [5, 5, 5, 5, 3]
    for epoch in range(3):
        dataset.set_epoch(epoch)
        x, y = (np.concatenate(parts) for parts in zip(*dataset, strict=True))
        assert sorted(x.reshape(-1)) == list(range(23))
        np.testing.assert_array_equal(y, 10 * x.reshape(-1).astype(int))


def test_drop_remainder_leaves_out_the_partial_batch():
    dataset = numbered(23, batch_size=5, drop_remainder=True)
    assert [len(batch[0]) for batch in dataset] == [5, 5, 5, 5]
    with pytest.raises(IndexError, match="Received: 4"):
        dataset[4]


def test_without_shuffle_the_order_is_that_of_the_array():
    dataset = numbered(7, batch_size=3, shuffle=False)
    assert visited(dataset, 0) == visited(dataset, 9) == list(range(7))


def test_get_batch_does_not_depend_on_the_current_epoch():
    dataset = numbered(23, batch_size=5)
    expected = [dataset.get_batch(6, index)[0] for index in range(5)]
    dataset.set_epoch(6)
    for index in range(5):
        np.testing.assert_array_equal(dataset[index][0], expected[index])


def test_batches_are_copies():
    dataset = numbered(6, batch_size=6, shuffle=False)
    dataset[0][0][...] = 99
    assert visited(dataset, 0) == list(range(6))


def test_take_keeps_the_settings():
    dataset = numbered(
        23,
        labels=np.arange(23) % 2,
        batch_size=5,
        seed=3,
        drop_remainder=True,
        name="numbers",
        split="train",
        num_classes=2,
        class_names=["even", "odd"],
        centers=np.zeros((2, 1)),
        std=0.5,
        shuffle=False,
    )
    part = dataset.take(12)
    assert part.num_samples == 12 and len(part) == 2
    for name in (
        "batch_size seed drop_remainder name split num_classes class_names centers "
        "std shuffle augment"
    ).split():
        assert getattr(part, name) is getattr(dataset, name), name
    with pytest.raises(ValueError, match="num_samples=24"):
        dataset.take(24)


class Recorder(ArrayDataset):
    """Remembers which batches were read in which epoch."""

    def __init__(self, *args, **kwargs):
        self.reads = []
        super().__init__(*args, **kwargs)

    def __getitem__(self, index):
        self.reads.append((self.epoch, index))
        return super().__getitem__(index)


@pytest.mark.parametrize("with_labels", [True, False])
def test_plain_keras_fit_trains_and_moves_through_the_epochs(with_labels):
    x = np.random.default_rng(0).normal(size=(22, 3)).astype("float32")
    labels = x.sum(axis=1, keepdims=True) if with_labels else None
    dataset = Recorder(x, labels=labels, batch_size=4)
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    loss = "mse" if with_labels else None
    if not with_labels:
        model.add(keras.layers.ActivityRegularization(l2=1.0))
    model.compile("sgd", loss, run_eagerly=keras.backend.backend() == "tensorflow")
    history = model.fit(dataset, epochs=3, shuffle=False, verbose=0)
    losses = history.history["loss"]
    assert losses[-1] < losses[0]
    assert {epoch for epoch, _ in dataset.reads} == {0, 1, 2}
    assert dataset.epoch == 3
    last = [index for epoch, index in dataset.reads if epoch == 2]
    assert set(last) == set(range(6))


@pytest.mark.parametrize(
    "images",
    [np.array(["a", "b"]), np.array([[1], ["b"]], object), np.zeros((3, 2), int)],
)
def test_other_dtypes_are_refused(images):
    with pytest.raises(TypeError, match="Received: dtype"):
        ArrayDataset(images)


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"images": np.zeros((0, 2), "float32")}, r"Received: shape=\(0, 2\)"),
        ({"images": np.zeros(5, "float32")}, r"Received: shape=\(5,\)"),
        ({"labels": np.zeros(9, int)}, r"Expected 10 labels.*shape=\(9,\)"),
        ({"labels": np.arange(10), "num_classes": 9}, r"labels in \[0, 9\]"),
        ({"labels": np.arange(10) - 1, "num_classes": 10}, r"labels in \[-1, 8\]"),
        ({"num_classes": 2, "class_names": ["a"]}, "Expected 2 class names"),
        ({"batch_size": 0}, "batch_size=0"),
        ({"batch_size": 2.0}, "batch_size=2.0"),
        ({"batch_size": True}, "batch_size=True"),
        ({"seed": -1}, "seed=-1"),
        ({"seed": 2**32}, "seed=4294967296"),
        ({"seed": None}, "seed=None"),
        ({"batch_size": 11, "drop_remainder": True}, "Received: 10 samples"),
    ],
)
def test_bad_arguments(kwargs, message):
    with pytest.raises(ValueError, match=message):
        ArrayDataset(**{"images": np.zeros((10, 2), "float32"), **kwargs})


def test_float_labels_are_refused_as_classes():
    with pytest.raises(TypeError, match="float64"):
        ArrayDataset(np.zeros((2, 2)), labels=np.zeros(2), num_classes=2)


@pytest.mark.parametrize("epoch", [-1, 1.5, None])
def test_bad_epoch_changes_nothing(epoch):
    dataset = numbered(4)
    dataset.set_epoch(3)
    with pytest.raises(ValueError, match="Received: epoch="):
        dataset.set_epoch(epoch)
    assert dataset.epoch == 3
