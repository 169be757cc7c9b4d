"""The list of commands in `circuits --help`, in sections by what the commands are for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from typer.core import TyperGroup

_LONGEST = 1000  # characters of a summary, which nobody writes

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


class GroupOfCommands(TyperGroup):
    """A group of commands whose help has every summary in full, on as many lines as it takes."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write a line, or more, for each command."""
        with formatter.section("Commands"):
            formatter.write_dl(_rows([(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]))


class CommandsInSections(GroupOfCommands):
    """A group of commands whose help lists them by section."""

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
