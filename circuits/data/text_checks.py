"""What in a prompt's text or answers probably does not say what was meant: named warnings, for prompts that can be run.

`PromptSet.warnings` collects them over a set. What cannot be run is refused by `circuits.data.prompts` instead.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple
from unicodedata import category

from circuits.data.answers import Answer, tokens_of
from circuits.data.tokenizer import Tokenizer, ids_of, next_token, next_tokens, quoted, token_texts
from circuits.numbers import count_text

WITHOUT_SPACE, MIXED_SPACES = "answers without a leading space", "answers with and without a leading space"
"""Kinds of warnings about the space in front of answers."""

COULD_BE_ONE = "answer of several tokens that could be one"
"""The kind of warning about an answer that a space, or none, keeps from being one token."""

_SHOWN_PROMPTS = 8
_BEFORE_A_SPACE = ",;.!?"


class PromptWarning(NamedTuple):
    """What is doubtful about one prompt.

    kind    the same for all prompts with this fault: warnings of a set are counted by it
    detail  what was found, and what to do
    """

    kind: str
    detail: str


def summary_of(
    warnings: Mapping[int, Sequence[PromptWarning]], n_prompts: int, listed: Callable[[Sequence[int]], str]
) -> list[str]:
    """One message per kind: how many prompts of `n_prompts` it concerns, which, and the detail of the first.

    warnings  those of each prompt, by its number
    listed    prompts of these numbers in words
    """
    by_kind: dict[str, dict[int, str]] = {}
    for number, own in warnings.items():
        for warning in own:
            by_kind.setdefault(warning.kind, {}).setdefault(number, warning.detail)
    return [
        f"{kind} ({len(found)} of {count_text(n_prompts, 'prompt')}: {listed([*found])}): {next(iter(found.values()))}"
        for kind, found in by_kind.items()
    ]


def listed(numbers: Iterable[int]) -> str:
    """The first few of many numbers."""
    numbers = list(numbers)
    more = len(numbers) - _SHOWN_PROMPTS
    return ", ".join(map(str, numbers[:_SHOWN_PROMPTS])) + (f" and {more} more" if more > 0 else "")


def of_text(clean: str, corrupt: str, tokenizer: Tokenizer) -> list[PromptWarning]:
    """Whether either text ends in a space that the tokenizer sees, or with an end-of-text token written out."""
    warnings = []
    for side, text in (("clean", clean), ("corrupt", corrupt)):
        bare = text.rstrip(" \t\u00a0")
        if bare != text and ids_of(bare, tokenizer) != ids_of(text, tokenizer):
            warnings.append(
                PromptWarning(
                    "prompt ends in a space",
                    f"{side} ends in {text[-20:]!r}. Most tokenizers put the space into the next word's token, so the "
                    "model seldom saw a text end so: begin the answers with the space instead, unless it is a token of "
                    "its own before them.",
                )
            )
            break
    end = getattr(tokenizer, "eos_token", None)
    if end and any(text.rstrip().endswith(end) for text in (clean, corrupt)):
        warnings.append(
            PromptWarning("prompt ends with the end-of-text token", f"what follows {end!r} is another text.")
        )
    return warnings


def of_spaces(clean: str, answers: Iterable[tuple[str | Answer, Answer]], tokenizer: Tokenizer) -> list[PromptWarning]:
    """Whether answers that are words lack the space in front of them, all or some, where it makes other tokens; or are
    nothing but a space.

    answers  of the prompt as they were given, the wrong ones among them, with their tokens
    """
    words = [(word, token) for word, token in answers if isinstance(word, str)]
    spaced = [word for word, _ in words if word[:1].isspace()]
    if blank := [word for word in spaced if not word.strip()]:
        detail = f"{blank[0]!r}: after most texts a space is no token of its own. Was a word meant?"
        return [PromptWarning("blank answer", detail)]
    bare = [word for word, answer in words if word[:1].isalnum() and _lacks_space(clean, word, answer, tokenizer)]
    if not bare:
        return []
    end, meant = clean[-1:], f"did you mean {' ' + bare[0]!r}?"
    if end.isalpha():
        what = f"goes on with the word that the prompt ends in, {clean.rsplit(maxsplit=1)[-1]!r}"
    else:
        what = f"follows {end!r} without a space" if end and end in _BEFORE_A_SPACE else None
    if not spaced:
        is_meant = what is not None and bare[0][0].isalpha()
        return [PromptWarning(WITHOUT_SPACE, f"{bare[0]!r} {what}: {meant}")] if is_meant else []
    both = f"{spaced[0]!r} begins with a space and {bare[0]!r} does not"
    if what is not None:
        why = f", which {what}: {meant}"
    elif end.isspace():
        why = f"; the prompt ends in {end!r} already: did you mean {spaced[0].lstrip()!r}?"
    else:
        why = ": one of them is not as texts go on here. Begin all with a space, or none."
    return [PromptWarning(MIXED_SPACES, f"{both}{why}")]


def _lacks_space(clean: str, word: str, answer: Answer, tokenizer: Tokenizer) -> bool:
    """Whether a word is other tokens with a space in front, and one, or no more than it is without: what ends a word,
    as "ization" does, is more. Of scripts without cases, some of which do without spaces, a single one alone.
    """
    spaced, own = next_tokens(clean, f" {word}", tokenizer), tokens_of(answer)
    if spaced is None or spaced == own:
        return False
    return len(spaced) == 1 or (len(spaced) <= len(own) and category(word[0]) != "Lo")


def of_pieces(clean: str, answers: Iterable[tuple[str | Answer, Answer]], tokenizer: Tokenizer) -> list[PromptWarning]:
    """Whether an answer of several tokens ends in a space, or would be a single one with or without a space in front.

    answers  of the prompt as they were given, the wrong ones among them, with their tokens
    """
    for word, answer in answers:
        if not (isinstance(word, str) and isinstance(answer, tuple)):
            continue
        pieces = token_texts(answer, tokenizer)
        if word[-1:].isspace():
            detail = f"{word!r} is {quoted(pieces)}: the space that begins the next word is read too. Leave it out."
            return [PromptWarning("answer ends in a space", detail)]
        if hint := _one_token(clean, word, tokenizer):
            return [PromptWarning(COULD_BE_ONE, f"{word!r} is {quoted(pieces)}. {hint}")]
    return []


def _one_token(clean: str, word: str, tokenizer: Tokenizer) -> str:
    """What to do where the space in front of a word, or its lack, is what keeps it from being one token."""
    bare = word.lstrip(" ")
    if bare == word:
        is_one = next_token(clean, f" {word}", tokenizer) is not None
        return f"With a space in front it is one: give {' ' + word!r}." if is_one else ""
    is_one = next_token(clean + word[: -len(bare)], bare, tokenizer) is not None if bare else False
    return f"To read one token, end both prompts with the space and give {bare!r}." if is_one else ""


def of_tokens(tokens: Sequence[int], answers: Sequence[Answer], tokenizer: Tokenizer) -> list[PromptWarning]:
    """Whether an answer has a special token, or the prompt begins with the same one twice."""
    warnings, special = [], set(tokenizer.all_special_ids)
    if named := [token for answer in answers for token in tokens_of(answer) if token in special]:
        shown = ", ".join(map(quoted, token_texts(named, tokenizer)))
        warnings.append(
            PromptWarning("special token as an answer", f"{shown}: no text continues with it. Was a word meant?")
        )
    if len(tokens) > 1 and tokens[0] == tokens[1] and tokens[0] in special:
        (shown,) = token_texts(tokens[:1], tokenizer)
        warnings.append(PromptWarning("special token twice at the start", f"{quoted(shown)}: the model saw it once."))
    return warnings


def of_roles(roles: Mapping[str, Any]) -> list[PromptWarning]:
    """Whether two roles are given by the same text: both are then its first occurrence."""
    first: dict[str, str] = {}
    for role, where in roles.items():
        if isinstance(where, str) and first.setdefault(where.strip(), role) != role:
            return [
                PromptWarning(
                    "two roles at the same place",
                    f"{first[where.strip()]!r} and {role!r} are both the first {where.strip()!r}: give the other one's "
                    "position.",
                )
            ]
    return []
