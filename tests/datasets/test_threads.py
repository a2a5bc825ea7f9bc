"""Work on many samples: in threads where they help."""

import threading
import time

import numpy as np
import pytest

from kerasgen.datasets import threads

SECONDS = 2 * threads.QUICK_SECONDS


def slow(item):
    time.sleep(SECONDS)
    return item, threading.current_thread()


@pytest.mark.parametrize("num_items", [0, 1, 2, 3, 5, 64, 101])
@pytest.mark.parametrize("seconds", [0.0, float("inf")], ids=["slow", "quick"])
def test_results_keep_the_order_of_the_items(num_items, seconds, monkeypatch):
    monkeypatch.setattr(threads, "QUICK_SECONDS", seconds)
    items = np.arange(num_items)
    assert threads.map_in_threads(lambda item: item + 1, items) == [*(items + 1)]


def test_threads_share_what_takes_long_and_end(monkeypatch):
    monkeypatch.setattr(threads.os, "cpu_count", lambda: 4)
    found = threads.map_in_threads(slow, range(64))
    workers = {thread for _, thread in found[threads.TRIALS :]}
    assert len(workers) > 1 and threading.main_thread() not in workers
    assert not any(thread.is_alive() for thread in workers)


def test_one_that_is_refused_at_once_does_not_make_all_quick(monkeypatch):
    monkeypatch.setattr(threads.os, "cpu_count", lambda: 4)
    found = threads.map_in_threads(
        lambda item: slow(item) if item else (item, None), range(64)
    )
    assert len({thread for _, thread in found[threads.TRIALS :]}) > 1


def test_what_is_quick_is_done_by_the_caller(monkeypatch):
    monkeypatch.setattr(threads, "QUICK_SECONDS", 10.0)
    found = threads.map_in_threads(slow, range(5))
    assert {thread for _, thread in found} == {threading.current_thread()}


@pytest.mark.parametrize("bad", [0, 40])
def test_an_error_reaches_the_caller(bad, monkeypatch):
    monkeypatch.setattr(threads, "QUICK_SECONDS", 0.0)

    def fail(item):
        if item == bad:
            raise ValueError(f"item {item}")

    with pytest.raises(ValueError, match=f"item {bad}"):
        threads.map_in_threads(fail, range(64))
