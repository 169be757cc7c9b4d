"""One thread for each job: sums then keep one order wherever a job runs, and jobs run side by side."""

from __future__ import annotations

import sys
from typing import NamedTuple

from threadpoolctl import ThreadpoolController


class _Known(NamedTuple):
    """The libraries that have threads, found when the process had imported so many modules."""

    n_modules: int
    libraries: ThreadpoolController


_KNOWN: list[_Known] = []


def limit_threads() -> None:
    """Let numpy, torch and what else has threads of its own use one in this thread.

    Libraries are looked for again only where modules were imported since: that takes as long as all else that a short
    job needs.
    """
    n_modules = len(sys.modules)
    if not _KNOWN or _KNOWN[0].n_modules != n_modules:
        _KNOWN[:] = [_Known(n_modules, ThreadpoolController())]
    _KNOWN[0].libraries.limit(limits=1)
