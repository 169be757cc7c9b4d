"""stderr goes on after its reader has left, as in `circuits discover ioi 2>&1 | head`: what is under way is said to
nobody, and the run that it is said of goes on to its end."""

from __future__ import annotations

import os
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
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
