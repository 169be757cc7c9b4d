"""`circuits prompts check FILE --model M`: every line of a prompt file as the model sees it, and whether it answers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from circuits.data.answers import tokens_of
from circuits.data.left_out import lines_left_out
from circuits.data.prompt_files import NEGATIVE, PAIR, BadPrompts, Line, entries_in, parse_entry, read_prompts
from circuits.data.prompts import PromptSet
from circuits.data.tokenizer import token_texts
from circuits.evaluation.first_tokens import FirstToken, first_tokens
from circuits.model.load import Model, load_model
from pipelines.prompts.rows import prompt_row
from pipelines.reporting.tables import Row

_NO_ANSWER = "the model does not answer"
_CORRUPT_ANSWERS = "the corrupt prompt is answered like the clean one"


class Checked(NamedTuple):
    """A prompt file as a model sees it.

    rows      one per good line, as plain values: `line`, its tokens, roles and answers (`prompt_row`), `says` and
              `corrupt_says` (the likeliest token after it, its probability, and whether an answer is above every wrong
              one; None where that side is not run), and `notes` on what is doubtful, each of a kind
    faults    (line, why it is refused)
    left_out  line -> why it adds nothing
    """

    file: str
    model: str
    rows: tuple[Row, ...]
    faults: tuple[tuple[int, str], ...]
    left_out: Mapping[int, str]

    @property
    def summary(self) -> dict[str, Any]:
        """How many lines are good, and how many of these the model answers; negatives are right without the answer."""
        pairs = [row for row in self.rows if row["corrupt_says"] is not None]
        return {
            "prompts": len(self.rows),
            "bad_lines": len(self.faults),
            "left_out": len(self.left_out),
            "right": sum(row["says"]["is_correct"] != (row["label"] == NEGATIVE) for row in self.rows),
            "pairs": len(pairs),
            "corrupt_with_the_answer": sum(row["corrupt_says"]["is_correct"] for row in pairs),
        }

    @property
    def notes(self) -> dict[str, tuple[list[int], str]]:
        """What is doubtful, by its kind: the lines, and the detail of the first."""
        found: dict[str, tuple[list[int], str]] = {}
        for row in self.rows:
            for note in row["notes"]:
                found.setdefault(note["kind"], ([], note["detail"]))[0].append(row["line"])
        return found

    def as_json(self) -> dict[str, Any]:
        """Everything as JSON values."""
        return {
            "file": self.file,
            "model": self.model,
            "summary": self.summary,
            "notes": [{"kind": kind, "lines": at, "detail": of_first} for kind, (at, of_first) in self.notes.items()],
            "bad_lines": [{"line": number, "fault": fault} for number, fault in self.faults],
            "left_out": [{"line": number, "reason": reason} for number, reason in self.left_out.items()],
            "prompts": list(self.rows),
        }

    def require_good(self) -> None:
        """`BadPrompts` where a line is refused."""
        if self.faults:
            raise BadPrompts(self.file, self.faults)


def check_prompts(path: Path, model: str) -> Checked:
    """A prompt file as a model sees it.

    Raises a ValueError for a file that is none, and for good lines that make no set of prompts. Cost: a forward pass
    of each side of every pair.
    """
    entries = entries_in(path)
    loaded = load_model(model)
    left_out = {line.number: line.reason for line in lines_left_out(entries, unchanged=True)}
    good: dict[int, Line] = {}
    faults: list[tuple[int, str]] = []
    for entry in entries:
        try:
            line = parse_entry(entry, loaded.tokenizer)
        except ValueError as error:
            faults.append((entry.number, str(error)))
        else:
            good |= {} if entry.number in left_out else {entry.number: line}
    if not faults:
        read_prompts(path, loaded.tokenizer, leaves_out_unchanged=True)
    faults += _beyond(loaded, good)
    good = {number: line for number, line in good.items() if number not in dict(faults)}
    left_out = {number: reason for number, reason in left_out.items() if number not in dict(faults)}
    return Checked(str(path), loaded.name, _rows(loaded, good), tuple(sorted(faults)), left_out)


def _beyond(model: Model, good: Mapping[int, Line]) -> list[tuple[int, str]]:
    """The lines that this model cannot take, such as those with ids beyond its vocabulary."""
    prompts = tuple(line.prompt for line in good.values())
    try:
        if prompts:
            model.check_prompts(PromptSet("prompts", prompts))
    except ValueError:
        return [(number, fault) for number, line in good.items() if (fault := _fault(model, line)) is not None]
    return []


def _fault(model: Model, line: Line) -> str | None:
    try:
        model.check_prompts(PromptSet("prompts", (line.prompt,)))
    except ValueError as error:
        return str(error).removeprefix("prompt 0").lstrip(": ")
    return None


def _rows(model: Model, good: Mapping[int, Line]) -> tuple[Row, ...]:
    says = _said(model, good)
    pairs = {number: line._replace(prompt=line.prompt.swapped()) for number, line in good.items() if line.label == PAIR}
    corrupt = _said(model, pairs)
    return tuple(_row(model, number, line, says[number], corrupt.get(number)) for number, line in good.items())


def _said(model: Model, lines: Mapping[int, Line]) -> dict[int, FirstToken]:
    """What the model says after the clean side of each line."""
    if not lines:
        return {}
    prompts = PromptSet("prompts", tuple(line.prompt for line in lines.values()))
    return dict(zip(lines, first_tokens(model, prompts), strict=True))


def _row(model: Model, number: int, line: Line, says: FirstToken, corrupt: FirstToken | None) -> Row:
    prompt = line.prompt
    notes = [warning._asdict() for warning in prompt.warnings]
    (top,) = token_texts([says.token], model.tokenizer)
    firsts = [tokens_of(answer)[0] for answer in prompt.answers]
    near = (
        answer
        for answer, text in zip(firsts, token_texts(firsts, model.tokenizer), strict=True)
        if says.token not in firsts and text != top and text.strip() == top.strip()
    )
    if (meant := next(near, None)) is not None:
        (given,) = token_texts([meant], model.tokenizer)
        notes.append({"kind": "answer that differs by a space", "detail": _space(given, top)})
    if says.is_correct == (line.label == NEGATIVE):
        what = "the model gives the answer of a negative" if line.label == NEGATIVE else _NO_ANSWER
        notes.append({"kind": what, "detail": f"it says {top!r} first ({says.probability:.0%})."})
    if corrupt is not None and corrupt.is_correct:
        detail = "what the corrupt prompt changes is not what the answer rests on, for this model."
        notes.append({"kind": _CORRUPT_ANSWERS, "detail": detail})
    return {
        "line": number,
        **prompt_row(prompt, line.label, model.tokenizer),
        "says": _says(model, says),
        "corrupt_says": None if corrupt is None else _says(model, corrupt),
        "notes": notes,
    }


def _space(given: str, top: str) -> str:
    return f"the answer begins with {given!r}, and the model says {top!r}: did you mean {top!r}?"


def _says(model: Model, first: FirstToken) -> dict[str, Any]:
    (text,) = token_texts([first.token], model.tokenizer)
    return {"token": text, "probability": first.probability, "is_correct": first.is_correct}
