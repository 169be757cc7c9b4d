"""The keys of a record of a prompt: which it needs and which it may have, by what it says of itself."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

TEXTS = frozenset({"answers", "wrong_answers"})
"""Keys of texts, one or several."""

IDS = frozenset({"clean_ids", "corrupt_ids", "prompt_ids", "answer_ids", "wrong_answer_ids"})
"""Keys of token ids."""

_SHARED = {
    False: frozenset({"answers", "wrong_answers", "roles", "comment"}),
    True: frozenset({"answer_ids", "wrong_answer_ids", "answer_position", "roles", "comment"}),
}
_OF_PAIRS = frozenset({"clean", "corrupt", "clean_ids", "corrupt_ids"})
_SIDES = _OF_PAIRS | {"prompt", "prompt_ids"}
KEYS = TEXTS | IDS | _SHARED[False] | _SHARED[True] | _SIDES | {"label"}
"""Every key that a prompt can have."""


class Keys(NamedTuple):
    """The keys of a prompt.

    clean, corrupt  what holds the text or the ids of its sides; of a labeled prompt, both are its single one
    needed          without which there is no prompt
    known           that it may have, the needed ones among them
    """

    clean: str
    corrupt: str
    needed: frozenset[str]
    known: frozenset[str]
    is_ids: bool
    is_labeled: bool


def has_side(given: Collection[str]) -> bool:
    """Whether any of these keys holds a prompt, or a side of one."""
    return bool(_SIDES & {*given})


def says_a_prompt(given: Collection[str]) -> bool:
    """Whether any of these keys is one of prompts alone, such as an answer; a comment or a label may be of anything."""
    return bool((_SIDES | TEXTS | IDS) & {*given})


def keys_for(given: Collection[str]) -> Keys:
    """The keys of the prompt that has these: a pair unless they are those of a labeled one, of texts unless of ids.

    >>> from circuits.data.records.keys import keys_for
    >>> sorted(keys_for(["clean_ids"]).needed), sorted(keys_for(["prompt"]).needed)
    (['answer_ids', 'clean_ids', 'corrupt_ids'], ['answers', 'label', 'prompt'])
    """
    is_ids = bool({"clean_ids", "corrupt_ids", "prompt_ids"} & {*given})
    is_labeled = bool({"prompt", "prompt_ids"} & {*given}) or ("label" in given and not _OF_PAIRS & {*given})
    ending = "_ids" if is_ids else ""
    clean, corrupt = (f"{side}{ending}" for side in (("prompt", "prompt") if is_labeled else ("clean", "corrupt")))
    sides = {clean, "label"} if is_labeled else {clean, corrupt}
    needed = frozenset(sides | {"answer_ids" if is_ids else "answers"})
    return Keys(clean, corrupt, needed, needed | _SHARED[is_ids], is_ids, is_labeled)
