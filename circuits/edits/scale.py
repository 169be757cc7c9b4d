"""`scale`: a head speaks louder, softer, or against itself."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from circuits.edits.base import EDITS, Edit, OutputEdit


@EDITS.register
@dataclass(frozen=True)
class Scale(OutputEdit):
    """z times a factor, negative ones included; 1 changes nothing, 0 is `knock-out`.

    >>> from circuits.edits import Scale
    >>> Scale("END", factor=0.5).text
    'scale END 0.5'
    """

    name = "scale"
    summary = "the head's output z times a factor"

    factor: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not math.isfinite(self.factor):
            raise ValueError(f"'scale' takes a finite factor; found {self.factor}.")

    @classmethod
    def from_words(cls, rows: str, words: Sequence[str]) -> Edit:
        try:
            (factor,) = map(float, words)
        except ValueError:
            raise ValueError(
                f"'scale' takes rows and a factor, such as 'scale END 0.5'; found {' '.join(words) or 'no factor'!r}."
            ) from None
        return cls(rows, factor)

    @property
    def arguments(self) -> str:
        return repr(self.factor)

    @property
    def effect(self) -> str:
        return f"the head's output z times {self.factor:g}"

    def changed(self, z: Tensor) -> Tensor:
        return z * self.factor
