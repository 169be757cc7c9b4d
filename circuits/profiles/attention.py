"""Attention from tokens of one role to tokens of another."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from circuits.data.prompts import END, PromptSet
from circuits.profiles.base import LayerSeen, Profile, Seen, mean_over, require_role, role_mask
from circuits.profiles.registry import register

EACH = "each"


@register
@dataclass(frozen=True)
class Attention(Profile):
    """Attention of the queries of a role to all keys of another, mean over queries: at END to each role by default.

    A prompt that lacks either role is not measured. With `to=each`, one place per role of the prompts.
    """

    name = "attention"
    summary = "attention from a role to each role, or to one"
    unit = "share of attention"

    query: str = END
    to: str = EACH

    def places(self, prompts: PromptSet) -> tuple[str, ...]:
        if self.to != EACH:
            return (self.to,)
        return tuple(dict.fromkeys(role for prompt in prompts for role in prompt.roles))

    def check(self, prompts: PromptSet) -> None:
        require_role(prompts, self.query, f"profile {self.label!r}")
        if self.to != EACH:
            require_role(prompts, self.to, f"profile {self.label!r}")

    def read(self, seen: LayerSeen) -> Seen:
        device, n = seen.pattern.device, seen.n_positions
        queries = role_mask(seen.prompts, self.query, n, device)
        has_query, values, measured = queries.any(-1, keepdim=True), [], []
        for role in seen.places[self]:
            keys = role_mask(seen.prompts, role, n, device)
            values.append(mean_over((seen.pattern * keys[:, None, None]).sum(-1), queries).values)
            measured.append(has_query & keys.any(-1, keepdim=True))
        return Seen(torch.cat(values, dim=1), torch.cat(measured, dim=1))
