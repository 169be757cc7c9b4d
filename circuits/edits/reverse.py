"""`reverse`: a head's weights in the opposite order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from circuits.edits.base import EDITS, PatternEdit, Where


@EDITS.register
@dataclass(frozen=True)
class Reverse(PatternEdit):
    """The weights of the keys that may be seen, in the opposite order: the last gets the first one's.

    >>> from circuits.edits import Reverse
    >>> Reverse("END").text
    'reverse END'
    """

    name = "reverse"
    summary = "the weights of the keys that may be seen, in the opposite order"

    def changed(self, pattern: Tensor, where: Where) -> Tensor:
        return reordered(pattern, where.visible, lambda n: torch.arange(n - 1, -1, -1))


def reordered(pattern: Tensor, visible: Tensor, order: Callable[[int], Tensor]) -> Tensor:
    """Rows in which the n keys that may be seen have their weights in another order.

    pattern, visible  [sequence, query, key]
    order             n -> [n] which of the weights each key gets
    """
    new = pattern.clone()
    for sequence, rows in enumerate(visible):
        for query, own in enumerate(rows):
            keys = own.nonzero().flatten()
            new[sequence, query, keys] = pattern[sequence, query, keys[order(len(keys)).to(keys.device)]]
    return new
