"""How much attention one position receives."""

from __future__ import annotations

from dataclasses import dataclass

from circuits.data.prompts import PromptSet
from circuits.numbers import count_text
from circuits.profiles.base import LayerSeen, Profile, Seen, mean_over
from circuits.profiles.registry import register

# Of a position that few queries can see, the mean says little: at the end a head that attends to the token itself, or
# to the one before, looks like a sink.
LEAST_QUERIES = 16


def received_at(seen: LayerSeen, position: int) -> Seen:
    """[prompt, 1, head] mean attention to a position of the queries that can see it."""
    return mean_over(seen.pattern[..., position], seen.visible[..., position])


def require_queries(position: int, prompts: PromptSet, what: str) -> None:
    """Raise a ValueError where fewer than 16 queries of a prompt can see a position."""
    if position < 0:
        raise ValueError(f"{what}: position is {position}; count from 0, the first token.")
    shortest = min(map(len, prompts))
    if position and shortest - position < LEAST_QUERIES:
        raise ValueError(
            f"{what}: position {position} is seen by {count_text(max(0, shortest - position), 'token')} of the "
            f"shortest prompt, "
            f"which has {shortest}; at least {LEAST_QUERIES} are needed. Give longer prompts or an earlier position."
        )


def queries_note(position: int, prompts: PromptSet) -> str:
    """How many tokens there are from a position on, which a window may hide it from."""
    least, most = (of(len(prompt) - position for prompt in prompts) for of in (min, max))
    return f"position {position} is seen by {least} tokens" + (f" to {most}" if most > least else "")


def even_share(n_tokens: int) -> float:
    """What the first of so many tokens gets from a head that attends to all that it sees alike: .31 of 9, .08 of 60."""
    return sum(1 / n for n in range(1, n_tokens + 1)) / n_tokens


@register
@dataclass(frozen=True)
class Received(Profile):
    """Attention that a position gets, mean over the queries that can see it: by default the first.

    Source: importance alpha of Gu et al. 2024 (arXiv 2410.10781).
    """

    name = "received"
    summary = "attention that one position gets, by default the first, mean over queries that can see it"
    unit = "share of attention"

    position: int = 0

    def check(self, prompts: PromptSet) -> None:
        require_queries(self.position, prompts, f"profile {self.label!r}")

    def note(self, prompts: PromptSet) -> str:
        return queries_note(self.position, prompts)

    def read(self, seen: LayerSeen) -> Seen:
        return received_at(seen, self.position)
