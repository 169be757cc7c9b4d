"""How far a head rests on the first token, in each domain of text."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase

import torch

from circuits.data.prompts import PromptSet
from circuits.numbers import count_text
from circuits.profiles.base import LayerSeen, Profile, Seen, mean_over, require_role, role_mask
from circuits.profiles.registry import register
from circuits.scores import ALL_POSITIONS

FIRST_QUERIES = 4  # see so few keys that they attend to the first one anyway


@register
@dataclass(frozen=True)
class Dormant(Profile):
    """Attention to the first token, mean over all queries but the first four; and over those of each domain.

    A head may rest on the first token in prose and work in code. A domain is what the tokens of a role are: roles
    whose names begin with `domain_` by default, such as `domain_code` on all tokens of a text, or on a part of it; with
    `by=trigger` the queries of one role. A prompt without such tokens is not measured there. Difference between two
    domains: `circuits.profiles.contrast`.

    Dormant is a head that also has no effect there: this is the pattern alone. Source: Guo et al. 2024 (arXiv
    2410.13835).
    """

    name = "dormant"
    summary = "attention to the first token of all queries but the first four, in each domain of text"
    unit = "share of attention"
    by_default = False

    by: str = "domain_*"

    def places(self, prompts: PromptSet) -> tuple[str, ...]:
        named = (role for prompt in prompts for role in prompt.roles if fnmatchcase(role, self.by))
        return (ALL_POSITIONS, *sorted(dict.fromkeys(named)))

    def check(self, prompts: PromptSet) -> None:
        if max(map(len, prompts)) <= FIRST_QUERIES:
            raise ValueError(
                f"profile {self.label!r}: the longest prompt has {count_text(max(map(len, prompts)), 'token')}, "
                f"of which the first "
                f"{FIRST_QUERIES} do not count. Give longer prompts."
            )
        if not set("*?[") & set(self.by):
            require_role(prompts, self.by, f"profile {self.label!r}")

    def read(self, seen: LayerSeen) -> Seen:
        to_first, n = seen.pattern[..., 0], seen.n_positions
        counted = (torch.arange(n, device=to_first.device) >= FIRST_QUERIES) & seen.visible[..., 0]
        of_places = [
            mean_over(
                to_first,
                counted & (place == ALL_POSITIONS or role_mask(seen.prompts, place, n, to_first.device)),
            )
            for place in seen.places[self]
        ]
        measured = [own.measured for own in of_places if own.measured is not None]
        return Seen(torch.cat([own.values for own in of_places], dim=1), torch.cat(measured, dim=1))
