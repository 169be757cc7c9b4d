"""Whether what was computed again is what a file shows."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from circuits.files import is_file
from circuits.numbers import count_text
from pipelines.engine.seal import ABOUT
from pipelines.runs.about_file import facts_beside
from pipelines.runs.record import RECORD
from pipelines.runs.run import open_run
from pipelines.runs.shell_text import AND

# What rounding on another machine changes, as a share.
_ROUNDING = 1e-4
_SHOWN = 5
# What of a circuit is no result.
_ASIDE = ("run", "description", "prompts, file", "edge scores, versions", "node scores, versions")


def same_numbers(facts: Mapping[str, Any], file: Path, store: Path) -> Iterator[str]:
    """A line for each circuit that a file shows: whether the run that its commands have left in a store has the same.

    facts  what the file says of itself (`pipelines.cli.exported.facts_of`)
    """
    from graphs.export.about import circuit_facts, fact_text

    made_by = str(facts.get("command")).split(AND)
    again = [circuit_facts(open_run(folder).circuit) for folder in _made_by(made_by, store)]
    shown = [facts["circuit"]] if "circuit" in facts else facts.get("circuits", [])
    for number, circuit in enumerate(shown, start=1):
        known = _results(circuit)
        # Of the runs of a comparison, the one with the fewest numbers that differ.
        found = min((_different(known, _results(other)) for other in again), key=len, default=None)
        name = file.name if len(shown) == 1 else f"circuit {number} of {file.name}"
        if found is None:
            yield f"{name} is not compared: no run in {store} keeps the command that made it."
            continue
        if not found:
            yield f"computed again: the {count_text(circuit['edges'], 'edge')} and all numbers of {name}."
            continue
        said = [f"{key} was {fact_text(was)} and is {fact_text(now)}" for key, was, now in found[:_SHOWN]]
        more = f"; {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
        yield f"computed again, {name} is another: {'; '.join(said)}{more}."


def _made_by(commands: list[str], store: Path) -> Iterator[Path]:
    """The runs in a store that one of these commands has made."""
    for record in sorted(store.glob(f"*/{RECORD}")):
        kept = facts_beside(record.parent) if is_file(record.parent / ABOUT) else None
        if kept is not None and kept.get("command") in commands:
            yield record.parent


def _results(circuit: Mapping[str, Any]) -> dict[str, Any]:
    """What of a circuit must be the same when it is computed again."""
    from graphs.export.about import about_lines

    return {name: value for name, value in about_lines(circuit) if not name.startswith(_ASIDE)}


def _different(known: Mapping[str, Any], now: Mapping[str, Any]) -> list[tuple[str, Any, Any]]:
    """What is known and is another now, beyond rounding: its name, what it was and what it is."""
    return [(name, was, now.get(name)) for name, was in known.items() if not _are_alike(was, now.get(name))]


def _are_alike(one: Any, other: Any) -> bool:
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(_are_alike, one, other))
    if isinstance(one, float) and isinstance(other, float | int):
        return math.isclose(one, other, rel_tol=_ROUNDING, abs_tol=_ROUNDING)
    return bool(one == other)
