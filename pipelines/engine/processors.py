"""How many processors are free when a run starts: jobs run side by side on these, and never on more.

Two jobs that share one processor finish no sooner, hold twice the memory and empty each other's caches; threads of one
product that wait for each other are slower than one. Each job therefore has one thread, and a processor to itself.
"""

from __future__ import annotations

import os

import psutil


def free_processors(n_allowed: int, n_of_machine: int, load: float) -> int:
    """How many of the processors that this process may use are free; at least 1.

    load  how many processors' worth of work the machine has had of late
    """
    return max(1, min(n_allowed, round(n_of_machine - load)))


def processors_now() -> tuple[int, int]:
    """How many processors are free now, by the machine's load of the last minute, and how many this process may use."""
    n_of_machine = os.cpu_count() or 1
    # Batch systems may allow fewer than the machine has.
    n_allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else n_of_machine
    return free_processors(n_allowed, n_of_machine, psutil.getloadavg()[0]), n_allowed


def use_free_processors() -> None:
    """Let what this process computes from here on have as many threads as there are free processors: more of them wait
    for each other at full speed."""
    import torch

    torch.set_num_threads(processors_now()[0])


def said(n_free: int, n_allowed: int) -> str:
    """The choice, for people."""
    if n_free == n_allowed:
        return f"{n_free} at a time"
    return f"{n_free} at a time, as other work keeps {n_allowed - n_free} of {n_allowed} processors busy"
