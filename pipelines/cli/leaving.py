"""A command that is done ends its process at once: Python takes apart what it holds piece by piece, which takes seconds
where a model was loaded, and nobody needs it."""

from __future__ import annotations

import atexit
import os
import sys
from collections.abc import Callable

from pipelines.cli.closed_pipe import open_closed_streams

FAILED = 1


def leaving_at_once(command: Callable[[], None]) -> None:
    """Run a command that ends with SystemExit or returns; then end the process with its exit code, once threads are
    done and all that is registered to be done at exit is done."""
    code: int | None = 0
    open_closed_streams()

    # What is registered first is called last.
    @atexit.register
    def leave() -> None:
        if code is None:
            return
        try:
            sys.stdout.flush()
            sys.stderr.flush()
        except BrokenPipeError:
            os._exit(code or FAILED)  # nobody is there to be told
        except (OSError, ValueError):
            return  # Python says so
        os._exit(code)

    try:
        command()
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 0 if ended.code is None else None
        raise
    except BaseException:
        code = None
        raise
