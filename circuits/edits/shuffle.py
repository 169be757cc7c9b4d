"""`shuffle`: a head's weights in a random order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from circuits.edits.base import EDITS, Edit, PatternEdit, Where
from circuits.edits.places import is_position
from circuits.edits.reverse import reordered

_LARGEST_SEED = 1_000_000_000  # with the factor below it stays within what torch takes


@EDITS.register
@dataclass(frozen=True)
class Shuffle(PatternEdit):
    """The weights of the keys that may be seen, in a random order.

    The order is drawn from the seed and the number of these keys, so that a prompt is shuffled alike whatever stands
    beside it in a batch; rows of equal length are shuffled alike.

    >>> from circuits.edits import Shuffle
    >>> Shuffle("END", seed=3).text
    'shuffle END 3'
    """

    name = "shuffle"
    summary = "the weights of the keys that may be seen, in a random order"

    seed: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.seed <= _LARGEST_SEED:
            raise ValueError(f"'shuffle' takes a seed from 0 to {_LARGEST_SEED:,}; found {self.seed}.")

    @classmethod
    def from_words(cls, rows: str, words: Sequence[str]) -> Edit:
        if len(words) > 1 or (words and not is_position(words[0])):
            raise ValueError(f"'shuffle' takes rows and a seed, such as 'shuffle END 3'; found {' '.join(words)!r}.")
        return cls(rows, *map(int, words))

    @property
    def arguments(self) -> str:
        return str(self.seed)

    @property
    def effect(self) -> str:
        return f"{self.summary} (seed {self.seed})"

    def changed(self, pattern: Tensor, where: Where) -> Tensor:
        def order(n: int) -> Tensor:
            return torch.randperm(n, generator=torch.Generator().manual_seed(1_000_003 * self.seed + n))

        return reordered(pattern, where.visible, order)
