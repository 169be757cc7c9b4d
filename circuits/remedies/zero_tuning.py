"""`zero-tuning`: heads look more, or less, at the first token."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from circuits.data.prompts import PromptSet
from circuits.edits import Edit, ScalePosition
from circuits.remedies.base import REMEDIES, Remedy

if TYPE_CHECKING:
    from circuits.model.load import Model


@REMEDIES.register
@dataclass(frozen=True)
class ZeroTuning(Remedy):
    """The attention to the first token times gamma, in the heads that this helps.

    Each head alone is tried at `up`, above 1, and at `down`, below 1. Heads that rise with one of them are a group; the
    larger group is tried with all gammas on its side.

    Source: Han et al. 2025 (arXiv 2505.11739), who search gamma and the heads on validation data.

    >>> from circuits.remedies import ZeroTuning
    >>> remedy = ZeroTuning(gammas=(0.5, 2.0))
    >>> remedy.probes, [edit.text for edit in remedy.edits(2.0)]
    ({2.0: (2.0,), 0.5: (0.5,)}, ['scale-position all 2.0'])
    """

    name = "zero-tuning"
    summary = "the attention to the first token times gamma, in the heads that this helps"

    gammas: tuple[float, ...] = (0.25, 0.5, 0.75, 1.5, 2.0, 4.0)
    up: float = 2.0
    down: float = 0.5

    def __post_init__(self) -> None:
        for gamma in (*self.gammas, self.up, self.down):
            ScalePosition("all", gamma)
        if not self.down < 1 < self.up or not self.gammas:
            raise ValueError(
                f"up must be above 1 and down below 1, with some gammas; found {self.up:g}, {self.down:g}."
            )

    @property
    def probes(self) -> Mapping[float, tuple[float, ...]]:
        above = tuple(gamma for gamma in self.gammas if gamma > 1) or (self.up,)
        below = tuple(gamma for gamma in self.gammas if gamma < 1) or (self.down,)
        return {self.up: above, self.down: below}

    def edits(self, strength: float) -> tuple[Edit, ...]:
        return (ScalePosition("all", strength),)

    def warnings(self, model: Model, prompts: PromptSet) -> tuple[str, ...]:
        start = getattr(model.tokenizer, "bos_token_id", None)
        if start is not None and all(prompt.clean[0] == start for prompt in prompts):
            return ()
        return ("prompts begin without a token of the tokenizer's own (BOS): the first token is content.",)
