"""Settings of `circuits evaluate`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Asked:
    """How much to compute. Anything set to 0 is skipped."""

    random: int = 20  # random circuits of the same size
    knockouts: int = 8  # random sets of components to knock out
    resamples: int = 100  # bootstrap resamples of the prompts for the stability
    seed: int = 0

    def __post_init__(self) -> None:
        for name, smallest in (("random", 0), ("knockouts", 0), ("resamples", 0), ("seed", 0)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < smallest:
                raise ValueError(f"{name} is {value!r}: give a whole number, {smallest} or more.")
        if self.resamples == 1:
            raise ValueError("resamples is 1: circuits of resamples are compared in pairs; give 2 or more, or 0.")
