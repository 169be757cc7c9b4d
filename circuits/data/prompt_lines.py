"""A record of a prompt file as a prompt: of text or of token ids, one of a pair, a positive or a negative.

All that is wrong with a record is said at once. Its keys: `circuits.data.prompt_files`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from circuits.data.answers import Answer
from circuits.data.faults import Faults, each
from circuits.data.prompts import END, NO_ANSWER, Origin, Prompt, positions, whole_number
from circuits.data.records import Entry
from circuits.data.records.keys import has_side, keys_for
from circuits.data.text_checks import of_tokens
from circuits.data.text_prompts import prompt_from_text
from circuits.data.tokenizer import OR_A_TOKENIZER, Tokenizer
from circuits.lookup import missing_keys, not_one_of, unknown_keys

PAIR, POSITIVE, NEGATIVE = "pair", "positive", "negative"


class Line(NamedTuple):
    """A prompt of a file, and what it is: `PAIR`, `POSITIVE` or `NEGATIVE`."""

    label: str
    prompt: Prompt


def parse_entry(entry: Entry, tokenizer: Tokenizer | None, *, file: str = "") -> Line:
    """The prompt of an entry, and whether it is one of a pair, positive or negative.

    file  the name of the file that it is a line of, if it is one
    ValueError for a bad one, with all that is wrong with it (`circuits.data.faults.faults_of`) and does not hang on
    what is missing or of the wrong type.
    """
    if (record := entry.record) is None:
        raise ValueError(entry.fault)
    faults = Faults()
    # An empty cell is a key that is not given, but where nothing else tells what was to be given.
    keys = keys_for(record if has_side(record) else {*record, *entry.empty})
    if empty := [key for key in entry.empty if key in keys.needed]:
        faults.add(f"{', '.join(map(repr, empty))} {'is' if len(empty) == 1 else 'are'} empty: fill in the cell.")
    if missing := sorted(keys.needed - record.keys() - set(empty)):
        faults.add(missing_keys(missing, {*record, *entry.empty}))
    if unknown := sorted(record.keys() - keys.known):
        faults.add(f"{unknown_keys(unknown, keys.known)}{_of_list(record, unknown)}")
    label = record.get("label") if keys.is_labeled else PAIR
    if keys.is_labeled and "label" in record and label not in (POSITIVE, NEGATIVE):
        faults.add(not_one_of("label", label, dict.fromkeys((POSITIVE, NEGATIVE), "")))
    read = _from_ids if keys.is_ids else _from_text
    prompt = faults.in_call(read, record, keys.clean, keys.corrupt, tokenizer)
    faults.add(*([] if prompt is None else _faults_of_roles(prompt)))
    faults.raise_any()
    assert prompt is not None
    return Line(str(label), replace(prompt, origin=Origin(file, entry.number)) if file else prompt)


def _faults_of_roles(prompt: Prompt) -> list[str]:
    """What is wrong with roles that are given now; results of before may hold such, and are read."""
    faults: list[str] = []
    if prompt.roles[END] != (prompt.answer_position,):
        faults.append(
            f"role {END!r} is where the answer is predicted, position {prompt.answer_position}, and is given at "
            f"{list(prompt.roles[END])}: call it something else."
        )
    if "" in prompt.roles:
        faults.append(f"a role at positions {list(prompt.roles[''])} has no name: give it one.")
    return faults


def _of_list(record: Mapping[str, Any], unknown: Sequence[str]) -> str:
    """What to do with a list of prompts that stands in an object."""
    held = next((key for key in unknown if isinstance(record[key], list) and record[key][:1]), None)
    is_of_prompts = held is not None and isinstance(record[held][0], dict)
    return f" If {held!r} holds the prompts, make that list the whole file." if is_of_prompts else ""


def _from_ids(record: Mapping[str, Any], clean: str, corrupt: str, tokenizer: Tokenizer | None) -> Prompt | None:
    """The prompt; None where a key is missing and what is there is as it should be."""
    faults = Faults()
    ids, corrupt_ids = (faults.in_call(_ids, record, key) if key in record else None for key in (clean, corrupt))
    right, wrong = (faults.in_call(_answers, record, key) for key in ("answer_ids", "wrong_answer_ids"))
    at = faults.in_call(whole_number, record.get("answer_position", -1), "answer_position")
    roles = {role: faults.in_call(positions, role, at) for role, at in (faults.in_call(_roles, record) or {}).items()}
    is_whole = not faults.said and {clean, corrupt, "answer_ids"} <= record.keys()
    if record.get("answer_ids") == []:
        faults.add(NO_ANSWER)
    prompt = None
    if ids is not None:
        answers = right or ()
        located = {role: where for role, where in roles.items() if where is not None}
        warnings = (
            tuple(of_tokens(ids, answers + (wrong or ()), tokenizer)) if is_whole and tokenizer is not None else ()
        )
        # Without its partner, a side is compared with itself; why there is none was said by then.
        partner, position = ids if corrupt_ids is None else corrupt_ids, -1 if at is None else at
        found = Faults()
        prompt = found.in_call(Prompt, ids, partner, answers, wrong or (), position, located, warnings=warnings)
        faults.add(*(fault for fault in found.said if fault != NO_ANSWER))
    faults.raise_any()
    return prompt if is_whole else None


def _from_text(record: Mapping[str, Any], clean: str, corrupt: str, tokenizer: Tokenizer | None) -> Prompt | None:
    """The prompt; None where a key is missing and what is there is as it should be."""
    faults = Faults()
    if tokenizer is None and {clean, corrupt, "answers"} & record.keys():
        wanted = f"'{clean}_ids', 'answer_ids'" if clean == corrupt else "'clean_ids', 'corrupt_ids', 'answer_ids'"
        faults.add(f"holds text, but the model has no tokenizer: give {wanted}; {OR_A_TOKENIZER}.")
    text, corrupt_text = (
        faults.in_call(_text, record[key], key) if key in record else None for key in (clean, corrupt)
    )
    answers, wrong = (faults.in_call(_texts, record.get(key, []), key) or [] for key in ("answers", "wrong_answers"))
    roles = faults.in_call(_roles, record) or {}
    is_whole = not faults.said and {clean, corrupt, "answers"} <= record.keys()
    if record.get("answers") == []:
        faults.add(NO_ANSWER)
    prompt = None
    if tokenizer is not None and (text or corrupt_text):
        # Answers and roles are those of the clean text. Without its partner, a side is compared with itself; why there
        # is none was said by then.
        right, wrong, roles = (answers, wrong, roles) if text else ([], [], {})
        given = {"answers": right, "wrong_answers": wrong, "roles": roles}
        found = Faults()
        prompt = found.in_call(
            prompt_from_text, text or corrupt_text or "", corrupt_text or text or "", **given, tokenizer=tokenizer
        )
        faults.add(*(fault for fault in found.said if fault != NO_ANSWER))
    faults.raise_any()
    return prompt if is_whole else None


def _ids(record: Mapping[str, Any], key: str) -> tuple[int, ...]:
    values = record.get(key, [])
    if not isinstance(values, list):
        raise ValueError(f"{key!r} holds {values!r}, expected a list of token ids.")
    return each(values, whole_number, key)


def _answers(record: Mapping[str, Any], key: str) -> tuple[Answer, ...]:
    """Token ids, or lists of those of an answer of several tokens."""
    values = record.get(key, [])
    if not isinstance(values, list):
        raise ValueError(f"{key!r} holds {values!r}, expected a list of token ids.")
    return each(values, _answer, key)


def _answer(value: Any, key: str) -> Answer:
    return each(value, whole_number, key) if isinstance(value, list) else whole_number(value, key)


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
    return list(each(values, _text, key))
