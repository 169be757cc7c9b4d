"""`scale-position`: a head looks more, or less, at one place."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from circuits.edits.base import EDITS, Edit, PatternEdit, Where
from circuits.edits.places import positions_of

FIRST = "0"


@EDITS.register
@dataclass(frozen=True)
class ScalePosition(PatternEdit):
    """The attention to a place, by default the first token, times gamma, and the row divided by its new sum.

    That is log gamma added to the scores of the place, before the softmax. With attention a to it, all other weights
    are divided by D = (gamma - 1) a + 1: above 1 gamma flattens them, below 1 it sharpens. 1 changes no bit. A row that
    cannot see the place stays as it is.

    Source: ZeroTuning (Han et al. 2025, arXiv 2505.11739), which scales the first token. Where prompts begin without a
    token of the tokenizer's own (BOS), the first token is content.

    >>> from circuits.edits import ScalePosition
    >>> ScalePosition(gamma=2.0).description
    'every row, of generated tokens too: the attention to the first token times 2, and the row divided by its new sum'
    """

    name = "scale-position"
    summary = "the attention to a place times gamma, and the row divided by its new sum"

    gamma: float = 1.0
    place: str = FIRST

    def __post_init__(self) -> None:
        super().__post_init__()
        if not math.isfinite(self.gamma) or self.gamma <= 0:
            raise ValueError(
                f"'scale-position' takes a gamma above 0; found {self.gamma:g}. (At 0 a row that sees the place alone "
                "would be 0 / 0.)"
            )

    @classmethod
    def from_words(cls, rows: str, words: Sequence[str]) -> Edit:
        try:
            gamma, *place = words
            return cls(rows, float(gamma), *place)
        except (ValueError, TypeError) as error:
            if "takes a gamma above 0" in str(error):
                raise
            raise ValueError(
                "'scale-position' takes rows, gamma and a place if it is not the first token, such as 'scale-position "
                f"all 0.5' or 'scale-position END 2 S1'; found {' '.join(words) or 'no gamma'!r}."
            ) from None

    @property
    def arguments(self) -> str:
        return f"{self.gamma!r}" + ("" if self.place == FIRST else f" {self.place}")

    @property
    def key_places(self) -> tuple[str, ...]:
        return (self.place,)

    @property
    def effect(self) -> str:
        at = "the first token" if self.place == FIRST else self.place
        return f"the attention to {at} times {self.gamma:g}, and the row divided by its new sum"

    @property
    def is_identity(self) -> bool:
        return self.gamma == 1

    def changed(self, pattern: Tensor, where: Where) -> Tensor:
        chosen = torch.stack(
            [
                torch.isin(own, own.new_tensor(positions_of(self.place, placed.roles)))
                for own, placed in zip(where.keys, where.places, strict=True)
            ]
        )
        scaled = torch.where(chosen.unsqueeze(1), self.gamma * pattern, pattern)
        was, now = pattern.sum(-1, keepdim=True), scaled.sum(-1, keepdim=True)
        return scaled * torch.where(now > 0, was / now.clamp_min(torch.finfo(now.dtype).tiny), 1)
