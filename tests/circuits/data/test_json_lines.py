"""Lines of prompt files that JSON allows and no prompt may hold, and files as Windows editors write them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from circuits.data.coco import read_annotations
from circuits.data.json_lines import parse_object
from circuits.data.prompt_files import BadPrompts, count_prompts, entries_in, has_negatives, read_prompts
from circuits.data.question_files import is_question_file, read_questions
from tests.circuits.data.coco_files import instances, written
from tests.circuits.data.test_question_files import pope_line

GOOD = '{"clean_ids": [1, 2], "corrupt_ids": [1, 3], "answer_ids": [4]}'
BAD = {
    GOOD[:-1] + r', "roles": {"\ud800": [0]}}': "half of a surrogate pair",
    '{"clean": "a \\udfff", "corrupt": "b", "answers": ["c"]}': "half of a surrogate pair",
    GOOD[:-1] + ', "roles": ' + "[" * 100_000 + "]" * 100_000 + "}": "nested more than 32 deep",
    GOOD[:-1] + ', "roles": ' + "[" * 40 + "]" * 40 + "}": "nested more than 32 deep",
    GOOD[:-1] + ', "clean_ids": [1, 9]}': "key 'clean_ids' is given twice",
    GOOD[:-1] + ', "roles": {"A": [0], "A": [1]}}': "key 'A' is given twice",
}


@pytest.mark.parametrize(("line", "said"), BAD.items(), ids=range(len(BAD)))
def test_lines_that_no_prompt_may_hold_are_named_with_their_number(tmp_path: Path, line: str, said: str):
    path = tmp_path / "pairs.jsonl"
    path.write_text(f"{GOOD}\n{line}\n")
    with pytest.raises(BadPrompts, match=f"line 2: .*{said}"):
        read_prompts(path)
    # Planning counts the lines before they are read.
    assert count_prompts(entries_in(path)) == 2
    assert not has_negatives(entries_in(path))
    assert not is_question_file(line.encode())
    path.write_text(f"{pope_line()}\n{line}\n")
    with pytest.raises(BadPrompts, match=f"line 2: .*{said}"):
        read_questions(path)


def test_a_whole_surrogate_pair_is_a_character():
    assert parse_object(r'{"clean": "\ud83d\ude00"}') == {"clean": "\U0001f600"}


def test_a_byte_order_mark_is_no_part_of_the_first_line(tmp_path: Path):
    plain, marked = tmp_path / "plain.jsonl", tmp_path / "marked.jsonl"
    plain.write_text(GOOD, encoding="utf-8")
    marked.write_text(f"{GOOD}\n{GOOD}\n", encoding="utf-8-sig")
    assert read_prompts(marked).fingerprint == read_prompts(plain).fingerprint
    assert count_prompts(entries_in(marked)) == 1
    marked.write_text(pope_line(), encoding="utf-8-sig")
    assert is_question_file(marked.read_bytes())
    assert len(read_questions(marked)) == 1


def test_annotations_may_begin_with_a_byte_order_mark(tmp_path: Path):

    path = written(tmp_path, instances())
    plain = read_annotations(path)
    path.write_text(json.dumps(instances()), encoding="utf-8-sig")
    assert read_annotations(path).categories == plain.categories
