"""Prompt files: a record for each prompt, as text or as token ids; pairs, or labeled positives and negatives.

Files are JSONL, a JSON array, CSV or TSV (`circuits.data.records`), with these keys:

Pairs:     {"clean", "corrupt", "answers": [...], "wrong_answers"?: [...], "roles"?}
Labeled:   {"prompt", "label": "positive" or "negative", "answers": [...], "wrong_answers"?: [...], "roles"?}; the
           answers of a negative are what the model should not give there
As ids:    "clean_ids" and "corrupt_ids", or "prompt_ids"; "answer_ids", "wrong_answer_ids", "answer_position"?

Answers are as they follow the prompt (" Mary"), of one token or of several; with ids, an answer of several tokens is a
list of its own ([[7, 8], 9] are two). Roles map a name to words of the clean prompt, or to positions. A "comment" is
for people, and left alone. Labeled prompts have no partner, so that nothing can be patched from one into another.
Copies of a line are left out, and named in the set's `notes`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeGuard

from circuits.data.faults import faults_of, listed_once
from circuits.data.left_out import lines_left_out, note_of
from circuits.data.prompt_lines import NEGATIVE, PAIR, POSITIVE, Line, parse_entry
from circuits.data.prompts import Prompt, PromptSet
from circuits.data.records import Entry, entries_of, format_named
from circuits.data.records.keys import KEYS, says_a_prompt
from circuits.data.records.tables import entry_of_row, require_header
from circuits.data.tokenizer import Tokenizer, require_tokenizer
from circuits.files import path_from, read_bytes, unreadable, write_atomically
from circuits.numbers import count_text, numbered
from circuits.plain_values import plain
from circuits.visible_text import typed_text, value_text

if TYPE_CHECKING:
    import pandas as pd

_EXAMPLES = {
    PAIR: '{"clean": "...", "corrupt": "...", "answers": [" Mary"], "wrong_answers": [" John"]}',
    NEGATIVE: '{"prompt": "...", "label": "negative", "answers": [" Mary"]}',
    POSITIVE: '{"prompt": "...", "label": "positive", "answers": [" Mary"]}',
}
_SHOWN = 20
_IN_A_ROW = ("clean", "corrupt", "answers", "wrong_answers")


class BadPrompts(ValueError):
    """All faults of all lines of a prompt file at once, with their lines' numbers; one of many lines is said once.

    source  what the file is called
    faults  (line, what is wrong with it), in the file's order
    """

    def __init__(self, source: str, faults: Sequence[tuple[int, str]]) -> None:
        lines = lines_of(faults)
        once, remedies = listed_once(lines)
        said = [f"{numbered('line', own)}: {fault}" for fault, own in zip(once, lines.values(), strict=True)]
        shown = [*said[:_SHOWN], *([f"... and {len(said) - _SHOWN} more"] if len(said) > _SHOWN else []), *remedies]
        super().__init__(f"{n_bad_lines(source, faults)}\n" + "\n".join(f"  {f}" for f in shown))
        self.faults = tuple(f"line {number}: {fault}" for number, fault in faults)
        self.of_lines = tuple(faults)


def n_bad_lines(source: str, faults: Sequence[tuple[int, str]]) -> str:
    """How many lines of a file are bad, in a sentence; arguments are those of `BadPrompts`."""
    n_bad = len({number for number, _ in faults})
    return f"{source}: {count_text(n_bad, 'bad line')}; a run uses none of its prompts until they are mended."


def lines_of(faults: Sequence[tuple[int, str]]) -> dict[str, list[int]]:
    """Each fault with its lines, in the order of their first."""
    lines: dict[str, list[int]] = {}
    for number, fault in faults:
        lines.setdefault(fault, []).append(number)
    return lines


class HasPromptSet(Protocol):
    """What shows a set of prompts, such as `run.prompts`."""

    @property
    def prompt_set(self) -> PromptSet: ...


def read_prompts(
    path: str | Path, tokenizer: Tokenizer | None = None, *, leaves_out_unchanged: bool = False
) -> PromptSet:
    """The prompts of a file, each once.

    leaves_out_unchanged  whether pairs with equal sides are left out: they are of use where noise or means are put in
                          instead of the corrupt prompt

    Raises `BadPrompts` with every bad line; a file that cannot be read, or that holds no set of prompts, raises a
    ValueError that says why.

    >>> from pathlib import Path
    >>> from circuits import read_prompts
    >>> file = Path("pairs.csv")
    >>> _ = file.write_text("clean_ids,corrupt_ids,answer_ids,wrong_answer_ids\\n5|7|5,5|7|8,7,5")
    >>> prompts = read_prompts(file)
    >>> prompts.task, len(prompts), prompts.prompts[0].answers
    ('pairs', 1, (7,))
    """
    file = path_from(path, "a prompt file")
    entries = entries_in(file)
    return prompts_of_entries(
        entries, tokenizer, str(file), file.stem, leaves_out_unchanged=leaves_out_unchanged, is_file=True
    )


def prompts_from(
    given: Iterable[Mapping[str, Any] | Sequence[Any]], tokenizer: Tokenizer | None = None, *, name: str = "prompts"
) -> PromptSet:
    """Prompts from texts: pairs as (clean, corrupt, answer) or (clean, corrupt, answer, wrong answer), or as mappings.

    given  mappings have the keys of prompt files: clean, corrupt, answers, wrong_answers, roles, ...; or a frame of
           pandas or polars with these as columns, whose cells are read as those of a CSV file
    name   what the prompts are called

    Raises `BadPrompts` with every fault, pairs counted from 1, as `circuits prompts check` says them.

    >>> from circuits import load_model, prompts_from
    >>> tokenizer = load_model("reference").tokenizer
    >>> pair = "Because David and Martin were leaving the bridge , David returned the sandwich to"
    >>> swapped = "Because David and Martin were leaving the bridge , Martin returned the sandwich to"
    >>> prompts_from([(pair, swapped, "Martin", "David")], tokenizer)
    <PromptSet prompts: 1 pairs of up to 14 tokens>
    """
    if tokenizer is not None:
        require_tokenizer(tokenizer)
    return prompts_of_entries(entries_from(given), tokenizer, name, name)


def entries_from(given: Iterable[Mapping[str, Any] | Sequence[Any]]) -> list[Entry]:
    """Pairs that are given as mappings, in a row, or in a frame of pandas or polars, as entries of prompt files,
    counted from 1.

    A frame is read as the same table in a file is. ValueError for something else, for no pair at all, and for a frame
    that names a column twice.
    """
    if isinstance(given, str | bytes | Mapping) or not isinstance(given, Iterable):
        raise ValueError(
            f"pairs are given as a list of them, or as a frame of pandas or polars; found {typed_text(given)}."
        )
    if is_frame(given):
        # Of columns of one name, a row as a mapping has the last alone.
        require_header([str(name).strip() for name in given.columns])
        entries = [_entry(number, row) for number, row in enumerate(_rows_of(given), start=1)]
    else:
        entries = [Entry(number, _record(number, _plain_of(number, one))) for number, one in enumerate(given, start=1)]
    if not entries:
        raise ValueError(f"no pair is given: give at least one, such as {_EXAMPLES[PAIR]}.")
    return entries


def is_frame(given: object) -> TypeGuard[pd.DataFrame]:
    """Whether something is a frame of pandas, or one of polars, neither of which need be imported."""
    return hasattr(given, "columns") and (hasattr(given, "to_dict") or hasattr(given, "to_dicts"))


def _rows_of(frame: pd.DataFrame) -> list[dict[Any, Any]]:
    """The rows of a frame by column."""
    of_polars = getattr(frame, "to_dicts", None)
    return frame.to_dict("records") if of_polars is None else of_polars()


def _entry(number: int, row: Mapping[Any, Any]) -> Entry:
    try:
        entry = entry_of_row(number, {str(name).strip(): _plain_of(number, cell) for name, cell in row.items()})
    except ValueError as error:
        return Entry(number, None, str(error))
    return entry._replace(record=_record(number, entry.record))


def _plain_of(number: int, given: Any) -> Any:
    """What a pair holds as plain values. ValueError for a list in itself, and for one that is nested too deeply."""
    try:
        return plain(given)
    except RecursionError:
        raise ValueError(
            f"pair {number} is a list in itself, or nested too deeply: give texts, numbers and lists of these."
        ) from None


def _record(number: int, one: Any) -> dict[str, Any]:
    if isinstance(one, Mapping):
        record = dict(one)
    elif fields := _fields_elsewhere(one):
        raise ValueError(
            f"pair {number} is a row with the fields {', '.join(fields)}, and a row is read by its order: "
            f"{', '.join(_IN_A_ROW)}. Give the frame itself, or mappings: frame.to_dict('records')."
        )
    elif isinstance(one, Sequence) and not isinstance(one, str | bytes) and len(one) in (3, 4):
        record = dict(zip(_IN_A_ROW, one, strict=False))
    else:
        raise ValueError(
            f"pair {number} is {value_text(one)}: give (clean, corrupt, answer), (clean, corrupt, answer, wrong "
            f"answer), or a mapping such as {_EXAMPLES[PAIR]}."
        )
    try:
        return json.loads(json.dumps(record))
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"pair {number} holds what is neither text nor a number nor a list of these: {error}."
        ) from None


def _fields_elsewhere(one: object) -> tuple[str, ...]:
    """The fields of a named tuple, such as a row of `frame.itertuples()`, whose names say another order or other keys
    than a row has; none of any other."""
    fields = tuple(getattr(one, "_fields", ()))
    is_elsewhere = any(name in KEYS and name not in _IN_A_ROW[at : at + 1] for at, name in enumerate(fields))
    return fields if is_elsewhere or ("answers" in fields and fields != _IN_A_ROW[: len(fields)]) else ()


def prompts_of_entries(
    entries: Sequence[Entry],
    tokenizer: Tokenizer | None,
    source: str,
    name: str,
    *,
    leaves_out_unchanged: bool = False,
    is_file: bool = False,
) -> PromptSet:
    """The prompts of entries, each once; `source` is what errors call them, the path of a file where they are its
    lines."""
    skipped = {line.number for line in lines_left_out(entries, unchanged=leaves_out_unchanged)}
    lines, faults = [], []
    for entry in entries:
        try:
            line = parse_entry(entry, tokenizer, file=Path(source).name if is_file else "")
            lines += [] if entry.number in skipped else [line]
        except ValueError as error:
            faults += [(entry.number, fault) for fault in faults_of(error)]
    if faults:
        raise BadPrompts(source, faults)
    return set_of_lines(lines, entries, source, name, leaves_out_unchanged=leaves_out_unchanged)


def set_of_lines(
    lines: Sequence[Line], entries: Sequence[Entry], source: str, name: str, *, leaves_out_unchanged: bool = False
) -> PromptSet:
    """The prompts of the lines that are left of these entries; the other arguments are those of `prompts_of_entries`.

    ValueError where they are no set of prompts, such as pairs and labeled prompts together.
    """
    left_out = lines_left_out(entries, unchanged=leaves_out_unchanged)
    by_label = {label: tuple(line.prompt for line in lines if line.label == label) for label in _EXAMPLES}
    notes = (note_of(left_out, len(lines) + len(left_out)),) if left_out else ()
    if not lines:
        if notes:
            raise ValueError(f"{source} holds no prompt. {notes[0]} Give pairs whose two sides differ.")
        raise ValueError(_no_prompt(source))
    if by_label[PAIR] and len(by_label[PAIR]) < len(lines):
        raise ValueError(
            f"{source} holds {count_text(len(by_label[PAIR]), 'pair')} and "
            f"{count_text(len(lines) - len(by_label[PAIR]), 'labeled prompt')}: give pairs only, or labeled prompts "
            "only."
        )
    if by_label[PAIR]:
        return PromptSet(name, by_label[PAIR], notes=notes)
    for label in (POSITIVE, NEGATIVE):
        if not by_label[label]:
            raise ValueError(
                f"{source} holds {count_text(len(lines), 'labeled prompt')} and no {label} one: both are needed. Add "
                f"lines such as {_EXAMPLES[label]}."
            )
    sides = ({(prompt.clean, prompt.answers) for prompt in by_label[label]} for label in (POSITIVE, NEGATIVE))
    if both := len(set.intersection(*sides)):
        labeled = f"{count_text(both, 'prompt')} {'is' if both == 1 else 'are'}"
        raise ValueError(f"{source}: {labeled} labeled both {POSITIVE} and {NEGATIVE}. Give each one label.")
    return PromptSet(name, by_label[POSITIVE], by_label[NEGATIVE], notes)


def _no_prompt(source: str) -> str:
    """The message for a file without a line, and how one is written."""
    return f"{source} holds no prompt. Give {format_named(source).form.format(_EXAMPLES[PAIR])}."


def require_any_prompt(entries: Sequence[Entry], source: str) -> None:
    """Raise what `prompts_of_entries` raises where no entry says anything of a prompt, as where the header is bad:
    neither a tokenizer nor a model is needed to tell.

    >>> from circuits.data.prompt_files import require_any_prompt
    >>> from circuits.data.records import entries_of
    >>> require_any_prompt(entries_of(b'{"text": "A b"}', "own.jsonl"), "own.jsonl")
    Traceback (most recent call last):
    circuits.data.prompt_files.BadPrompts: own.jsonl: 1 bad line; a run uses none of its prompts until they are mended.
      line 1: 'answers', 'clean', 'corrupt' missing; found ['text'].
      line 1: unknown key 'text'; known: ['answers', 'clean', 'comment', 'corrupt', 'roles', 'wrong_answers'].
    """
    if not entries:
        raise ValueError(_no_prompt(source))
    if not any(entry.record is not None and says_a_prompt(entry.record) for entry in entries):
        prompts_of_entries(entries, None, source, source)


read_jsonl = read_prompts
"""What version 0.1 called it."""


def write_jsonl(prompts: PromptSet | HasPromptSet, path: str | Path) -> None:
    """Write prompts as token ids; `read_prompts` reads them back.

    >>> from pathlib import Path
    >>> from circuits import Prompt, PromptSet, read_prompts, write_jsonl
    >>> prompts = PromptSet("copies", (Prompt(clean=(5, 7, 5), corrupt=(5, 7, 8), answers=(7,)),))
    >>> write_jsonl(prompts, Path("copies.jsonl"))
    >>> read_prompts(Path("copies.jsonl")).fingerprint == prompts.fingerprint
    True
    """
    own = prompts if isinstance(prompts, PromptSet) else getattr(prompts, "prompt_set", None)
    if not isinstance(own, PromptSet):
        raise ValueError(
            f"what is written is a set of prompts, such as prompts_from(pairs, tokenizer) gives; found "
            f"{type(prompts).__name__}."
        )
    file = path_from(path, "the file to write")
    write_atomically(file, "".join(json.dumps(record) + "\n" for record in records_of(own)).encode())


def records_of(prompts: PromptSet) -> list[dict[str, Any]]:
    """Prompts as records of token ids."""
    if prompts.is_paired:
        return [prompt.as_json() for prompt in prompts]
    sides = ((POSITIVE, prompts.prompts), (NEGATIVE, prompts.negatives))
    return [_labeled(prompt, label) for label, side in sides for prompt in side]


def entries_in(path: Path) -> list[Entry]:
    """The records of a prompt file; those that cannot be read are entries as well. ValueError for no file of text."""
    try:
        data = read_bytes(path)
    except OSError as error:
        raise ValueError(unreadable(path, error, "the prompt file")) from None
    return entries_of(data, str(path))


def count_prompts(entries: Sequence[Entry], *, leaves_out_unchanged: bool = False) -> int:
    """How many pairs or positives `read_prompts` finds among these entries, if all of them are good."""
    skipped = {line.number for line in lines_left_out(entries, unchanged=leaves_out_unchanged)}
    return sum(1 for entry in entries if entry.number not in skipped and not _is_negative(entry))


def has_unchanged(entries: Sequence[Entry]) -> bool:
    """Whether there are pairs whose sides are equal."""
    return count_prompts(entries) != count_prompts(entries, leaves_out_unchanged=True)


def has_negatives(entries: Sequence[Entry]) -> bool:
    """Whether there are labeled negatives."""
    return any(map(_is_negative, entries))


def _is_negative(entry: Entry) -> bool:
    return entry.record is not None and entry.record.get("label") == NEGATIVE


def _labeled(prompt: Prompt, label: str) -> dict[str, Any]:
    record = prompt.as_json()
    del record["corrupt_ids"]
    return {"prompt_ids": record.pop("clean_ids"), "label": label} | record
