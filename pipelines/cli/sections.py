"""The list of commands in `circuits --help`, in sections by what the commands are for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from typer.core import TyperGroup

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


class CommandsInSections(TyperGroup):
    """A group of commands whose help lists them by section."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write a section for each of `SECTIONS`, with a line per command."""
        width = max(len(name) for names in SECTIONS.values() for name in names)
        for title, names in SECTIONS.items():
            commands = [(name, self.get_command(ctx, name)) for name in names]
            limit = formatter.width - 6 - width
            rows = [(name.ljust(width), found.get_short_help_str(limit)) for name, found in commands if found]
            with formatter.section(title):
                formatter.write_dl(rows)
