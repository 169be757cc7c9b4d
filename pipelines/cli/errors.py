"""Errors of commands: one message on stderr and an exit code, in place of a traceback."""

from __future__ import annotations

import contextlib
import functools
import os
import sys
from collections.abc import Callable
from typing import Any

import typer

from circuits.visible_text import readable, visible
from pipelines.cli.closed_pipe import leave_pipe
from pipelines.cli.leaving import FAILED
from pipelines.cli.phases import phases_said
from pipelines.cli.signals import code_of_interrupt, raise_on_interrupt

BAD_INPUT = 2


def reports_errors(command: Callable[..., None], *, name: str | None = None) -> Callable[..., None]:
    """The command, reporting bad input and Ctrl-C as one line on stderr and an exit code instead of a traceback; what
    takes long in it is said on stderr as well.

    name  what is typed after `circuits`, where the function is not called so
    """

    @functools.wraps(command)
    def run(*args: Any, **options: Any) -> None:
        try:
            raise_on_interrupt()
            with phases_said(name or command.__name__, is_quiet=options.get("quiet") is True):
                command(*args, **options)
                sys.stdout.flush()
        except ValueError as error:
            _leave(f"error: {_with_notes(error)}", BAD_INPUT)
        except BrokenPipeError:
            leave_pipe(sys.stdout)
            raise typer.Exit(FAILED) from None
        except OSError as error:
            _leave(f"error: {_of_file(error)}", BAD_INPUT)
        except KeyboardInterrupt as error:
            _interrupted(str(error))
        except RuntimeError as error:
            if type(error).__name__ != "ClusterError":
                raise
            _leave(f"error: {_with_notes(error)}", FAILED)

    return run


def _interrupted(message: str) -> None:
    """End the process at once, with what continues."""
    with contextlib.suppress(OSError):  # of a terminal that is closed
        sys.stderr.write(f"{visible(message) or 'interrupted'}\n")
        sys.stderr.flush()
    # Jobs still running in threads would delay a normal exit; they write whole files or none.
    os._exit(code_of_interrupt())


def _of_file(error: OSError) -> str:
    """What the system said of which file."""
    if error.filename is None or error.strerror is None:
        return str(error)
    return f"{os.fsdecode(error.filename)}: {error.strerror}. Choose another place, or make it usable."


def _with_notes(error: Exception) -> str:
    """The message, and which job of which run it is about."""
    notes = " ".join(getattr(error, "__notes__", ()))
    said = _of_settings(error) if type(error).__name__ == "ValidationError" else str(error)
    return f"{said} ({notes})" if notes else said


def _of_settings(error: Exception) -> str:
    """What is wrong with which setting, where pydantic has found it."""
    from pydantic import ValidationError

    from pipelines.runs.settings_file import validation_message

    return validation_message(error) if isinstance(error, ValidationError) else str(error)


def _leave(message: str, code: int) -> None:
    try:
        sys.stdout.flush()  # what was printed before comes first, also where both go to one file
    except BrokenPipeError:
        leave_pipe(sys.stdout)
    sys.stderr.write(visible(readable(message)) + "\n")
    raise typer.Exit(code)
