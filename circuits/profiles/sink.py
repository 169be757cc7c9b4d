"""Whether a position is a head's attention sink."""

from __future__ import annotations

from dataclasses import dataclass

from circuits.data.prompts import PromptSet
from circuits.profiles.base import LayerSeen, Profile, Seen
from circuits.profiles.received import queries_note, received_at, require_queries
from circuits.profiles.registry import register


@register
@dataclass(frozen=True)
class Sink(Profile):
    """1 where a position gets more than a share `over` of the attention that can reach it, else 0.

    The mean over prompts and heads is Sink_k(eps) of Gu et al. 2024 (arXiv 2410.10781), with eps = .3.
    """

    name = "sink"
    summary = "whether a position, by default the first, gets more than .3 of the attention (Sink_1)"
    unit = "share of prompts"
    counts = True

    position: int = 0
    over: float = 0.3

    def __post_init__(self) -> None:
        if not 0 < self.over < 1:
            raise ValueError(f"over={self.over} is no share of attention: give a number between 0 and 1.")

    def check(self, prompts: PromptSet) -> None:
        require_queries(self.position, prompts, f"profile {self.label!r}")

    def note(self, prompts: PromptSet) -> str:
        return queries_note(self.position, prompts)

    def read(self, seen: LayerSeen) -> Seen:
        return Seen((received_at(seen, self.position).values > self.over).float())
