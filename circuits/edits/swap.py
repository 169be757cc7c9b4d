"""`swap`: a head says what another one has gathered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from circuits.components import Component
from circuits.edits.base import EDITS, Edit, OutputEdit
from circuits.kinds import KINDS


@EDITS.register
@dataclass(frozen=True)
class Swap(OutputEdit):
    """z of another head of the same layer in place of the head's own, written by the head's own output matrix.

    The other's z is that before any edit: two heads that are given each other's exchange them. To put in what the
    head itself gathers in a corrupted prompt is activation patching (`circuits.methods`).

    >>> from circuits.edits import Swap
    >>> Swap("END", head="a2.h1").text
    'swap END a2.h1'
    """

    name = "swap"
    summary = "the head's output z becomes that of another head of the layer"

    head: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.head or not Component.parse(self.head, offered=[KINDS["head"]]).is_head:
            raise ValueError(
                f"'swap' takes rows and a head, such as 'swap END a2.h1'; found {self.head or 'no head'!r}."
            )

    @classmethod
    def from_words(cls, rows: str, words: Sequence[str]) -> Edit:
        return cls(rows, " ".join(words))

    @property
    def arguments(self) -> str:
        return self.head

    @property
    def effect(self) -> str:
        return f"the head's output z becomes that of {self.head}"

    @property
    def source(self) -> str:
        return self.head

    def changed(self, z: Tensor) -> Tensor:
        return z
