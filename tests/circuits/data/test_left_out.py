"""Copies of a prompt and pairs whose sides are equal are left out of a file's prompts, by name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from circuits.data.left_out import Line, groups_of, lines_left_out
from circuits.data.prompt_files import count_prompts, entries_in, has_unchanged, read_prompts
from circuits.data.prompts import Prompt, PromptSet
from circuits.data.records import Entry, entries_of

ONE: dict[str, Any] = {"clean_ids": [1, 2, 3], "corrupt_ids": [1, 4, 3], "answer_ids": [5], "wrong_answer_ids": [6]}
OTHER = ONE | {"clean_ids": [1, 7, 3]}
EQUAL = ONE | {"corrupt_ids": [1, 2, 3]}


def write(path: Path, *records: dict[str, Any]) -> Path:
    path.write_text("".join(f"{json.dumps(record)}\n" for record in records))
    return path


def entries(*lines: str) -> list[Entry]:
    return entries_of("\n".join(lines).encode(), "own.jsonl")


def test_sixteen_copies_are_one_prompt(tmp_path: Path) -> None:
    path = write(tmp_path / "own.jsonl", *[ONE] * 16)
    prompts = read_prompts(path)
    assert len(prompts) == count_prompts(entries_in(path)) == 1
    assert prompts.warnings == ["15 of 16 prompts are left out, as they add nothing (lines 2-16: copies of line 1)."]


def test_lines_left_out_for_one_reason_are_said_together(tmp_path: Path) -> None:
    path = write(tmp_path / "own.jsonl", ONE, ONE, OTHER, OTHER, EQUAL)
    said = "lines 2, 4: copies of earlier lines, line 2 of line 1; line 5: clean and corrupt are equal"
    assert read_prompts(path, leaves_out_unchanged=True).warnings == [
        f"3 of 5 prompts are left out, as they add nothing ({said})."
    ]
    one_equal = write(tmp_path / "equal.jsonl", ONE, EQUAL)
    assert read_prompts(one_equal, leaves_out_unchanged=True).warnings == [
        "1 of 2 prompts is left out, as it adds nothing (line 2: clean and corrupt are equal)."
    ]


def test_of_lines_left_out_here_and_there_the_first_are_named_and_all_counted() -> None:
    lines = [json.dumps(record) for number in range(12) for record in [ONE | {"clean_ids": [number, 2, 3]}] * 2]
    (group,) = groups_of(lines_left_out(entries(*lines), unchanged=True))
    assert group.lines == "lines 2, 4, 6, 8, 10, 12, 14, 16 and 4 more"
    assert group.reason == "copies of earlier lines, line 2 of line 1"


@pytest.mark.parametrize(
    ("again", "is_copy"),
    [
        ({"roles": {"S": [1]}}, True),
        ({"answer_ids": [5], "clean_ids": [1, 2, 3]}, True),
        ({"answer_ids": [9]}, False),
        ({"wrong_answer_ids": []}, False),
        ({"answer_position": 1}, False),
        ({"corrupt_ids": [1, 8, 3]}, False),
    ],
)
def test_a_copy_says_the_same_but_for_its_roles(again: dict[str, Any], is_copy: bool) -> None:
    lines = [json.dumps(ONE), "", json.dumps(ONE | again)]
    left_out = lines_left_out(entries(*lines), unchanged=True)
    assert [(line.number, line.reason) for line in left_out] == ([(3, "a copy of line 1")] if is_copy else [])


def test_answers_in_another_order_or_alone_without_a_list_are_the_same_prompt() -> None:
    pairs = [
        {"clean": "a", "corrupt": "b", "answers": answers} for answers in ([" x", " y"], [" y", " x"], " x", [" x"])
    ]
    assert [line.number for line in lines_left_out(entries(*map(json.dumps, pairs)), unchanged=True)] == [2, 4]


def test_equal_pairs_are_left_out_by_name_where_the_corrupt_prompt_is_put_in(tmp_path: Path) -> None:
    path = write(tmp_path / "own.jsonl", ONE, EQUAL, OTHER, EQUAL | {"answer_ids": [9]})
    prompts = read_prompts(path, leaves_out_unchanged=True)
    assert [prompt.clean for prompt in prompts] == [(1, 2, 3), (1, 7, 3)]
    assert prompts.warnings == [
        "2 of 4 prompts are left out, as they add nothing (lines 2, 4: clean and corrupt are equal)."
    ]
    assert has_unchanged(entries_in(path))
    assert count_prompts(entries_in(path), leaves_out_unchanged=True) == 2


def test_equal_texts_are_an_equal_pair_and_labeled_prompts_are_none() -> None:
    text = {"clean": "a b", "corrupt": "a b", "answers": [" c"]}
    labeled = {"prompt": "a b", "label": "positive", "answers": [" c"]}
    assert lines_left_out(entries(json.dumps(text)), unchanged=True) == [Line(1, None)]
    assert lines_left_out(entries(json.dumps(text)), unchanged=False) == []
    assert lines_left_out(entries(json.dumps(labeled)), unchanged=True) == []


def test_equal_pairs_stay_where_something_else_is_put_in(tmp_path: Path) -> None:
    path = write(tmp_path / "own.jsonl", ONE, EQUAL)
    prompts = read_prompts(path)
    assert len(prompts) == count_prompts(entries_in(path)) == 2
    assert prompts.unchanged == (1,)
    assert prompts.warnings == []


def test_a_file_of_equal_pairs_alone_says_why_nothing_is_left(tmp_path: Path) -> None:
    path = write(tmp_path / "own.jsonl", EQUAL, EQUAL | {"answer_ids": [9]})
    with pytest.raises(ValueError, match=r"holds no prompt\. 2 of 2 prompts are left out.*lines 1-2: clean and corr"):
        read_prompts(path, leaves_out_unchanged=True)


def test_copies_among_negatives_are_left_out_and_one_prompt_with_both_labels_is_refused(tmp_path: Path) -> None:
    positive = {"prompt_ids": [1, 2], "label": "positive", "answer_ids": [5]}
    negative = {"prompt_ids": [1, 3], "label": "negative", "answer_ids": [5]}
    prompts = read_prompts(write(tmp_path / "own.jsonl", positive, negative, negative, positive))
    assert (len(prompts), len(prompts.negatives)) == (1, 1)
    with pytest.raises(ValueError, match="1 prompt is labeled both positive and negative"):
        read_prompts(write(tmp_path / "own.jsonl", positive, negative | {"prompt_ids": [1, 2]}))


def test_a_set_built_of_copies_says_how_many_are_different() -> None:
    one, other = Prompt((1, 2), (1, 3), (5,)), Prompt((4, 2), (4, 3), (5,))
    prompts = PromptSet("mine", (one,) * 15 + (other,))
    assert prompts.n_distinct == 2
    (warning,) = prompts.warnings
    assert warning.startswith("16 prompts hold 2 different ones: copies are no further evidence")
    assert PromptSet("mine", (one, other)).warnings == []
