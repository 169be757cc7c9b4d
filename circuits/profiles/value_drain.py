"""How small the values of the first token are."""

from __future__ import annotations

from dataclasses import dataclass

from circuits.data.prompts import PromptSet
from circuits.profiles.base import LayerSeen, Profile, Seen
from circuits.profiles.registry import register


@register
@dataclass(frozen=True)
class ValueDrain(Profile):
    """Norm of the value of the first token over the median norm of all others: a drain where it is far below 1.

    A head that attends to a drained token writes next to nothing. Heads that share keys and values have one number.
    Source: Guo et al. 2024 (arXiv 2410.13835).
    """

    name = "value-drain"
    summary = "norm of the first token's value over the median of the others'"
    unit = "ratio"
    bounds = (0, None)

    def check(self, prompts: PromptSet) -> None:
        if any(len(prompt) < 2 for prompt in prompts):
            raise ValueError(f"profile {self.label!r}: a prompt has a single token, so there are no others.")

    def read(self, seen: LayerSeen) -> Seen:
        norms = seen.value.float().norm(dim=-1)
        others = norms[..., 1:].quantile(0.5, dim=-1)
        return Seen((norms[..., 0] / others.clamp(min=1e-12)).unsqueeze(1))
