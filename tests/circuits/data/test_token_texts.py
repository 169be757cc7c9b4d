"""Tokens as they are shown: a byte that is a part of a character is its escape, never another letter."""

from __future__ import annotations

from typing import Any

import pytest

from circuits.data.prompts import PromptSet
from circuits.data.readable import ReadablePrompts
from circuits.data.text_prompts import prompt_from_text
from circuits.data.tokenizer import ids_of, joined_text, quoted, token_texts
from tests.circuits.tasks.tokenizers import tokenizer_of

SHALOM = "שלום"


@pytest.fixture(scope="module")
def of_bytes() -> Any:
    return tokenizer_of("bytes")


@pytest.mark.parametrize("text", [SHALOM, "🎉", "é", "Łø", " \u0301", "\ufffd", "a\x80b"])
def test_bytes_of_characters_are_escapes_and_make_the_characters_again(of_bytes: Any, text: str):
    texts = token_texts(ids_of(text, of_bytes), of_bytes)
    parts = [one for one in texts if one not in text]
    assert parts
    assert all(one.isascii() and "\\x" in one for one in parts)
    assert joined_text(texts) == text


def test_a_token_of_whole_and_of_broken_characters_shows_both():
    class Mixed:
        def convert_ids_to_tokens(self, ids: Any) -> list[str]:
            return [["ĠÑĦÑ", "ģ", "<0xD7>", "Ø"][token] for token in ids]

        def decode(self, ids: Any, **_: Any) -> str:
            return [" ф\ufffd", "\ufffd", "\ufffd", "Ø"][ids[0]]

    tokenizer: Any = Mixed()
    assert token_texts([0, 1, 2, 3], tokenizer) == [r" ф\xd1", r"\x81", r"\xd7", "Ø"]
    assert joined_text(token_texts([0, 1, 2, 3], tokenizer)) == r" фс\xd7Ø"


def test_escapes_of_bytes_stand_once_in_quotes():
    assert quoted(r"\xd7") == r"'\xd7'"
    assert quoted([r"\xd7", "\n", "\\"]) == r"['\xd7', '\n', '\\']"


def test_answers_and_roles_of_readable_prompts_are_whole_characters(of_bytes: Any):
    prompt = prompt_from_text(
        f"The {SHALOM} is",
        f"The {SHALOM[::-1]} is",
        answers=[f" {SHALOM}"],
        wrong_answers=[],
        roles={"S": SHALOM},
        tokenizer=of_bytes,
    )
    (shown,) = ReadablePrompts(PromptSet("own", (prompt,)), of_bytes)
    assert shown.answers == (f" {SHALOM}",)
    assert shown.of_role("S").strip() == SHALOM
