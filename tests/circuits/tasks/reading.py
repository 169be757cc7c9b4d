"""What a built prompt says, in words: for tests that read prompts as a person would."""

from __future__ import annotations

from typing import Any

from circuits.data.prompts import Prompt, PromptSet
from circuits.tasks import TASKS
from tests.circuits.tasks.tokenizers import KINDS, tokenizer_of

# Years in pairs of digits, and digit by digit: each of the two tasks about years needs one of them.
CANNOT_HOLD = {("digits", "greater-than"), *((kind, "greater-than-decade") for kind in KINDS if kind != "digits")}


def fitting(name: str) -> Any:
    """A tokenizer that holds the words of a task, one token a word."""
    return tokenizer_of("digits" if ("words", name) in CANNOT_HOLD else "words")


def text_of(tokenizer: Any, ids: list[int]) -> str:
    return tokenizer.decode(ids).replace("▁", " ").strip()


def word(tokenizer: Any, prompt: Prompt, role: str) -> str:
    """The text of the tokens at a role."""
    return text_of(tokenizer, [prompt.clean[position] for position in prompt.roles[role]])


def corrupt_word(tokenizer: Any, prompt: Prompt, role: str) -> str:
    return text_of(tokenizer, [prompt.corrupt[position] for position in prompt.roles[role]])


def said(tokenizer: Any, ids: tuple[int, ...]) -> list[str]:
    return [text_of(tokenizer, [token]) for token in ids]


def changed(prompt: Prompt) -> set[int]:
    """Positions at which clean and corrupt differ."""
    return {position for position, (a, b) in enumerate(zip(prompt.clean, prompt.corrupt, strict=True)) if a != b}


def positions(prompt: Prompt, *roles: str) -> set[int]:
    return {position for role in roles for position in prompt.roles[role]}


def build(name: str, tokenizer: Any, corruption: str = "", n: int = 30, seed: int = 0) -> PromptSet:
    return TASKS[name](corruption=corruption).build(tokenizer, n=n, seed=seed)
