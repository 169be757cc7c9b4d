"""`shuffle`: a head's weights in a random order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from circuits.edits.base import EDITS, Edit, PatternEdit, Where
from circuits.edits.reverse import reordered


@EDITS.register
@dataclass(frozen=True)
class Shuffle(PatternEdit):
    """The weights of the keys that may be seen, in a random order.

    The order is drawn from the seed and the number of these keys, so that a prompt is shuffled alike whatever stands
    beside it in a batch; rows of equal length are shuffled alike.
    """

    name = "shuffle"
    summary = "the weights of the keys that may be seen, in a random order"

    seed: int = 0

    @classmethod
    def from_words(cls, rows: str, words: Sequence[str]) -> Edit:
        if len(words) > 1 or (words and not words[0].isdigit()):
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
