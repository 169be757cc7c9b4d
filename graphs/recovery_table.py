"""Recovery rates by layer and position, as figures take them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from circuits import kinds as component_kinds
from circuits.arrays import Bools, Floats

RECOVERY_RATE = "recovery rate"


# What figures call each kind of component, in the order of the panels: those with several in a layer come last.
KINDS: Mapping[str, str] = {
    kind.name: kind.title
    for kind in sorted(component_kinds.KINDS.values(), key=lambda kind: kind.has_index)
    if kind.title is not None
}
# Kinds with one in a layer make tables of layer x position; of those with several, each has its own, of layer x index.
LAYER_KINDS = tuple(kind for kind in KINDS if not component_kinds.KINDS[kind].has_index)
INDEXED_KINDS = tuple(kind for kind in KINDS if component_kinds.KINDS[kind].has_index)


@dataclass(frozen=True)
class TraceTable:
    """Recovery rates of layer components.

    values     kind -> [layer, position]; NaN where it was not measured
    low, high  as values: ends of the 95 % t interval; infinite where it is unbounded
    positions  names, in the order of the prompt
    labels     position -> what figures call it; positions without an entry are called by their name
    title      name of the run
    subtitle   where it came from: model, task, corruption, metric, number of prompts
    notes      lines below the figure
    minus      what was subtracted, where values are differences of recovery rates; else None

    Kinds are `residual` (the stream entering each layer and, last, the final one: one more than there are layers),
    `attention` and `mlp`; or `head` alone, whose positions are the heads.
    """

    values: Mapping[str, Floats]
    low: Mapping[str, Floats]
    high: Mapping[str, Floats]
    positions: tuple[str, ...]
    labels: Mapping[str, str]
    title: str
    subtitle: str = ""
    notes: tuple[str, ...] = ()
    minus: str | None = None

    def __post_init__(self) -> None:
        if unknown := [kind for kind in self.values if kind not in KINDS]:
            raise ValueError(f"no kind of component {unknown[0]!r}. Known: {', '.join(KINDS)}.")
        if not set(self.values) == set(self.low) == set(self.high):
            given = "; ".join(", ".join(sorted(ends)) or "none" for ends in (self.values, self.low, self.high))
            raise ValueError(f"values, low and high need the same kinds, and have: {given}.")
        if not self.values or not self.positions:
            raise ValueError("a trace needs at least one kind of component and one position.")
        if len(self.values) > 1 and (alone := [kind for kind in INDEXED_KINDS if kind in self.values]):
            raise ValueError(
                f"positions of kind {alone[0]} are {alone[0]}s, unlike those of other kinds: give {alone[0]}s their "
                "own table."
            )
        if len(set(self.positions)) < len(self.positions):
            raise ValueError(f"positions {', '.join(self.positions)}: each needs a name of its own.")
        for kind in self.values:
            self._check_kind(kind)
        n_layers = {kind: len(rates) - component_kinds.KINDS[kind].is_state for kind, rates in self.values.items()}
        if len(set(n_layers.values())) > 1:
            lengths = ", ".join(f"{kind} {len(rates)}" for kind, rates in self.values.items())
            raise ValueError(f"rows by kind: {lengths}; need one for each layer, and one more (the last) for residual.")

    def _check_kind(self, kind: str) -> None:
        values, low, high = self.values[kind], self.low[kind], self.high[kind]
        if values.ndim != 2 or len(values) == 0 or values.shape[1] != len(self.positions):
            raise ValueError(
                f"values of {kind} [layer, position] are {_shape(values)}: give a row for each layer, and a column for "
                f"each of {len(self.positions)} positions."
            )
        if not values.shape == low.shape == high.shape:
            raise ValueError(
                f"{kind}: values are {_shape(values)}, low {_shape(low)}, high {_shape(high)}; "
                "each value needs both ends of its interval."
            )
        if np.isinf(values).any():
            raise ValueError(f"{kind}: infinite recovery rates; leave out prompts without a gap, or give NaN.")
        is_missing = np.isnan(values)
        if (np.isnan(low) != is_missing).any() or (np.isnan(high) != is_missing).any():
            raise ValueError(
                f"{kind}: values, low and high must be NaN together; without an interval, give infinite ends."
            )
        if (low > high).any():
            raise ValueError(f"{kind}: some low ends of intervals are above the high ones; swap low and high?")

    @property
    def measure(self) -> str:
        """What the numbers are called."""
        return RECOVERY_RATE if self.minus is None else f"difference of {RECOVERY_RATE}s"

    @property
    def kinds(self) -> tuple[str, ...]:
        """Kinds of component in the order of the panels."""
        return tuple(kind for kind in KINDS if kind in self.values)

    @property
    def names(self) -> tuple[str, ...]:
        """What figures call the positions."""
        return tuple(self.labels.get(position, position) for position in self.positions)

    def includes_zero(self, kind: str) -> Bools:
        """[layer, position] whether the interval includes 0, as unbounded ones do; False if nothing was measured."""
        return (self.low[kind] <= 0) & (self.high[kind] >= 0)

    @property
    def is_partial(self) -> bool:
        """Whether anything was not measured."""
        return any(bool(np.isnan(rates).any()) for rates in self.values.values())


def _shape(array: Floats) -> str:
    return " x ".join(map(str, array.shape))
