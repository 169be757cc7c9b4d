"""What a file says of itself, and the commands that compute it again."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from itertools import groupby
from pathlib import Path
from typing import Any

from circuits.files import read_bytes
from pipelines.cli.commands import offers
from pipelines.reporting.tables import print_line
from pipelines.runs.about_file import facts_beside
from pipelines.runs.options import store_option

_MOST_BYTES = 2**28  # of a file that is read; drawings and graphs of 70,000 edges stay below


def facts_of(file: Path) -> dict[str, Any]:
    """What a file says of itself, or its folder of it. ValueError where neither says anything."""
    from graphs.export import about, read_about
    from graphs.export.json import JsonExport

    if file.is_dir() and (facts := facts_beside(file)) is not None:
        return facts
    if not file.is_file():
        raise ValueError(f"no file {file}. Give one that `circuits export` or another command wrote, or its folder.")
    if file.stat().st_size > _MOST_BYTES:
        raise ValueError(f"{file} has {file.stat().st_size / 2**20:,.0f} MB: no export is so large.")
    data = read_bytes(file)
    try:
        return read_about(data, source=str(file))
    except ValueError:
        if (facts := facts_beside(file)) is not None:
            return facts
        if not data.lstrip().startswith(b"{"):
            raise
    return about(JsonExport().from_bytes(data, source=str(file)))


def commands_of(file: Path, out: Path) -> list[list[str]]:
    """The arguments of the commands that a file keeps, one after the other, with `out` as their store.

    ValueError where it keeps none, or one that computes nothing or says itself where to write.
    """
    command = facts_of(file).get("command")
    if not isinstance(command, str):
        raise ValueError(
            f"{file} keeps no command: only exports of a run do. `circuits show {file}` says what it keeps."
        )
    known, parts = offers(), [list(part) for is_and, part in groupby(shlex.split(command), "&&".__eq__) if not is_and]
    asked = []
    for program, *arguments in parts or [[""]]:
        name = next((name for n in (2, 1) if (name := " ".join(arguments[:n])) in known), None)
        if program != "circuits" or name is None or {"--out", "--runs"} & set(arguments):
            raise ValueError(f"{file} keeps {command!r}, which is not only commands that compute something: not run.")
        asked.append([*arguments, store_option(known[name].settings), str(out)])
    return asked


def print_facts(facts: Mapping[str, Any]) -> None:
    """The facts, one line each, nested ones by their path."""
    from graphs.export.about import about_lines

    for name, value in about_lines(facts):
        print_line(f"{name}: {value}")
