"""Entry point of the `circuits` command: Ctrl-C is answered in one line even while the command is still imported."""

from __future__ import annotations

from pipelines.cli.leaving import leaving_at_once
from pipelines.cli.signals import leave_on_interrupt


def main() -> None:
    """The `circuits` command, from its first moment on."""
    leave_on_interrupt()
    leaving_at_once(_import_and_run)


def _import_and_run() -> None:
    from pipelines.cli.main import main as commands

    commands()
