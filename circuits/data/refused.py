"""Prompts of a set that cannot be used, told all at once: the others may be, as where only solved ones are kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

from circuits.data.prompts import Prompt, PromptSet

_Found = TypeVar("_Found")


class RefusedPrompts(ValueError):
    """Some prompts cannot be used, for one reason.

    numbers  all of them, as the set counts them: negatives after the others
    """

    def __init__(self, message: str, numbers: Sequence[int]) -> None:
        super().__init__(message)
        self.numbers = tuple(numbers)

    def others(self, prompts: PromptSet) -> PromptSet | None:
        """The prompts of the set that are not refused; None where one of its sides has none.

        >>> from circuits import Prompt, PromptSet
        >>> from circuits.data.refused import RefusedPrompts
        >>> prompts = PromptSet("two", (Prompt((5, 7), (5, 8), (7,)), Prompt((6, 7), (6, 8), (7,))))
        >>> len(RefusedPrompts("prompt 0 is short.", [0]).others(prompts))
        1
        """
        refused, n_first = set(self.numbers), len(prompts)
        kept = tuple(prompt for number, prompt in enumerate(prompts) if number not in refused)
        negatives = tuple(one for number, one in enumerate(prompts.negatives, n_first) if number not in refused)
        if not kept or (prompts.negatives and not negatives):
            return None
        return replace(prompts, prompts=kept, negatives=negatives)


def require_each(prompts: PromptSet, check: Callable[[int, Prompt], _Found]) -> list[_Found]:
    """What `check` gives of each prompt and its number. `RefusedPrompts`, in the words of the first, where it raises a
    ValueError for any.

    >>> from circuits import Prompt, PromptSet
    >>> from circuits.data.refused import require_each
    >>> require_each(PromptSet("one", (Prompt((5, 7), (5, 8), (7,)),)), lambda number, prompt: len(prompt))
    [2]
    """
    found: list[_Found] = []
    refused: dict[int, ValueError] = {}
    for number, prompt in enumerate(prompts):
        try:
            found.append(check(number, prompt))
        except ValueError as error:
            refused[number] = error
    if refused:
        raise RefusedPrompts(str(next(iter(refused.values()))), tuple(refused)) from None
    return found
