"""`to-first`: a head rests."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor
from torch.nn import functional as F

from circuits.edits.base import EDITS, PatternEdit, Where


@EDITS.register
@dataclass(frozen=True)
class ToFirst(PatternEdit):
    """All weight on the first key that may be seen, where heads of many models rest (an attention sink).

    That is the prompt's first token, and within a sliding window the first one that it still holds.

    >>> from circuits.edits import ToFirst
    >>> ToFirst().text
    'to-first all'
    """

    name = "to-first"
    summary = "all weight on the first key that may be seen"

    def changed(self, pattern: Tensor, where: Where) -> Tensor:
        visible = where.visible.to(pattern.dtype)
        return F.one_hot(visible.argmax(-1), pattern.shape[-1]) * visible
