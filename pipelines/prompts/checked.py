"""A prompt file as a model sees it, as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from circuits.data.left_out import Line as LeftOut
from circuits.data.prompt_files import n_bad_lines
from circuits.data.prompt_lines import NEGATIVE
from pipelines.reporting.tables import Row

LINE, PROMPT = "line", "prompt"
"""What is numbered: a line of a file, or a prompt that is made of it."""


class Checked(NamedTuple):
    """A prompt file as a model sees it.

    rows      one per good line, as plain values: its number, called as `unit` says, its tokens, roles and answers
              (`prompt_row`), `says` and `corrupt_says` (the likeliest token after it, its probability, and whether an
              answer is above every wrong one; None where that side is not run), and `notes` on what is doubtful, each
              of a kind
    faults    (line, why it is refused), one for every fault of a line
    left_out  the lines that add nothing, in the file's order
    unit      what is numbered: a `line` of the file, from 1, or a `prompt` that is made of it, from 0
    remarks   on the file as a whole, such as words of a template that do not fit the model
    refusals  why `circuits discover`, with its usual metric and ablation, refuses these prompts
    instead   the command that takes them; None where they are not refused, or no command takes them as they are
    """

    file: str
    model: str
    rows: tuple[Row, ...]
    faults: tuple[tuple[int, str], ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    unit: str = LINE
    remarks: tuple[str, ...] = ()
    refusals: tuple[str, ...] = ()
    instead: str | None = None

    @property
    def summary(self) -> dict[str, Any]:
        """How many lines are good, and how many of these the model answers; negatives are right without the answer."""
        pairs = [row for row in self.rows if row["corrupt_says"] is not None]
        corrupt = [row for row in pairs if row["corrupt_says"]["is_correct"]]
        return {
            "prompts": len(self.rows),
            "bad_lines": len({number for number, _ in self.faults}),
            "left_out": len(self.left_out),
            "right": sum(row["says"]["is_correct"] != (row["label"] == NEGATIVE) for row in self.rows),
            "pairs": len(pairs),
            "corrupt_with_the_answer": len(corrupt),
            "only_corrupt_with_the_answer": sum(not row["says"]["is_correct"] for row in corrupt),
        }

    @property
    def notes(self) -> dict[str, tuple[list[int], str]]:
        """What is doubtful, by its kind: the lines, and the detail, where they differ that of the first."""
        found: dict[str, dict[int, str]] = {}
        for row in self.rows:
            for note in row["notes"]:
                found.setdefault(note["kind"], {}).setdefault(row[self.unit], note["detail"])
        return {kind: ([*details], self._in_one(details)) for kind, details in found.items()}

    def _in_one(self, details: Mapping[int, str]) -> str:
        """The detail of all these lines."""
        first, of_first = next(iter(details.items()))
        return of_first if len(set(details.values())) == 1 else f"of {self.unit} {first}, {of_first}"

    def as_json(self) -> dict[str, Any]:
        """Everything as JSON values."""
        return {
            "file": self.file,
            "model": self.model,
            "summary": self.summary,
            "remarks": list(self.remarks),
            "refusals": list(self.refusals),
            "instead": self.instead,
            "notes": [
                {"kind": kind, f"{self.unit}s": at, "detail": of_first} for kind, (at, of_first) in self.notes.items()
            ],
            "bad_lines": [{"line": number, "fault": fault} for number, fault in self.faults],
            "left_out": [{"line": line.number, "reason": line.reason} for line in self.left_out],
            "prompts": list(self.rows),
        }

    def require_good(self) -> None:
        """ValueError, with their number alone, where lines are refused: what is wrong with each is shown."""
        if self.faults:
            raise ValueError(n_bad_lines(self.file, self.faults))
