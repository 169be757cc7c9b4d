"""Lines of a prompt file that add nothing: copies of an earlier line, and pairs whose two sides are equal.

A copy is no further evidence, and would make every interval too narrow; an equal pair has nothing to explain. Both are
left out by name, before anything is counted. Only what the lines say is compared, so that a plan needs no tokenizer.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from circuits.data.records import Entry
from circuits.numbers import count_text, numbered

# Of lines that are left out for one reason, stretches that are written out.
_SHOWN = 8
_EQUAL = "clean and corrupt are equal"


class Line(NamedTuple):
    """A line that is left out: its number in the file, from 1, and the line that it is a copy of; None where its two
    sides are equal."""

    number: int
    copied: int | None

    @property
    def reason(self) -> str:
        """Why it is left out."""
        return _EQUAL if self.copied is None else f"a copy of line {self.copied}"


class Group(NamedTuple):
    """Lines that are left out for one reason: their numbers, which of the file's lines they are, and why."""

    numbers: tuple[int, ...]
    lines: str
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
            out.append(Line(number, first[key]))
        elif unchanged and _is_unchanged(record):
            out.append(Line(number, None))
    return out


def note_of(left_out: Sequence[Line], n_lines: int) -> str:
    """What a run says about the lines that were left out."""
    shown = "; ".join(f"{group.lines}: {group.reason}" for group in groups_of(left_out))
    they_add = "is left out, as it adds" if len(left_out) == 1 else "are left out, as they add"
    return f"{len(left_out):,} of {count_text(n_lines, 'prompt')} {they_add} nothing ({shown})."


def groups_of(left_out: Sequence[Line]) -> list[Group]:
    """The lines that are left out, all copies together and all equal pairs, in the order of their first.

    >>> from circuits.data.left_out import Line, groups_of
    >>> [group.lines for group in groups_of([Line(2, 1), Line(3, None), Line(4, 1)])]
    ['lines 2, 4', 'line 3']
    """
    groups: dict[bool, list[Line]] = {}
    for line in left_out:
        groups.setdefault(line.copied is None, []).append(line)
    return [
        Group(numbers := tuple(line.number for line in group), numbered("line", numbers, most=_SHOWN), _reason(group))
        for group in groups.values()
    ]


def _reason(group: Sequence[Line]) -> str:
    """Why lines are left out, all for the same reason; of copies of several lines, those of the first."""
    first, *others = group
    if not others or first.copied is None:
        return first.reason
    if all(line.copied == first.copied for line in others):
        return f"copies of line {first.copied}"
    return f"copies of earlier lines, line {first.number} of line {first.copied}"


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
