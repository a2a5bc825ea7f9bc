"""Steps that are read while the one before them is trained on."""

import threading
import time

import keras
import numpy as np
import pytest

import kerasgen
from kerasgen.models.read_ahead import DEPTH, ReadAhead

SHAPE = (8, 8, 1)
GOOD = np.random.RandomState(0).randint(0, 256, (8, *SHAPE)).astype("uint8")


def threads():
    return [t for t in threading.enumerate() if t.name == "kerasgen read ahead"]


def make_vae():
    keras.utils.set_random_seed(0)
    vae = kerasgen.models.dense_vae(SHAPE, latent_dim=2, hidden=(8,), seed=1)
    vae.compile(keras.optimizers.SGD(1e-3))
    return vae


class Slow(keras.callbacks.Callback):
    """Steps that take their time, and what was read by the end of each."""

    def __init__(self, read, seconds=0.05, error_at=None):
        super().__init__()
        self.read = read
        self.seconds = seconds
        self.error_at = error_at
        self.counts = []

    def on_train_batch_end(self, batch, logs=None):
        time.sleep(self.seconds)
        self.counts.append(len(self.read))
        if batch == self.error_at:
            raise KeyboardInterrupt


def recorded(read, num=12):
    for index in range(num):
        read.append(index)
        yield GOOD


def wait_until(condition, seconds=5.0):
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.01)
    assert condition()


@pytest.mark.eager
def test_items_come_in_order_and_no_more_than_a_few_are_made():
    made = []
    items = ReadAhead(made.append(i) or i for i in range(20))
    assert threads() == [] and made == []
    assert next(items) == 0
    # Beside those that lie ready, one waits for room.
    wait_until(lambda: len(made) == 1 + DEPTH + 1)
    time.sleep(0.05)
    assert len(made) == 1 + DEPTH + 1
    assert list(items) == list(range(1, 20))
    assert threads() == [] and next(items, "end") == "end"


@pytest.mark.eager
def test_a_thread_that_waits_for_an_item_hears_of_the_end():
    may_go_on = threading.Event()

    def slow():
        yield 1
        may_go_on.wait(5)
        yield 2

    items, found = ReadAhead(slow()), []
    waiting = threading.Thread(target=lambda: found.extend(items))
    waiting.start()
    wait_until(lambda: found == [1])
    threading.Timer(0.1, may_go_on.set).start()
    items.close()
    waiting.join(5)
    assert not waiting.is_alive() and found in ([1], [1, 2])


@pytest.mark.eager
def test_an_error_comes_where_its_item_was_due_and_is_the_same_object():
    error = OSError("the disk is gone")

    def broken():
        yield 1
        yield 2
        raise error

    items = ReadAhead(broken())
    assert [next(items), next(items)] == [1, 2]
    with pytest.raises(OSError) as raised:
        next(items)
    assert raised.value is error
    assert threads() == [] and list(items) == []


@pytest.mark.eager
def test_closing_ends_the_thread_wherever_it_is():
    ended = []

    def endless():
        try:
            while True:
                yield 0
        finally:
            ended.append(True)

    waiting = ReadAhead(endless())
    next(waiting)
    waiting.close()
    assert ended == [True] and threads() == [] and list(waiting) == []
    unused = ReadAhead(endless())
    unused.close()
    assert list(unused) == []


def test_a_batch_is_read_while_a_step_runs_and_not_too_many():
    read = []
    slow = Slow(read)
    make_vae().fit(recorded(read), callbacks=[slow], verbose=0)
    trained = np.arange(1, 1 + len(slow.counts))
    ahead = np.array(slow.counts) - trained
    assert len(trained) == 12 and (ahead[:6] >= 2).all()
    # Two ready, one in the reader's hand and the one that says whether it is the last.
    assert ahead.max() <= 2 * DEPTH
    assert threads() == []


@pytest.mark.parametrize("stop", ["error", "callback", "steps"])
def test_reading_ends_with_fit(stop):
    read = []
    slow = Slow(read, error_at=2 if stop == "error" else None)
    vae = make_vae()
    options = {"callbacks": [slow], "verbose": 0}
    if stop == "error":
        with pytest.raises(KeyboardInterrupt):
            vae.fit(recorded(read, 1000), **options)
    elif stop == "callback":
        slow.on_train_batch_begin = lambda batch, logs=None: setattr(
            vae, "stop_training", batch == 2
        )
        vae.fit(recorded(read, 1000), **options)
    else:
        vae.fit(recorded(read, 1000), steps_per_epoch=3, **options)
    assert threads() == []
    count = len(read)
    assert count <= 3 + 2 * DEPTH
    time.sleep(0.1)
    assert len(read) == count


def test_evaluation_ends_its_reading(tmp_path):
    read = []
    vae = make_vae()
    vae.evaluate(recorded(read, 1000), steps=2, verbose=0)
    vae.fit(GOOD, validation_data=recorded(read, 1000), validation_steps=2, verbose=0)
    assert threads() == []


def test_a_second_fit_after_one_that_was_stopped_reads_from_the_start():
    x = np.concatenate([GOOD, GOOD[::-1]])
    vae, other = make_vae(), make_vae()
    with pytest.raises(KeyboardInterrupt):
        vae.fit(x, batch_size=4, callbacks=[Slow([], 0.0, error_at=0)], verbose=0)
    vae.set_weights(other.get_weights())
    for model in (vae, other):
        model.fit(x, batch_size=4, epochs=2, verbose=0)
    weights = zip(vae.trainable_weights, other.trainable_weights, strict=True)
    for a, b in weights:
        np.testing.assert_array_equal(*map(keras.ops.convert_to_numpy, (a, b)))
