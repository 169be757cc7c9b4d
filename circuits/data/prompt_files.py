"""Prompt files: one JSON object a line, as text or as token ids; pairs, or labeled positives and negatives.

Pairs:     {"clean", "corrupt", "answers": [...], "wrong_answers"?: [...], "roles"?}
Labeled:   {"prompt", "label": "positive" or "negative", "answers": [...], "wrong_answers"?: [...], "roles"?}; the
           answers of a negative are what the model should not give there
As ids:    "clean_ids" and "corrupt_ids", or "prompt_ids"; "answer_ids", "wrong_answer_ids", "answer_position"?

Answers are as they follow the prompt (" Mary"), of one token or of several; with ids, an answer of several tokens is a
list of its own ([[7, 8], 9] are two). Roles map a name to words of the clean prompt, or to positions. Labeled prompts
have no partner, so that nothing can be patched from one into another. Copies of a line are left out, and named in the
set's `notes`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from circuits.data.answers import Answer
from circuits.data.json_lines import parse_object
from circuits.data.left_out import lines_left_out, note_of, record_of
from circuits.data.prompts import Prompt, PromptSet, Tokenizer, positions, prompt_from_text, whole_number
from circuits.data.text_checks import of_tokens
from circuits.files import read_text, replace_file

PAIR, POSITIVE, NEGATIVE = "pair", "positive", "negative"
_EXAMPLES = {
    PAIR: '{"clean": "...", "corrupt": "...", "answers": [" Mary"], "wrong_answers": [" John"]}',
    NEGATIVE: '{"prompt": "...", "label": "negative", "answers": [" Mary"]}',
    POSITIVE: '{"prompt": "...", "label": "positive", "answers": [" Mary"]}',
}
_SHARED_KEYS = {
    False: {"answers", "wrong_answers", "roles"},
    True: {"answer_ids", "wrong_answer_ids", "answer_position", "roles"},
}


class BadPrompts(ValueError):
    """All faults of a prompt file at once, each with its line number."""

    def __init__(self, path: str, faults: Sequence[str]) -> None:
        shown = [*faults[:20], *([f"... and {len(faults) - 20} more"] if len(faults) > 20 else [])]
        super().__init__(f"{path}: {len(faults)} bad line(s); no model was run.\n" + "\n".join(f"  {f}" for f in shown))
        self.faults = tuple(faults)


class _Line(NamedTuple):
    label: str
    prompt: Prompt


def read_jsonl(path: Path, tokenizer: Tokenizer | None = None, *, leaves_out_unchanged: bool = False) -> PromptSet:
    """The prompts of a file, each once.

    leaves_out_unchanged  whether pairs with equal sides are left out: they are of use where noise or means are put in
                          instead of the corrupt prompt

    Raises `BadPrompts` with every bad line; a file that cannot be read, or that holds no set of prompts, raises a
    ValueError that says why.

    >>> from pathlib import Path
    >>> from circuits import read_jsonl
    >>> file = Path("pairs.jsonl")
    >>> line = '{"clean_ids": [5, 7, 5], "corrupt_ids": [5, 7, 8], "answer_ids": [7], "wrong_answer_ids": [5]}'
    >>> _ = file.write_text(line)
    >>> prompts = read_jsonl(file)
    >>> prompts.task, len(prompts), prompts.prompts[0].answers
    ('pairs', 1, (7,))
    """
    lines, faults = [], []
    texts = _text_of(path).split("\n")
    left_out = lines_left_out(texts, unchanged=leaves_out_unchanged)
    skipped = {line.number for line in left_out}
    for number, text in enumerate(texts, start=1):
        if not text.strip():
            continue
        try:
            line = _parse_line(text, tokenizer)
            lines += [] if number in skipped else [line]
        except ValueError as error:
            faults.append(f"line {number}: {error}")
    if faults:
        raise BadPrompts(str(path), faults)
    by_label = {label: tuple(line.prompt for line in lines if line.label == label) for label in _EXAMPLES}
    notes = (note_of(left_out, len(lines) + len(left_out)),) if left_out else ()
    if not lines:
        why = f" {notes[0]}" if notes else ""
        raise ValueError(f"{path} holds no prompt.{why} Give one JSON object a line, such as {_EXAMPLES[PAIR]}.")
    if by_label[PAIR] and len(by_label[PAIR]) < len(lines):
        raise ValueError(
            f"{path} holds {len(by_label[PAIR])} pairs and {len(lines) - len(by_label[PAIR])} labeled prompts: give "
            "pairs only, or labeled prompts only."
        )
    if by_label[PAIR]:
        return PromptSet(path.stem, by_label[PAIR], notes=notes)
    for label in (POSITIVE, NEGATIVE):
        if not by_label[label]:
            raise ValueError(
                f"{path} holds {len(lines)} labeled prompts and no {label} one: both are needed. Add lines such as "
                f"{_EXAMPLES[label]}."
            )
    sides = ({(prompt.clean, prompt.answers) for prompt in by_label[label]} for label in (POSITIVE, NEGATIVE))
    if both := len(set.intersection(*sides)):
        raise ValueError(f"{path}: {both} prompts are labeled both {POSITIVE} and {NEGATIVE}. Give each one label.")
    return PromptSet(path.stem, by_label[POSITIVE], by_label[NEGATIVE], notes)


def write_jsonl(prompts: PromptSet, path: Path) -> None:
    """Write prompts as token ids; `read_jsonl` reads them back.

    >>> from pathlib import Path
    >>> from circuits import Prompt, PromptSet, read_jsonl, write_jsonl
    >>> prompts = PromptSet("copies", (Prompt(clean=(5, 7, 5), corrupt=(5, 7, 8), answers=(7,)),))
    >>> write_jsonl(prompts, Path("copies.jsonl"))
    >>> read_jsonl(Path("copies.jsonl")).fingerprint == prompts.fingerprint
    True
    """
    if prompts.is_paired:
        records = [prompt.as_json() for prompt in prompts]
    else:
        sides = ((POSITIVE, prompts.prompts), (NEGATIVE, prompts.negatives))
        records = [_labeled(prompt, label) for label, side in sides for prompt in side]
    replace_file(path, "".join(json.dumps(record) + "\n" for record in records).encode())


def count_prompts(data: bytes, *, leaves_out_unchanged: bool = False) -> int:
    """How many pairs or positives `read_jsonl` finds in a file of these bytes, if all its lines are good."""
    lines = data.splitlines()
    skipped = {line.number for line in lines_left_out(lines, unchanged=leaves_out_unchanged)}
    return sum(
        1
        for number, line in enumerate(lines, start=1)
        if line.strip() and number not in skipped and not _is_negative(line)
    )


def has_unchanged(data: bytes) -> bool:
    """Whether a file of these bytes holds pairs whose sides are equal."""
    return count_prompts(data) != count_prompts(data, leaves_out_unchanged=True)


def has_negatives(data: bytes) -> bool:
    """Whether a file of these bytes holds labeled negatives."""
    return any(_is_negative(line) for line in data.splitlines())


def _is_negative(line: bytes) -> bool:
    record = record_of(line)
    return record is not None and record.get("label") == NEGATIVE


def _labeled(prompt: Prompt, label: str) -> dict[str, Any]:
    record = prompt.as_json()
    del record["corrupt_ids"]
    return {"prompt_ids": record.pop("clean_ids"), "label": label} | record


def _text_of(path: Path) -> str:
    try:
        return read_text(path, "utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"cannot read the prompt file {path}: {error}") from None


def _parse_line(text: str, tokenizer: Tokenizer | None) -> _Line:
    record = parse_object(text)
    is_ids = bool({"clean_ids", "prompt_ids"} & record.keys())
    is_labeled = bool({"label", "prompt", "prompt_ids"} & record.keys())
    ending = "_ids" if is_ids else ""
    sides = {f"prompt{ending}", "label"} if is_labeled else {f"clean{ending}", f"corrupt{ending}"}
    known = sides | _SHARED_KEYS[is_ids]
    if missing := sorted((sides | {"answer_ids" if is_ids else "answers"}) - record.keys()):
        raise ValueError(f"{', '.join(map(repr, missing))} missing; found {sorted(record)}.")
    if unknown := sorted(record.keys() - known):
        raise ValueError(f"unknown key {', '.join(map(repr, unknown))}; known: {sorted(known)}.")
    label = record["label"] if is_labeled else PAIR
    if label not in _EXAMPLES or is_labeled != (label != PAIR):
        raise ValueError(f"'label' holds {label!r}, expected {POSITIVE!r} or {NEGATIVE!r}.")
    clean, corrupt = (f"{side}{ending}" for side in (("prompt", "prompt") if is_labeled else ("clean", "corrupt")))
    return _Line(label, (_from_ids if is_ids else _from_text)(record, clean, corrupt, tokenizer))


def _from_ids(record: Mapping[str, Any], clean: str, corrupt: str, tokenizer: Tokenizer | None) -> Prompt:
    ids, (answers, wrong) = _ids(record, clean), (_answers(record, key) for key in ("answer_ids", "wrong_answer_ids"))
    return Prompt(
        ids,
        _ids(record, corrupt),
        answers,
        wrong,
        whole_number(record.get("answer_position", -1), "answer_position"),
        {role: positions(role, given) for role, given in _roles(record).items()},
        warnings=() if tokenizer is None else tuple(of_tokens(ids, answers + wrong, tokenizer)),
    )


def _from_text(record: Mapping[str, Any], clean: str, corrupt: str, tokenizer: Tokenizer | None) -> Prompt:
    if tokenizer is None:
        wanted = f"'{clean}_ids', 'answer_ids'" if clean == corrupt else "'clean_ids', 'corrupt_ids', 'answer_ids'"
        raise ValueError(f"holds text, but the model has no tokenizer: give {wanted}.")
    return prompt_from_text(
        _text(record[clean], clean),
        _text(record[corrupt], corrupt),
        answers=_texts(record["answers"], "answers"),
        wrong_answers=_texts(record.get("wrong_answers", []), "wrong_answers"),
        roles=_roles(record),
        tokenizer=tokenizer,
    )


def _ids(record: Mapping[str, Any], key: str) -> tuple[int, ...]:
    values = record.get(key, [])
    if not isinstance(values, list):
        raise ValueError(f"{key!r} holds {values!r}, expected a list of token ids.")
    return tuple(whole_number(value, key) for value in values)


def _answers(record: Mapping[str, Any], key: str) -> tuple[Answer, ...]:
    """Token ids, or lists of those of an answer of several tokens."""
    values = record.get(key, [])
    if not isinstance(values, list):
        raise ValueError(f"{key!r} holds {values!r}, expected a list of token ids.")
    return tuple(
        tuple(whole_number(token, key) for token in value) if isinstance(value, list) else whole_number(value, key)
        for value in values
    )


def _roles(record: Mapping[str, Any]) -> dict[str, Any]:
    roles = record.get("roles", {})
    if not isinstance(roles, dict):
        raise ValueError(f"'roles' holds {roles!r}, expected an object such as {{\"IO\": [2]}}.")
    return roles


def _text(value: Any, key: str) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError(f"{key!r} holds {value!r}, expected a text.")
    return value


def _texts(values: Any, key: str) -> list[str]:
    values = [values] if isinstance(values, str) else values
    if not isinstance(values, list):
        raise ValueError(f"{key!r} holds {values!r}, expected a list of texts.")
    return [_text(value, key) for value in values]
