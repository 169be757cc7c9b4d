"""A causal trace as a table for people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from circuits.quantities import QUANTITIES
from circuits.solved import kept_of_drawn
from graphs.recovery_table import KINDS, LAYER_KINDS
from pipelines.reporting.tables import DASH, Row, brackets, print_line, print_table, with_interval
from pipelines.trace.recovery_tables import LABELS
from pipelines.trace.report import Traced

_HEADS_SHOWN = 8
_HALF = 0.5
_RATES = ("recovery", "recovery_low", "recovery_high")


def print_trace(traced: Traced) -> None:
    """A row per position: where hidden states bring back half or more, and the strongest attention and MLP outputs."""
    summary, metric = traced.summary, traced.summary["metric"]
    clean, corrupt = (with_interval(metric, name, ".3f") for name in ("clean", "corrupt"))
    of_what = f"{summary['task']}, {summary['model']}, {summary['ablation']}"
    print_line(f"{of_what}: {metric['name']} {clean} clean, {corrupt} corrupt")
    if summary["solved"] is not None:
        print_line(f"prompts: {kept_of_drawn(summary['solved'])}")
    kinds = [kind for kind in LAYER_KINDS if any(row["kind"] == kind for row in traced.rows)]
    headings = ["position", "n", *(_heading(kind) for kind in kinds)]
    print_table(f"{summary['run']}: {QUANTITIES['recovery'].heading}s", headings, _cells(traced, kinds), folds=True)
    heads = sorted((row for row in traced.rows if row["kind"] == "head"), key=lambda row: -(row["recovery"] or 0))
    for row in heads[:_HEADS_SHOWN]:
        print_line(f"{_rate(row)} at {LABELS.get(row['place'], row['place'])}")
    position = LABELS.get(summary["place"], summary["place"])
    layers = ", ".join(summary["layers"]) or "none"
    print_line(f"at least {summary['share']:g} at {position}: {layers}")
    print_line(
        "Recovery rates are ratios of means. In brackets: 95 % t intervals over prompts. Half back: hidden states that "
        "bring back half or more; strongest: by magnitude."
    )


def _cells(traced: Traced, kinds: Sequence[str]) -> Iterator[list[str]]:
    for position in traced.trace.scores.positions:
        rows = [row for row in traced.rows if row["place"] == position]
        if rows:
            cells = [half_back(rows) if kind == "residual" else _rate(strongest(rows, kind)) for kind in kinds]
            yield [LABELS.get(position, position), str(rows[0]["recovery_prompts"]), *cells]


def _heading(kind: str) -> str:
    return "half back" if kind == "residual" else f"strongest {KINDS[kind]}"


def half_back(rows: Sequence[Row]) -> str:
    """The hidden states that bring back half or more."""
    layers = [row["layer"] for row in rows if row["kind"] == "residual" and (row["recovery"] or 0) >= _HALF]
    return ", ".join(f"r{first}" if first == last else f"r{first}-r{last}" for first, last in _ranges(layers)) or "-"


def _ranges(numbers: Sequence[int]) -> list[tuple[int, int]]:
    ranges: list[tuple[int, int]] = []
    for number in sorted(numbers):
        if ranges and number == ranges[-1][1] + 1:
            ranges[-1] = (ranges[-1][0], number)
        else:
            ranges.append((number, number))
    return ranges


def strongest(rows: Sequence[Row], kind: str) -> Row | None:
    """The component of a kind with the largest recovery rate by magnitude; None where no rate is defined."""
    own = [row for row in rows if row["kind"] == kind and row["recovery"] is not None]
    return max(own, key=lambda row: abs(row["recovery"]), default=None)


def _rate(row: Row | None) -> str:
    if row is None:
        return DASH
    if row["recovery"] is None:
        return f"{row['component']} -"
    value, *ends = (row[name] for name in _RATES)
    return f"{row['component']} {value:z.2f} {brackets(ends, '.2f')}"
