"""Which positions are a head's attention sinks."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from circuits.data.prompts import PromptSet
from circuits.numbers import count_text
from circuits.profiles.base import LayerSeen, Profile, Seen
from circuits.profiles.received import LEAST_QUERIES
from circuits.profiles.registry import register


@register
@dataclass(frozen=True)
class Sinks(Profile):
    """1 where a position gets more than a share `over` of the attention that can reach it, else 0; for each position.

    Only positions that `queries` tokens can see count: of the last ones few can, so that a head that attends to the
    token itself, or to the one before, has a sink at each. A prompt that is too short for a position is not measured
    there. Mean over prompts and heads: Sink_k(eps) of Gu et al. 2024 (arXiv 2410.10781), whose code counts all k.
    """

    name = "sinks"
    summary = "whether each position that 16 or more tokens can see gets more than .3 of the attention (Sink_k)"
    unit = "share of prompts"
    counts = True
    by_default = False

    over: float = 0.3
    queries: int = LEAST_QUERIES

    def __post_init__(self) -> None:
        if not 0 < self.over < 1:
            raise ValueError(f"over={self.over} is no share of attention: give a number between 0 and 1.")
        if self.queries < 1:
            raise ValueError(f"queries={self.queries}: give 1 or more.")

    def places(self, prompts: PromptSet) -> tuple[str, ...]:
        return tuple(str(position) for position in range(max(map(len, prompts)) - self.queries + 1))

    def check(self, prompts: PromptSet) -> None:
        if max(map(len, prompts)) < self.queries:
            raise ValueError(
                f"profile {self.label!r}: the longest prompt has {count_text(max(map(len, prompts)), 'token')}, "
                f"so no position is "
                f"seen by {self.queries}. Give longer prompts or, such as with sinks:queries=8, ask for fewer."
            )

    def note(self, prompts: PromptSet) -> str:
        return f"positions 0 to {len(self.places(prompts)) - 1} are seen by {count_text(self.queries, 'token')} or more"

    def read(self, seen: LayerSeen) -> Seen:
        positions = [int(place) for place in seen.places[self] if int(place) < seen.n_positions]
        n_queries = seen.visible.sum(1)[:, positions]  # [prompt, position]
        received = seen.pattern.sum(2)[..., positions] / n_queries.clamp(min=1).unsqueeze(1)
        n_prompts, n_heads = received.shape[:2]
        values = received.new_zeros(n_prompts, len(seen.places[self]), n_heads)
        values[:, : len(positions)] = (received > self.over).float().transpose(1, 2)
        measured = torch.zeros(values.shape[:2], dtype=torch.bool, device=values.device)
        measured[:, : len(positions)] = n_queries >= self.queries
        return Seen(values, measured)
