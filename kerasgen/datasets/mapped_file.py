"""Rows of a mapped file that memory cannot hold, asked for before they are read."""

import mmap
import os

import numpy as np


def announce(array, rows):
    """Asks the system for the pages of some rows, and for no others.

    Where a page is missing, the system reads those around it as well, up to megabytes,
    for a program that will read on. One that reads rows in random order does not: of a
    file that fits into memory they are welcome later, of a larger one they are gone by
    then. Does nothing for other arrays, and where the system has no `madvise`.

    Args:
        array: NumPy array of shape (num_samples, ...).
        rows: int array (B,) in [0, num_samples).
    """
    memory = _mapped_memory(array)
    if memory is None or not len(rows):
        return
    size, stride = array[0].nbytes, array.strides[0]
    start = _address(array) - _address(np.frombuffer(memory, "uint8"))
    for first in (start + stride * np.unique(rows)).tolist():
        page = first - first % mmap.PAGESIZE
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
    fits = len(base) <= _memory_bytes() // 2
    return None if fits or not array[0].flags.c_contiguous else base


def _memory_bytes():
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _address(array):
    return array.__array_interface__["data"][0]
