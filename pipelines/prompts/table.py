"""Prompts as the model sees them, in the terminal: tokens between bars, clean above corrupt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from circuits.data.faults import listed_once
from circuits.data.left_out import groups_of
from circuits.data.prompt_files import lines_of
from circuits.data.tokenizer import quoted
from circuits.numbers import count_text, numbered, spans
from pipelines.prompts.checked import LINE, Checked
from pipelines.reporting.tables import Row, print_line

_BAR = "|"


def print_checked(checked: Checked, *, most: int) -> None:
    """Every line in the file's order: the first good ones in full, each fault with all its lines at the first of them,
    and likewise why others are left out. Then what is doubtful, whether a run refuses the prompts, and a summary."""
    good = {row[checked.unit]: row for row in checked.rows[:most]}
    faults: dict[int, list[str]] = {}
    lines = lines_of(checked.faults)
    once, remedies = listed_once(lines)
    for fault, numbers in zip(once, lines.values(), strict=True):
        faults.setdefault(numbers[0], []).append(f"{numbered(checked.unit, numbers)}, bad: {fault}")
    left_out = {group.numbers[0]: group for group in groups_of(checked.left_out)}
    for number in sorted({*good, *faults, *left_out}):
        if number in good:
            print_line(f"{checked.unit} {number}, {good[number]['label']}: {_verdict(good[number])}")
            _print_row(good[number])
        for fault in faults.get(number, ()):
            print_line(fault)
        if number in left_out:
            group = left_out[number]
            print_line(f"{group.lines} {'is' if len(group.numbers) == 1 else 'are'} left out: {group.reason}")
    for remedy in remedies:
        print_line(remedy)
    if 0 < most < len(checked.rows):
        print_line(f"... and {len(checked.rows) - most} more (--lines N shows more)")
    for remark in checked.remarks:
        print_line(remark)
    for kind, (numbers, detail) in checked.notes.items():
        print_line(f"{kind} ({numbered(checked.unit, numbers)}): {detail}")
    for refusal in checked.refusals:
        print_line(f"`circuits discover`, with its usual metric and ablation, refuses these prompts: {refusal}")
    if checked.instead is not None:
        print_line(f"This takes them: {checked.instead}")
    print_line(_summary(checked))


def print_shown(shown: Mapping[str, Any]) -> None:
    """Prompts of a task or a file."""
    print_line(f"{shown['task']}, as {shown['model']} sees it")
    for note in shown["notes"]:
        print_line(note)
    for number, row in enumerate(shown["prompts"]):
        print_line(f"prompt {number}, {row['label']}")
        _print_row(row)


def _print_row(row: Row) -> None:
    image = row.get("image")
    if image is not None:
        what = "another one" if image["is_changed"] else "the same"
        print_line(f"  image    {image['width']} x {image['height']} pixels; the corrupt prompt shows {what}")
    print_line(f"  clean    {_tokens(row['clean'], image)}")
    if row["corrupt"] is not None:
        changed = [n for n, (a, b) in enumerate(zip(row["clean"], row["corrupt"], strict=True)) if a != b]
        of_changed = [f"{n} {quoted(row['clean'][n])} -> {quoted(row['corrupt'][n])}" for n in changed]
        if changed or image is None:
            print_line(f"  corrupt  {_tokens(row['corrupt'], image)}")
        of_changed = [*(["the image"] if image is not None and image["is_changed"] else []), *of_changed]
        print_line(f"  changed  {'; '.join(of_changed) or 'nothing'}")
    roles = (f"{role} {spans(at['positions'])} {_of_role(at, image)}".rstrip() for role, at in row["roles"].items())
    print_line(f"  roles    {'; '.join(roles)}")
    print_line(f"  answers  {_answers(row['answers'])}")
    if row["wrong_answers"]:
        print_line(f"  wrong    {_answers(row['wrong_answers'])}")


def _verdict(row: Row) -> str:
    side = f"{'answers' if row['says']['is_correct'] else 'does not answer'}, says {_says(row['says'])}"
    return side if row["corrupt_says"] is None else f"{side}; corrupt: {_says(row['corrupt_says'])}"


def _says(says: Mapping[str, Any]) -> str:
    return f"{quoted(says['token'])} ({says['probability']:.0%})"


def _summary(checked: Checked) -> str:
    found = checked.summary
    parts = [count_text(found["prompts"], "prompt")]
    if checked.unit == LINE:
        parts += [count_text(found["bad_lines"], "bad line"), f"{found['left_out']} left out"]
    if found["prompts"]:
        parts.append(f"{checked.model} answers {found['right']} of {found['prompts']} rightly")
    if found["pairs"]:
        only = found["only_corrupt_with_the_answer"]
        same, pairs = found["corrupt_with_the_answer"] - only, count_text(found["pairs"], "corrupt prompt")
        parts.append(f"{same} of {pairs} {'gets' if same == 1 else 'get'} the same answer")
        parts += [f"only the corrupt prompt gets it in {only}"] if only else []
    return f"{checked.file}: {'; '.join(parts)}."


def _tokens(tokens: Sequence[str], image: Mapping[str, Any] | None) -> str:
    """Tokens between bars, those of an image as one; what is no printed character as Python writes it."""
    shown = ["".join(one if one.isprintable() else repr(one)[1:-1] for one in token) for token in tokens]
    if image is not None:
        first, stop = image["tokens"]
        shown[first:stop] = [f"[the image, tokens {first}-{stop - 1}]"]
    return _BAR.join(shown)


def _of_role(role: Mapping[str, Any], image: Mapping[str, Any] | None) -> str:
    """The tokens of a role, but those of an image, which are all alike."""
    inside = range(*(image["tokens"] if image is not None else (0, 0)))
    return " ".join(
        quoted(token) for at, token in zip(role["positions"], role["tokens"], strict=True) if at not in inside
    )


def _answers(answers: Sequence[Sequence[str]]) -> str:
    return ", ".join(" + ".join(map(quoted, tokens)) for tokens in answers)
