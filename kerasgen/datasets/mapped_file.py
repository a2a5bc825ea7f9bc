"""Rows of a mapped file that memory cannot hold, asked for before they are read."""

import contextlib
import functools
import mmap
import os
from pathlib import Path

import numpy as np

# Of versions 2 and 1; "max" is no number.
CGROUP_LIMITS = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)


def read_rows(array, rows):
    """`array[rows]`, of a large mapped file once its pages are asked for.

    Args:
        array: Array or `Rows` of shape (num_samples, ...).
        rows: int array (B,) in [0, num_samples).
    """
    announce(array, rows)
    return array[rows]


def announce(array, rows):
    """Asks the system for the pages of some rows, and for no others.

    Where a page is missing, the system reads those around it as well, as many as its
    read-ahead says (on Linux 128 kB, or megabytes for fast disks), for a program that
    will read on. One that reads rows in random order does not: of a file that fits into
    memory they are welcome later, of a larger one they are gone by then. Does nothing
    for other arrays, and where the system has no `madvise`.

    Args:
        array: NumPy array of shape (num_samples, ...).
        rows: int array (B,) in [0, num_samples).
    """
    memory = _mapped_memory(array)
    if memory is None or not len(rows):
        return
    size, stride = array[0].nbytes, array.strides[0]
    start = _address(array) - _address(np.frombuffer(memory, "uint8"))
    for row in np.unique(rows).tolist():
        first = start + stride * row
        page = first - first % mmap.PAGESIZE
        # No more than advice: what is wrong with the rows is told when they are read.
        with contextlib.suppress(OSError, ValueError):
            memory.madvise(mmap.MADV_WILLNEED, page, first + size - page)


def _mapped_memory(array):
    """The map that an array lies in, if it takes more than half the memory, or None."""
    base = array
    while isinstance(base, np.ndarray):
        base = base.base
    if isinstance(base, memoryview):
        base = base.obj
    if not isinstance(base, mmap.mmap) or not hasattr(base, "madvise"):
        return None
    fits = len(base) <= memory_bytes() // 2
    return None if fits or not array[0].flags.c_contiguous else base


@functools.cache
def memory_bytes():
    """Memory of the machine, or what a container may take of it."""
    size = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for path in CGROUP_LIMITS:
        with contextlib.suppress(OSError, ValueError):
            size = min(size, int(path.read_text()))
    return size


def _address(array):
    return array.__array_interface__["data"][0]
