"""Why a model cannot be opened, in one line: other libraries raise dozens of kinds of errors for it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


def reason(error: BaseException) -> str:
    """What an error says, on one line; after its kind, where the message alone may not tell what happened."""
    text = " ".join(str(error).split())
    if text and isinstance(error, (ValueError, OSError, ImportError)):
        return text
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


@contextmanager
def refused_as(what: str) -> Iterator[None]:
    """Raise a ValueError, `what` with the reason after it, where anything goes wrong inside."""
    try:
        yield
    except Exception as error:  # whatever a family does that another library, or this one, did not expect
        raise ValueError(f"{what}: {reason(error)}") from error
