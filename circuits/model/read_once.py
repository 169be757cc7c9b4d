"""Tokenizers that are read from their files once, though several ask for them: to check prompts before weights are
loaded, and to load the model."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from circuits.data.tokenizer import Tokenizer

_READ: ContextVar[dict[Path, Tokenizer | None] | None] = ContextVar("tokenizers read", default=None)


@contextmanager
def tokenizers_read_once() -> Iterator[None]:
    """Within it, whoever asks for the tokenizer of a folder or a file gets the same object as who asked before."""
    if _READ.get() is not None:
        yield
        return
    token = _READ.set({})
    try:
        yield
    finally:
        _READ.reset(token)


def read_once(place: Path, read: Callable[[], Tokenizer | None]) -> Tokenizer | None:
    """What `read` gives, or gave within the same `tokenizers_read_once` for the same place."""
    known = _READ.get()
    if known is None:
        return read()
    if place not in known:
        known[place] = read()
    return known[place]
