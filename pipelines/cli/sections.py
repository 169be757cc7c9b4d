"""The list of commands in `circuits --help`, in sections by what the commands are for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from typing import Any

from typer.core import TyperGroup

from pipelines.runs.shell_text import shell_line

_LONGEST = 1000  # characters of a summary, which nobody writes

_TYPED: ContextVar[tuple[str, ...] | None] = ContextVar("what was typed after the name of the program", default=None)
SECTIONS: Mapping[str, Sequence[str]] = {
    "Prompts and models": ("tasks", "prompts", "models", "fetch", "doctor"),
    "Find a circuit": ("discover", "trace", "evaluate", "study"),
    "Compare": ("compare", "reuse", "cluster"),
    "Look at heads": ("attention", "roles", "profile", "reads", "effects", "influence", "codes"),
    "Change a model as it answers": ("intervene", "orders"),
    "Draw, export, report": ("draw", "export", "report", "show", "rerun"),
    "What is stored": ("status", "view", "clean"),
    "What there is to choose from": ("methods", "selections", "rules", "profiles", "figures", "exports"),
    "Published results": ("published", "reproduce"),
}


def typed_command() -> str | None:
    """The command that runs, as its user gave it; None where none was typed."""
    typed = _TYPED.get()
    return None if typed is None else shell_line(["circuits", *typed])


class GroupOfCommands(TyperGroup):
    """A group of commands whose help has every summary in full, on as many lines as it takes."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write a line, or more, for each command."""
        with formatter.section("Commands"):
            formatter.write_dl(_rows([(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]))


class CommandsInSections(GroupOfCommands):
    """A group of commands whose help lists them by section; what is typed is kept (`typed_command`)."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """As ever; what was given is kept before it is taken apart."""
        _TYPED.set(tuple(args))
        return super().parse_args(ctx, args)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write a section for each of `SECTIONS`."""
        width = max(len(name) for names in SECTIONS.values() for name in names)
        for title, names in SECTIONS.items():
            rows = _rows([(name.ljust(width), self.get_command(ctx, name)) for name in names])
            with formatter.section(title):
                formatter.write_dl(rows)


def _rows(commands: Sequence[tuple[str, Any]]) -> list[tuple[str, str]]:
    """The commands with their summaries: the first sentence of their help."""
    return [(name, found.get_short_help_str(_LONGEST)) for name, found in commands if found]
