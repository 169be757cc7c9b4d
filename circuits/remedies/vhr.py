"""`vhr`: heads that depend on the picture speak louder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from circuits.arrays import Floats
from circuits.components import Component
from circuits.data.prompts import PromptSet
from circuits.data.refused import RefusedPrompts
from circuits.edits import Edit, Scale
from circuits.injection.vision_heads import HeadDivergence, head_divergence, reinforcement
from circuits.remedies.base import REMEDIES, Remedy

if TYPE_CHECKING:
    from circuits.model.load import Model


@REMEDIES.register
@dataclass(frozen=True)
class VisionHeads(Remedy):
    """The outputs, at the end of the prompt, of the heads that change most when the picture is taken away, times two.

    Heads whose divergence is above the median of their layer, outliers apart; and, of all heads, those with the largest
    divergence (`sizes`). Source: VHR (arXiv 2412.13949), as in `circuits.injection.vision_heads`.

    >>> from circuits.remedies import VisionHeads
    >>> [edit.text for edit in VisionHeads(factor=3.0).edits(1.0)]
    ['scale END.. 3.0']
    """

    name = "vhr"
    summary = "heads that depend most on the picture speak louder at the end"
    is_ranked = True

    factor: float = 2.0

    def edits(self, strength: float) -> tuple[Edit, ...]:
        return (Scale("END..", self.factor),)

    def check_prompts(self, prompts: PromptSet) -> None:
        if lacking := [number for number, prompt in enumerate(prompts) if prompt.image_tokens is None]:
            first = prompts.called(lacking[0])
            raise RefusedPrompts(f"{first} shows no picture that could be taken away: 'vhr' needs one.", lacking)

    def measure(self, model: Model, prompts: PromptSet) -> Floats:
        """[prompt, head, 2] divergence, and the squared norm without the picture."""
        seen = head_divergence(model, prompts)
        return np.stack([seen.divergence, seen.without], axis=-1).astype(np.float64)

    def sets(self, measured: Floats, heads: Sequence[str], sizes: Sequence[int]) -> list[tuple[str, ...]]:
        n_layers = 1 + max(Component.parse(head).layer or 0 for head in heads)
        seen = HeadDivergence(tuple(heads), n_layers, measured[..., 0], measured[..., 1])
        factors = np.ravel(reinforcement(seen, factor=2.0).factors)
        own = tuple(head for head, factor in zip(heads, factors, strict=True) if factor != 1)
        return list(dict.fromkeys([*super().sets(measured, heads, sizes), own]))
