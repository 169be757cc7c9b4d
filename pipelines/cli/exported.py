"""What an exported file says of itself, and the command that computes it again."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from circuits.files import read_bytes
from pipelines.reporting.tables import print_line

_MOST_BYTES = 2**28  # of a file that is read; drawings and graphs of 70,000 edges stay below


def facts_of(file: Path) -> dict[str, Any]:
    """What a file says of itself. ValueError if it says nothing."""
    from graphs.export import about, read_about
    from graphs.export.json import JsonExport

    if not file.is_file():
        raise ValueError(f"no file {file}. Give one that `circuits export` wrote.")
    if file.stat().st_size > _MOST_BYTES:
        raise ValueError(f"{file} has {file.stat().st_size / 2**20:,.0f} MB: no export is so large.")
    data = read_bytes(file)
    try:
        return read_about(data, source=str(file))
    except ValueError:
        if not data.lstrip().startswith(b"{"):
            raise
    return about(JsonExport().from_bytes(data, source=str(file)))


def command_of(file: Path) -> list[str]:
    """The arguments of the command that a file keeps. ValueError where it keeps none, or one that computes no run."""
    command = facts_of(file).get("command")
    if not isinstance(command, str):
        raise ValueError(
            f"{file} keeps no command: only exports of a run do. `circuits show {file}` says what it keeps."
        )
    program, *arguments = shlex.split(command) or [""]
    if program != "circuits" or arguments[:1] not in (["discover"], ["trace"]):
        raise ValueError(f"{file} keeps {command!r}, which is not `circuits discover` or `circuits trace`: not run.")
    return arguments


def print_facts(facts: Mapping[str, Any]) -> None:
    """The facts, one line each, nested ones by their path."""
    from graphs.export.about import about_lines

    for name, value in about_lines(facts):
        print_line(f"{name}: {value}")
