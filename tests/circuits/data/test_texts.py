"""Texts of a file, and as prompts whose answer is all of the text but its first token."""

from __future__ import annotations

import json

import pytest

from circuits.data.prompt_files import BadPrompts
from circuits.data.texts import Text, holds_texts, read_texts, texts_as_prompts, texts_to_read, tokens_of_text
from tests.bundled import bundled


def test_plain_text_is_parted_at_empty_lines_and_numbered():
    texts = read_texts(b"one\ntwo\r\n \r\nthree\n\n\n\n", "a.txt")
    assert texts == (Text("1", "all", "one\ntwo"), Text("2", "all", "three"))


def test_json_lines_may_name_and_group_and_hold_ids():
    lines = [{"text": "a b"}, {"ids": [1, 2, 3], "name": "x", "group": "g"}]
    data = "\n".join(map(json.dumps, lines)).encode()
    assert read_texts(data, "a.jsonl") == (Text("1", "all", "a b"), Text("x", "g", (1, 2, 3)))


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('{"txt": "a"}', "unknown key 'txt'"),
        ('{"text": "a", "ids": [1]}', 'give "text" or "ids"'),
        ('{"text": "  "}', "text is '  '"),
        ('{"ids": [1, -2]}', "no list of token ids"),
        ('{"ids": [true, 2]}', "no list of token ids"),
        ('{"text": "a", "group": 3}', "group is 3"),
        ("[]", "expected a JSON object"),
    ],
)
def test_every_bad_line_is_named(line, said):
    with pytest.raises(BadPrompts, match=r"2 bad line") as refused:
        read_texts(f"{line}\n\n{line}".encode(), "a.jsonl")
    assert said in str(refused.value)
    assert "lines 1, 3: " in str(refused.value)


def test_every_fault_of_a_line_is_named():
    with pytest.raises(BadPrompts) as refused:
        read_texts(b'{"ids": [-1], "group": 3, "x": 1, "y": 2}', "a.jsonl")
    assert [fault.partition(": ")[2][:16] for fault in refused.value.faults] == [
        "unknown key 'x',",
        "group is 3; give",
        "ids is no list o",
    ]


@pytest.mark.parametrize(
    ("data", "said"), [(b"\n \n", "holds no text"), (b"\xff", "no text in UTF-8"), (b"", "holds no text")]
)
def test_files_without_texts_are_refused(data, said):
    with pytest.raises(ValueError, match=said):
        read_texts(data, "a.txt")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("name", ["a.txt", "a.jsonl"])
def test_texts_in_utf_16_are_named_with_a_mark_or_without(encoding, name):
    with pytest.raises(ValueError, match=r"a\.(txt|jsonl): it is text in UTF-16\. Save it as UTF-8"):
        read_texts('{"text": "a b c d"}'.encode(encoding), name)


def test_two_texts_of_one_name_are_refused():
    with pytest.raises(ValueError, match="stand for several texts, such as '2'"):
        read_texts(b'{"text": "a", "name": "2"}\n{"text": "b"}', "a.jsonl")


def test_a_text_is_a_prompt_of_one_token_that_all_others_answer():
    prompts = texts_as_prompts([Text("x", "all", (4, 5, 6, 7))], None, most=3)
    (prompt,) = prompts
    assert (prompt.clean, prompt.answers) == ((4,), ((5, 6),))
    assert tokens_of_text(prompt) == (4, 5, 6)


def test_words_that_the_tokenizer_does_not_know_and_short_texts_are_refused():
    tokenizer = bundled("reference").tokenizer
    with pytest.raises(ValueError, match=r"text 'x' .* holds 1 word\(s\)"):
        texts_as_prompts([Text("x", "all", "Mary gave quarks to John")], tokenizer)
    with pytest.raises(ValueError, match="text 'x' has 2 tokens; 3 are needed"):
        texts_as_prompts([Text("x", "all", (1, 2))], None)
    with pytest.raises(ValueError, match="no tokenizer"):
        texts_as_prompts([Text("x", "all", "a b c")], None)


def test_texts_that_are_read_alone_end_before_their_last_token():
    texts = (Text("1", "all", (1, 2, 3, 4)), Text("2", "code", (5, 6, 7)))
    one, other = texts_to_read(texts, None, name="own")
    assert (one.clean, one.answers, one.roles) == ((1, 2, 3), (4,), {"END": (2,)})
    assert (other.clean, other.answers, other.roles["domain_code"]) == ((5, 6), (7,), (0, 1))
    with pytest.raises(ValueError, match="has 2 tokens"):
        texts_to_read([Text("1", "all", (1, 2))], None, name="own")


def test_a_file_of_texts_is_told_from_a_file_of_prompts():
    assert holds_texts(b"any words", "a.txt")
    assert holds_texts(b'\n{"text": "a b", "group": "g"}\n', "a.jsonl")
    for line in ('{"clean": "a", "corrupt": "b", "answers": ["c"]}', '{"image": 1, "text": "a", "label": "yes"}', "x"):
        assert not holds_texts(line.encode(), "a.jsonl")
