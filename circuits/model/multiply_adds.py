"""What measuring costs, as multiply-adds with weights: the same on every machine, unlike seconds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar


class Work:
    """Multiply-adds with weights done while it was counting; a backward pass through a product counts as one more.

    Products of activations with each other (attention, contractions of gradients with differences) are left out.
    """

    def __init__(self) -> None:
        self.multiply_adds = 0


_COUNTING: ContextVar[Work | None] = ContextVar("work", default=None)


@contextmanager
def counted() -> Iterator[Work]:
    """Count what this thread does inside the `with`, and hide it from any count around it."""
    work = Work()
    token = _COUNTING.set(work)
    try:
        yield work
    finally:
        _COUNTING.reset(token)


def count(multiply_adds: int) -> None:
    """Add to what is being counted."""
    work = _COUNTING.get()
    if work is not None:
        work.multiply_adds += multiply_adds
