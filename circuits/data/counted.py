"""How many prompts have been made so far, told to whoever waits for them, who may be nobody."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

T = TypeVar("T")
_TELL: ContextVar[Callable[[int], None] | None] = ContextVar("tell", default=None)


@contextmanager
def told_to(tell: Callable[[int], None]) -> Iterator[None]:
    """Within it, `tell` is called with how many there are, after each."""
    token = _TELL.set(tell)
    try:
        yield
    finally:
        _TELL.reset(token)


def counted(items: Iterable[T]) -> Iterator[T]:
    """The items, each of them told."""
    tell = _TELL.get()
    for n_made, item in enumerate(items, 1):
        if tell is not None:
            tell(n_made)
        yield item
