"""What is done now, in words, where it may take long: told to whoever listens, who may be nobody.

    with phase("hashing the weights of gpt2"):
        ...

Of jobs, which run in threads of their own, progress tells; how far they are is told apart (`circuits.model.steps`), and
what takes long in one without steps, such as drawing random circuits, is a phase.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol


class Listener(Protocol):
    """Whoever is told of phases."""

    def begins(self, text: str) -> None:
        """A phase begins, within those that have not ended; of an empty one, somebody else tells."""

    def reached(self, share: float) -> None:
        """How much of the phase that began last is done, from 0 to 1."""

    def ends(self) -> None:
        """The phase that began last ends."""


_LISTENER: ContextVar[Listener | None] = ContextVar("listener", default=None)


@contextmanager
def phases_told_to(listener: Listener | None) -> Iterator[None]:
    """Within it, `listener` is told of the phases of this thread; None: nobody is."""
    token = _LISTENER.set(listener)
    try:
        yield
    finally:
        _LISTENER.reset(token)


@contextmanager
def phase(text: str) -> Iterator[None]:
    """What happens inside the `with`, in words that follow the name of a command and a colon.

    >>> from circuits.model.phases import phase
    >>> with phase("reading the runs"):
    ...     n_runs = 2
    >>> n_runs
    2
    """
    listener = _LISTENER.get()
    if listener is None:
        yield
        return
    listener.begins(text)
    try:
        yield
    finally:
        listener.ends()


def reached(share: float) -> None:
    """How much of the phase that began last is done, from 0 to 1, where that can be told."""
    if (listener := _LISTENER.get()) is not None:
        listener.reached(share)


@contextmanager
def told_elsewhere() -> Iterator[None]:
    """What happens inside the `with` is told by somebody else, or waits for somebody: nobody hears of it here."""
    with phase(""):
        yield
