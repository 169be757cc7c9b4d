"""Which process a file in a store belongs to, and whether that process still runs."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from typing import Any

import psutil


def this_process() -> dict[str, Any]:
    """What tells this process from any other, on any host."""
    return {"pid": os.getpid(), "host": socket.gethostname(), "started": _started(os.getpid())}


def is_running(owner: Mapping[str, Any]) -> bool | None:
    """Whether the process that `this_process` gave runs; None where it is another host's."""
    if owner["host"] != socket.gethostname():
        return None
    # A later process may have the same number.
    return owner["started"] is not None and owner["started"] == _started(owner["pid"])


def _started(pid: int) -> float | None:
    """When a process began; None where there is none, or one that has ended and waits for its parent to ask how.

    In a container whose first process asks of nobody, those that were killed stay so for ever.
    """
    try:
        process = psutil.Process(pid)
        return None if process.status() in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD) else process.create_time()
    except psutil.Error:
        return None
