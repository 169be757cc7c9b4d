"""Every command of the command line, for tests that go over all of them."""

from __future__ import annotations

from typing import Any

import typer

from pipelines.cli.main import app


def _leaves(command: Any, name: str = "") -> dict[str, Any]:
    """Every command without commands of its own, by its name."""
    if not hasattr(command, "commands"):
        return {name: command}
    return {
        leaf: found
        for own, inner in command.commands.items()
        for leaf, found in _leaves(inner, f"{name} {own}".strip()).items()
    }


COMMANDS = _leaves(typer.main.get_command(app))


def options_of(command: str) -> dict[str, Any]:
    """Flag -> option, of a command."""
    of_it = [option for option in COMMANDS[command].params if option.param_type_name == "option"]
    return {flag: option for option in of_it for flag in option.opts}


def help_of(command: str) -> dict[str, str]:
    """Flag -> its help, of a command's options."""
    return {flag: option.help or "" for flag, option in options_of(command).items()}
