"""about.json: what the files of a folder say of themselves, also those that have no place for it, such as tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from circuits.files import read_bytes
from circuits.strict_json import parse_strictly
from pipelines.engine.store import as_json
from pipelines.runs.run import is_file

ABOUT = "about.json"
_FORMAT, _VERSION = "circuit-workbench-about", 1


def about_file(facts: Mapping[str, Any], names: Sequence[str]) -> bytes:
    """about.json: the facts, and the files that they are about."""
    return as_json({"format": _FORMAT, "version": _VERSION, "files": list(names), "about": dict(facts)})


def facts_beside(path: Path) -> dict[str, Any] | None:
    """The facts about a file that its folder has, or about a folder; None where there are none of it."""
    folder = path if path.is_dir() else path.parent
    if not is_file(folder / ABOUT):
        return None
    try:
        stored = parse_strictly(read_bytes(folder / ABOUT))
    except ValueError as error:
        raise ValueError(
            f"{folder / ABOUT} is damaged: {error}. The command that made the folder writes it anew."
        ) from None
    if not isinstance(stored, dict) or stored.get("format") != _FORMAT or not isinstance(stored.get("about"), dict):
        return None
    is_named = path.is_dir() or path.name in stored.get("files", [])
    return stored["about"] if is_named else None


def command_beside(path: Path) -> str | None:
    """The command that makes a file again, as its folder says; None where that does not say."""
    facts = facts_beside(path)
    return None if facts is None else facts.get("command")
