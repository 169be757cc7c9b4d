"""How far the residual stream of the first token stands out."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from circuits.data.prompts import PromptSet
from circuits.profiles.base import Seen
from circuits.profiles.registry import register
from circuits.profiles.streams import StreamProfile, first_over_others, require_others


@register
@dataclass(frozen=True)
class ResidualPeak(StreamProfile):
    """Norm of the stream at the first token over the median norm at all others, layer by layer.

    Where heads rest on the first token it is often a hundred times as long as all others, from an early layer to one of
    the last. Source: residual-state peak of Guo et al. 2024 (arXiv 2410.13835).
    """

    name = "residual-peak"
    summary = "norm of the stream at the first token over the median of the others, layer by layer"
    unit = "ratio"
    bounds = (0, None)

    def check(self, prompts: PromptSet) -> None:
        require_others(prompts, f"profile {self.label!r}")

    def keep(self, stream: Tensor) -> Tensor:
        return first_over_others(stream.float().norm(dim=-1)).unsqueeze(1)

    def read_states(self, kept: Tensor) -> Seen:
        return Seen(kept.transpose(1, 2))
