"""Lines of a prompt file that add nothing: copies of an earlier line, and pairs whose two sides are equal.

A copy is no further evidence, and would make every interval too narrow; an equal pair has nothing to explain. Both are
left out by name, before anything is counted. Only what the lines say is compared, so that a plan needs no tokenizer.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from circuits.data.records import Entry

_SHOWN = 8


class Line(NamedTuple):
    """A line that is left out: its number in the file, from 1, and why."""

    number: int
    reason: str


def lines_left_out(entries: Sequence[Entry], *, unchanged: bool) -> list[Line]:
    """The lines to leave out; those that cannot be read are kept, to be refused.

    unchanged  whether pairs with equal sides are left out: where the corrupt prompt is what a run puts in
    """
    first: dict[str, int] = {}
    out = []
    for number, record, *_ in entries:
        if record is None:
            continue
        key = _identity(record)
        if first.setdefault(key, number) != number:
            out.append(Line(number, f"a copy of line {first[key]}"))
        elif unchanged and _is_unchanged(record):
            out.append(Line(number, "clean and corrupt are equal"))
    return out


def note_of(left_out: Sequence[Line], n_lines: int) -> str:
    """What a run says about the lines that were left out."""
    shown = "; ".join(f"line {number}: {reason}" for number, reason in left_out[:_SHOWN])
    more = f"; and {len(left_out) - _SHOWN} more" if len(left_out) > _SHOWN else ""
    return f"{len(left_out)} of {n_lines} prompts are left out, as they add nothing ({shown}{more})."


def _identity(record: dict[str, Any]) -> str:
    """What makes two lines the same prompt: all but the roles and comments, in any order of the answers."""
    parts = {key: value for key, value in record.items() if key not in ("roles", "comment")}
    for key in ("answers", "wrong_answers", "answer_ids", "wrong_answer_ids"):
        value = parts.get(key)
        if isinstance(value, list):
            parts[key] = sorted(value, key=repr)
        elif isinstance(value, str):
            parts[key] = [value]
        if not parts.get(key):
            parts.pop(key, None)
    return json.dumps(parts, sort_keys=True)


def _is_unchanged(record: dict[str, Any]) -> bool:
    return any(
        f"clean{ending}" in record and record[f"clean{ending}"] == record.get(f"corrupt{ending}")
        for ending in ("", "_ids")
    )
