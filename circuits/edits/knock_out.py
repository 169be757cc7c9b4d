"""`knock-out`: a head says nothing."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from circuits.edits.base import EDITS, OutputEdit


@EDITS.register
@dataclass(frozen=True)
class KnockOut(OutputEdit):
    """z becomes 0: nothing of the head is written. What it writes into the stream at other rows stays.

    >>> from circuits.edits import KnockOut
    >>> KnockOut("END..").text
    'knock-out END..'
    """

    name = "knock-out"
    summary = "the head's output z becomes 0"

    def changed(self, z: Tensor) -> Tensor:
        return torch.zeros_like(z)
