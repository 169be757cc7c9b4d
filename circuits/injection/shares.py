"""Shares: hits out of tries, with their interval."""

from __future__ import annotations

from dataclasses import dataclass

from circuits.scores import wilson_interval


@dataclass(frozen=True)
class Share:
    """`n_hits` out of `n`."""

    n_hits: int
    n: int

    @property
    def value(self) -> float:
        """The share itself; 0 of nothing."""
        return self.n_hits / self.n if self.n else 0.0

    def interval(self) -> tuple[float, float]:
        """Its 95 % confidence interval (Wilson); everything, where nothing was tried."""
        return wilson_interval(self.n_hits, self.n) if self.n else (0.0, 1.0)

    def __add__(self, other: Share) -> Share:
        return Share(self.n_hits + other.n_hits, self.n + other.n)
