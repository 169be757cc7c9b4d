"""Ctrl-C while the command itself is still imported ends it at once.

SIGTERM, which batch systems send before they kill, and SIGHUP, of a terminal that is closed: both end a command as
Ctrl-C does, with an exit code of their own.
"""

from __future__ import annotations

import contextlib
import os
import signal

_NAMES = ("SIGTERM", "SIGHUP")  # the latter is not everywhere
_STDERR = 2
_received: list[int] = []


def end_on_signals() -> None:
    """Raise a KeyboardInterrupt at either signal, but for one that is ignored, as under `nohup`."""
    for name in _NAMES:
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _end)


def leave_on_interrupt() -> None:
    """End the process at Ctrl-C, with one line, until `raise_on_interrupt`: nothing has begun that could be kept."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _leave)


def raise_on_interrupt() -> None:
    """Raise a KeyboardInterrupt at Ctrl-C from now on, where `leave_on_interrupt` had it end the process."""
    if signal.getsignal(signal.SIGINT) is _leave:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def code_of_interrupt() -> int:
    """The exit code of a command that was interrupted: 128 and the number of the signal that did it."""
    return 128 + (_received[0] if _received else signal.SIGINT)


def _end(number: int, frame: object) -> None:
    # Batch systems may send it again while workers are ended.
    if not _received:
        _received.append(number)
        raise KeyboardInterrupt


def _leave(number: int, frame: object) -> None:
    with contextlib.suppress(OSError):  # of a terminal that is closed
        os.write(_STDERR, b"interrupted\n")
    os._exit(128 + number)
