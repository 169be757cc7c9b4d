"""Freed memory that a worker process keeps, to use it again for the next tensors.

Dask tells its workers to give freed memory back at once (MALLOC_TRIM_THRESHOLD_), which also ends glibc's learning of
how large blocks are: each tensor then comes as new pages, which the system fills with zeros, and half of a job's time
may go into that. This process, and any that Dask has not started, keeps as much by itself after its first tensors.
"""

from __future__ import annotations

import ctypes
from functools import cache

# What mallopt(3) calls them, and the most to which glibc raises them by itself.
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
_LARGEST_BLOCK = 32 * 2**20


@cache
def keep_freed_memory() -> None:
    """Let this process treat freed memory as one that has held large tensors; nothing where its C library is not
    glibc."""
    set_option = getattr(ctypes.CDLL(None), "mallopt", None)
    if set_option is not None:
        set_option(_MMAP_THRESHOLD, _LARGEST_BLOCK)
        set_option(_TRIM_THRESHOLD, 2 * _LARGEST_BLOCK)
