"""stderr goes on after its reader has left, as in `circuits discover ioi 2>&1 | head`: what is under way is said to
nobody, and the run that it is said of goes on to its end.

A stream that is closed from the beginning (`>&-`) is as one whose reader has left.
"""

from __future__ import annotations

import os
import sys
from typing import Any, TextIO, cast


class GoingOn:
    """A stream whose writes are lost once its reader has closed the pipe; all else is that of the stream itself."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        try:
            return self._stream.write(text)
        except BrokenPipeError:
            leave_pipe(self._stream)
            return len(text)

    def flush(self) -> None:
        try:
            self._stream.flush()
        except BrokenPipeError:
            leave_pipe(self._stream)


def going_on(stream: TextIO) -> TextIO:
    """The stream, whose writes are lost once its reader has closed the pipe."""
    return cast("TextIO", GoingOn(stream))


def leave_pipe(stream: TextIO) -> None:
    """The reader of a pipe (`| head`) has closed it: a later flush, such as that at exit, would complain."""
    _put_at(stream.fileno(), os.open(os.devnull, os.O_WRONLY))


def open_closed_streams() -> None:
    """Give a process that begins with closed streams some, before a file of its own gets their numbers: nothing to
    read, nobody who reads what is printed, and no place for what is said."""
    # Of several, the lowest number is given out first.
    if sys.stdin is None:
        _put_at(0, os.open(os.devnull, os.O_RDONLY))
        sys.stdin = os.fdopen(0)
    if sys.stdout is None:
        read, write = os.pipe()
        os.close(read)
        _put_at(1, write)
        sys.stdout = os.fdopen(1, "w")
    if sys.stderr is None:
        _put_at(2, os.open(os.devnull, os.O_WRONLY))
        sys.stderr = os.fdopen(2, "w")


def _put_at(number: int, opened: int) -> None:
    """Let an open file have this number alone."""
    if opened != number:
        os.dup2(opened, number)
        os.close(opened)
