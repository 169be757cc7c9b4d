"""`uniform`: a head looks at everything alike."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from circuits.edits.base import EDITS, PatternEdit, Where


@EDITS.register
@dataclass(frozen=True)
class Uniform(PatternEdit):
    """The same weight on every key that may be seen: none in the future, in padding or beyond a window.

    Retrieval heads are masked this way in their public code's fast path (a query of 0); its other path includes the
    future, which is not done here.

    >>> from circuits.edits import Uniform
    >>> Uniform("END").text
    'uniform END'
    """

    name = "uniform"
    summary = "the same weight on every key that may be seen"

    def changed(self, pattern: Tensor, where: Where) -> Tensor:
        visible = where.visible.to(pattern.dtype)
        return visible / visible.sum(-1, keepdim=True).clamp_min(1)
