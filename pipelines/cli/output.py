"""What commands write to stdout."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from circuits.lookup import lookup
from circuits.visible_text import visible

if TYPE_CHECKING:
    from pipelines.reporting.paper import PaperTable
    from pipelines.runs.settings import CommandSettings


class Output(NamedTuple):
    """In which form a report is printed.

    as_json  as one JSON object
    to       as a table for a paper, in this format; None: as tables for the terminal
    table    which table; None: the usual one
    numbers  the style of its numbers; None: brackets
    quiet    say nothing of what is under way
    verbose  say of every job when it begins, and what it took
    """

    as_json: bool = False
    to: str | None = None
    table: str | None = None
    numbers: str | None = None
    quiet: bool = False
    verbose: bool = False

    def check(self, settings: type[CommandSettings]) -> None:
        """ValueError for an unknown format, table or style of numbers, and for options that do not go together."""
        if self.quiet and self.verbose:
            raise ValueError("--quiet says nothing of what is under way, and --verbose all of it: give one of them.")
        if self.to is None:
            if given := [f"--{name}" for name in ("table", "numbers") if getattr(self, name) is not None]:
                raise ValueError(f"{' and '.join(given)} belong to a table for a paper: give --to, such as --to latex.")
            return
        from pipelines.reporting.paper import number_style, table_format

        if self.as_json:
            raise ValueError("--json prints one JSON object, and --to a table: give one of them.")
        table_format(self.to)
        number_style(self.numbers or "brackets")
        if self.table is not None:
            lookup(dict.fromkeys(settings.paper_tables), self.table, "table")

    def paper(self, tables: Mapping[str, PaperTable], command: str, about: Mapping[str, Any]) -> str:
        """The table that was asked for. ValueError where the report lacks it.

        tables   those that the report has, by name
        command  makes the table again
        about    where its numbers came from, which a comment above it says
        """
        from graphs.export.about import facts_text
        from pipelines.reporting.paper import number_style, table_format

        assert self.to is not None
        if not tables:
            raise ValueError("there is nothing to make a table of.")
        name = self.table or next(iter(tables))
        if name not in tables:
            raise ValueError(f"these results have no table {name!r}, only {', '.join(tables)}. Choose with --table.")
        options = "".join(f" --{key} {value}" for key in ("to", "table", "numbers") if (value := getattr(self, key)))
        made = table_format(self.to)
        text = made.write(tables[name], number_style(self.numbers or "brackets"), command + options)
        return text if made.comment is None else f"{made.comment(facts_text(about))}\n{text}"


def write_file(path: Path, data: bytes, *, is_quiet: bool) -> None:
    """Write a file that --out names and print where it is; that its folder was made is said on stderr.

    ValueError where a file that no command wrote would be lost, and where it cannot be written.
    """
    from circuits.files import write_atomically
    from pipelines.runs.places import require_replaceable

    require_replaceable(path, data)
    is_new = not path.parent.exists()
    write_atomically(path, data)
    if is_new and not is_quiet:
        sys.stderr.write(f"made the folder {visible(str(path.parent))}\n")
    sys.stdout.write(f"{visible(str(path))}\n")


def print_json(value: Any) -> None:
    """One JSON object."""
    sys.stdout.write(json.dumps(value, indent=2, allow_nan=False) + "\n")
