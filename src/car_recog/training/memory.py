"""Keeps memory that was freed for the next training step."""

import ctypes
import os
import platform

_TRIM_THRESHOLD, _TOP_PAD, _MMAP_MAX = -1, -2, -4  # of glibc's malloc.h
_MOST_KEPT = 2**31 - 1
_HEAP = 64 * 2**20  # the heaps of threads other than the first are as large, and empty ones are kept up to the padding
_SETTINGS = {"MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_", "MALLOC_MMAP_MAX_"}


def keep_freed_memory() -> bool:
    """Have glibc keep freed memory, up to 2 GiB, for the rest of the process.

    As it comes, glibc hands the tensors of a training step back to the system when they are freed, and each step asks for them again, to
    be filled with zeros page by page: on two cores that took half the time of a training of MobileNet. Nothing is mapped apart any more,
    for the largest tensors would be: a threshold above 32 MiB is refused. Does nothing where another C library is in use, or where the
    environment sets these limits (`MALLOC_TRIM_THRESHOLD_`, `MALLOC_MMAP_THRESHOLD_`, `MALLOC_MMAP_MAX_`).

    Returns:
        Whether it was done.

    Source: mallopt(3).
    """
    if platform.libc_ver()[0] != "glibc" or not os.environ.keys().isdisjoint(_SETTINGS):
        return False
    mallopt = ctypes.CDLL(None).mallopt
    limits = {_TRIM_THRESHOLD: _MOST_KEPT, _TOP_PAD: _HEAP, _MMAP_MAX: 0}
    return all(mallopt(name, value) for name, value in limits.items())
