"""Two causal traces side by side: where restoring recovers more in one than in the other.

Compared are the cells that both traces have: the same component at the same position. The t interval of a difference
takes different prompts as independent samples, so that it holds the sampling error of both; the same prompts are taken
as pairs. Across depth, the rank correlation of the cells of a kind says whether the same layers and positions
matter, whatever the size of their rates.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from circuits.arrays import Floats
from circuits.components import Component
from circuits.intervals import Interval, ratio_difference_interval
from circuits.recovery import Trace
from graphs.comparison.measures.spearman import rank_correlation
from graphs.recovery_table import KINDS, LAYER_KINDS, TraceTable


@dataclass(frozen=True)
class TraceComparison:
    """Recovery rates (ratios of means) of trace `a` minus those of `b`.

    positions, components  that both have
    rates                  of a and of b [side, position, component]; NaN where a side has none
    difference             [position, component]; `low` and `high` are the ends of its 95 % t interval, infinite where
                           it is unbounded
    correlations           kind of component -> Spearman's rank correlation over its cells; None where it is not defined
    """

    positions: tuple[str, ...]
    components: tuple[Component, ...]
    rates: Floats
    difference: Floats
    low: Floats
    high: Floats
    correlations: Mapping[str, float | None]

    @property
    def n_apart(self) -> int:
        """In how many cells the interval of the difference excludes 0."""
        return int(((self.low > 0) | (self.high < 0)).sum())

    @property
    def n_cells(self) -> int:
        """How many cells could be compared."""
        return int(np.isfinite(self.difference).sum())

    def rows(self) -> list[dict[str, Any]]:
        """One row per cell that could be compared, largest difference first; ends are None where unbounded."""
        cells = np.argwhere(np.isfinite(self.difference))
        order = np.argsort([-abs(self.difference[tuple(cell)]) for cell in cells], kind="stable")
        rows = []
        for row, column in cells[order]:
            low, high = Interval(self.low, self.high).item(row, column).as_json() or (None, None)
            rows.append(
                {
                    "component": str(self.components[column]),
                    "place": self.positions[row],
                    "recovery_a": float(self.rates[0, row, column]),
                    "recovery_b": float(self.rates[1, row, column]),
                    "difference": float(self.difference[row, column]),
                    "difference_low": low,
                    "difference_high": high,
                }
            )
        return rows

    def table(self, labels: tuple[str, str], names: Mapping[str, str], subtitle: str = "") -> TraceTable | None:
        """The differences of whole layers for a figure; None where only heads were traced.

        labels    what a and b are called
        names     position -> what figures call it
        subtitle  where they come from
        """
        kinds = [kind for kind in LAYER_KINDS if any(part.kind == kind for part in self.components)]
        if not kinds:
            return None

        def of_kind(array: Floats, kind: str) -> Floats:
            return array[:, [number for number, part in enumerate(self.components) if part.kind == kind]].T

        values, low, high = (
            {kind: of_kind(array, kind) for kind in kinds} for array in (self.difference, self.low, self.high)
        )
        text = ", ".join(
            f"{KINDS[kind]} {value:z.2f}" for kind in kinds if (value := self.correlations[kind]) is not None
        )
        notes = (f"Rank correlations over all cells: {text}.",) if text else ()
        title = " minus ".join(labels)
        return TraceTable(values, low, high, self.positions, names, title, subtitle, notes=notes, minus=labels[1])


def compare_traces(a: Trace, b: Trace) -> TraceComparison:
    """Recovery rates of `a` minus those of `b`. ValueError where they have no component or no position in common."""
    in_b = set(b.scores.components)
    components = tuple(part for part in a.scores.components if part in in_b)
    positions = tuple(position for position in a.scores.positions if position in b.scores.positions)
    if not components or not positions:
        raise ValueError(
            f"the traces share no cell: {len(a.scores.components)} and {len(b.scores.components)} components at "
            f"{', '.join(a.scores.positions)} and {', '.join(b.scores.positions)}. Trace the same "
            "components at the same positions."
        )
    are_same = a.scores.provenance.prompts_fingerprint == b.scores.provenance.prompts_fingerprint
    shape, all_rates = (len(positions), len(components)), (a.ratio_of_means(), b.ratio_of_means())
    rates, (low, high) = np.full((2, *shape), np.nan), np.full((2, *shape), np.nan)
    for row, position in enumerate(positions):
        sides, chosen = [], []
        for side, trace in enumerate((a, b)):
            index = trace.scores.positions.index(position)
            columns = [trace.scores.components.index(part) for part in components]
            restored, gaps = trace.restored_and_gaps(index)
            rates[side, row] = all_rates[side].values[index, columns]
            sides.append((restored[:, columns], gaps))
            chosen.append(trace.has_position(index))
        if np.isfinite(rates[:, row]).all():
            is_paired = are_same and np.array_equal(*chosen)
            low[row], high[row] = ratio_difference_interval(*sides, is_paired=is_paired)
    kinds = dict.fromkeys(part.kind for part in components)
    return TraceComparison(
        positions,
        components,
        rates,
        rates[0] - rates[1],
        low,
        high,
        {kind: _correlation(rates, components, kind) for kind in kinds},
    )


def _correlation(rates: Floats, components: tuple[Component, ...], kind: str) -> float | None:
    a, b = (side[:, [part.kind == kind for part in components]].reshape(-1) for side in rates)
    known = np.isfinite(a) & np.isfinite(b)
    return rank_correlation(a[known], b[known])
