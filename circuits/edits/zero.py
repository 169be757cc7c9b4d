"""`zero`: a head looks at nothing."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from circuits.edits.base import EDITS, PatternEdit, Where


@EDITS.register
@dataclass(frozen=True)
class Zero(PatternEdit):
    """No weight on any key: the rows no longer add up to 1, and z is 0, biases of values included.

    >>> from circuits.edits import Zero
    >>> Zero("END").text
    'zero END'
    """

    name = "zero"
    summary = "no weight on any key, so that nothing is gathered (the row adds up to 0)"
    keeps_sums = False

    def changed(self, pattern: Tensor, where: Where) -> Tensor:
        return torch.zeros_like(pattern)
