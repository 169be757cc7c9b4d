"""Prompts as the model sees them, in the terminal: tokens between bars, clean above corrupt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from circuits.data.prompt_files import spans
from pipelines.prompts.check import Checked
from pipelines.reporting.tables import Row, print_line

_BAR = "|"


def print_checked(checked: Checked, *, most: int) -> None:
    """The first lines in full, then what is doubtful or wrong about all, and a summary."""
    for row in checked.rows[:most]:
        print_line(f"line {row['line']}, {row['label']}: {_verdict(row)}")
        _print_row(row)
    if len(checked.rows) > most:
        print_line(f"... and {len(checked.rows) - most} more (--lines N shows more)")
    for number, reason in checked.left_out.items():
        print_line(f"line {number} is left out: {reason}")
    for kind, (lines, detail) in checked.notes.items():
        print_line(f"{kind} ({_lines(lines)}): {detail}")
    print_line(_summary(checked))


def print_shown(shown: Mapping[str, Any]) -> None:
    """Prompts of a task or a file."""
    print_line(f"{shown['task']}, as {shown['model']} sees it")
    for number, row in enumerate(shown["prompts"]):
        print_line(f"prompt {number}, {row['label']}")
        _print_row(row)


def _print_row(row: Row) -> None:
    print_line(f"  clean    {_tokens(row['clean'])}")
    if row["corrupt"] is not None:
        print_line(f"  corrupt  {_tokens(row['corrupt'])}")
        changed = [n for n, (a, b) in enumerate(zip(row["clean"], row["corrupt"], strict=True)) if a != b]
        of_changed = (f"{n} {row['clean'][n]!r} -> {row['corrupt'][n]!r}" for n in changed)
        print_line(f"  changed  {'; '.join(of_changed) or 'nothing'}")
    roles = (f"{role} {spans(at['positions'])} {_quoted(at['tokens'])}" for role, at in row["roles"].items())
    print_line(f"  roles    {'; '.join(roles)}")
    print_line(f"  answers  {_answers(row['answers'])}")
    if row["wrong_answers"]:
        print_line(f"  wrong    {_answers(row['wrong_answers'])}")


def _verdict(row: Row) -> str:
    side = f"{'answers' if row['says']['is_correct'] else 'does not answer'}, says {_says(row['says'])}"
    return side if row["corrupt_says"] is None else f"{side}; corrupt: {_says(row['corrupt_says'])}"


def _says(says: Mapping[str, Any]) -> str:
    return f"{says['token']!r} ({says['probability']:.0%})"


def _summary(checked: Checked) -> str:
    found = checked.summary
    parts = [f"{found['prompts']} prompts", f"{found['bad_lines']} bad lines", f"{found['left_out']} left out"]
    if found["prompts"]:
        parts.append(f"{checked.model} answers {found['right']} of {found['prompts']} rightly")
    if found["pairs"]:
        parts.append(f"{found['corrupt_with_the_answer']} of {found['pairs']} corrupt prompts get the same answer")
    return f"{checked.file}: {'; '.join(parts)}."


def _lines(numbers: Sequence[int]) -> str:
    return f"line{'s' if len(numbers) > 1 else ''} {spans(numbers)}"


def _tokens(tokens: Sequence[str]) -> str:
    """Tokens between bars; what is no printed character as Python writes it."""
    return _BAR.join("".join(one if one.isprintable() else repr(one)[1:-1] for one in token) for token in tokens)


def _quoted(tokens: Sequence[str]) -> str:
    return " ".join(map(repr, tokens))


def _answers(answers: Sequence[Sequence[str]]) -> str:
    return ", ".join(" + ".join(map(repr, tokens)) for tokens in answers)
