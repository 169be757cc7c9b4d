"""What a role rests on: readings of a head, what is asked of each, and the label with its evidence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

from circuits.scores import ALL_POSITIONS

# Effects of a head, as shares of the gap between clean and corrupt prompts: at all positions at once; at END, where the
# answer is read; of that what goes straight to the logits, and the rest, which later parts make of it.
TOTAL, AT_END, DIRECT, INDIRECT = "total-effect", "effect-at-end", "direct-effect", "indirect-effect"
EFFECTS = (TOTAL, AT_END, DIRECT, INDIRECT)
# Roles of tokens on any task: words that say the answer, words that compete with it, and all others with a role.
RIGHT, WRONG, CONTENT = "right", "wrong", "content"
CANDIDATES = "candidates"  # right and wrong ones
EVERY = "every"  # as a place: each of the source's places, one by one
Must = Literal["above", "below", "apart"]


class Reading(NamedTuple):
    """A number of every head on every prompt: an effect, or a profile as it is written on the command line.

    source  one of `EFFECTS`, or such as `attention:to=right`
    place   which of the profile's places; `EVERY`: a condition is asked of each of them
    minus   a reading that is taken off, prompt by prompt
    """

    source: str
    place: str = ALL_POSITIONS
    minus: Reading | None = None

    @property
    def is_effect(self) -> bool:
        return self.source in EFFECTS

    @property
    def sources(self) -> tuple[str, ...]:
        """Its own, and that of what is taken off."""
        return (self.source, *(() if self.minus is None else self.minus.sources))

    @property
    def name(self) -> str:
        at = "" if self.place == ALL_POSITIONS or self.source.endswith(f"={self.place}") else f"@{self.place}"
        return f"{self.source}{at}" + ("" if self.minus is None else f" - {self.minus.name}")


class Condition(NamedTuple):
    """What is asked of a reading: its whole interval is `above` the bound, `below` it, or `apart` from +-bound."""

    reading: Reading
    must: Must = "above"
    bound: float = 0.0

    @property
    def text(self) -> str:
        if self.must == "apart":
            return f"|{self.reading.name}| > {self.bound:g}"
        return f"{self.reading.name} {'>' if self.must == 'above' else '<'} {self.bound:g}"

    def holds(self, low: float, high: float) -> bool:
        """Whether an interval is where it must be; an unbounded one never is."""
        above, below = low > self.bound, high < (self.bound if self.must == "below" else -self.bound)
        return {"above": above, "below": below, "apart": above or below}[self.must]


@dataclass(frozen=True)
class Evidence:
    """One condition that a head meets: the mean of the reading over prompts, and its interval.

    condition  in words, such as `attention:to=right > 0.3`
    n_prompts  that the mean is over; 0 of weights, which have no interval: both ends are the number itself
    """

    condition: str
    mean: float
    low: float
    high: float
    n_prompts: int


@dataclass(frozen=True)
class RoleLabel:
    """A role of a head, with everything that it was given for."""

    role: str
    evidence: tuple[Evidence, ...]
