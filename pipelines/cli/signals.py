"""SIGTERM, which batch systems send before they kill, and SIGHUP, of a terminal that is closed: both end a command as
Ctrl-C does, with an exit code of their own."""

from __future__ import annotations

import signal

_NAMES = ("SIGTERM", "SIGHUP")  # the latter is not everywhere
_received: list[int] = []


def end_on_signals() -> None:
    """Raise a KeyboardInterrupt at either signal, but for one that is ignored, as under `nohup`."""
    for name in _NAMES:
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _end)


def code_of_interrupt() -> int:
    """The exit code of a command that was interrupted: 128 and the number of the signal that did it."""
    return 128 + (_received[0] if _received else signal.SIGINT)


def _end(number: int, frame: object) -> None:
    # Batch systems may send it again while workers are ended.
    if not _received:
        _received.append(number)
        raise KeyboardInterrupt
