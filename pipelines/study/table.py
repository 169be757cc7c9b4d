"""A study's rows as a table for people and as CSV."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from circuits.quantities import QUANTITIES
from circuits.solved import kept_of_drawn
from graphs.figures.sweep import value_label
from pipelines.reporting.tables import (
    DASH,
    Column,
    brackets,
    measured,
    number,
    print_line,
    print_reasons,
    print_table,
    value_at,
)
from pipelines.study.report import Study

_RANKED = ("heads", "nodes")
AUROCS = {
    part: measured(f"auroc_{part}", f"auroc.{part}.by_mean", interval=f"auroc.{part}.interval") for part in _RANKED
}
BEST_F1 = measured("heads_best_f1", "best_f1")
COSTS = tuple(map(measured, ("forward_equivalents", "seconds", "peak_memory_mb")))


def columns_of(study: Study) -> tuple[Column, ...]:
    """The columns of study.csv."""
    return (
        Column("setting", cell=lambda row: study.key),
        Column("value", cell=lambda row: value_label(row["value"])),
        measured("n_prompts"),
        Column("n_drawn", "solved.drawn"),
        *(AUROCS[part] for part in _RANKED),
        *(measured(f"auroc_{part}_by_prompt", f"auroc.{part}.by_prompt") for part in _RANKED),
        *(measured(f"auroc_{part}_of_trials", f"auroc.{part}.trials.mean") for part in _RANKED),
        *(Column(f"auroc_{part}_of_trials_sd", f"auroc.{part}.trials.sd") for part in _RANKED),
        Column("trials", "auroc.heads.trials.n"),
        BEST_F1,
        *COSTS,
        Column("n_jobs"),
    )


def print_study(study: Study) -> None:
    """A row per value, and below it why numbers are missing."""
    curve = study.curve
    title = ", ".join(part for part in (curve.task, curve.model, curve.method) if part is not None)
    title += f": ranking of the heads of {study.truth}, {study.key} varied"
    cells = [_cells(study.key, row) for row in study.rows]
    # A column of dashes says nothing: the reasons below the table do.
    shown = [name for number, name in enumerate(cells[0]) if number < 2 or any(row[name] != DASH for row in cells)]
    print_table(title, shown, [[row[name] for name in shown] for row in cells])
    print_line(
        "AUROC: probability that a known head (node: head or MLP) is ranked before another one; 0.5 is chance. By "
        "largest: ranked by the largest |score| on any one prompt. In brackets: 95 % bootstrap intervals over prompts. "
        "After +-: SD over trials."
    )
    print_reasons(study.rows, lambda row: value_label(row["value"]))


def _heading(name: str) -> str:
    """The heading of a measure, with its unit, in lines."""
    quantity = QUANTITIES[name]
    unit = f"\n{quantity.unit}" if quantity.unit else ""
    return f"{quantity.heading.replace(', ', f',{chr(10)}')}{unit}"


def _cells(key: str, row: Mapping[str, Any]) -> dict[str, str]:
    """Column -> text."""

    def ranked(part: str) -> str:
        ends = value_at(row, f"auroc.{part}.interval")
        return number(row, f"auroc.{part}.by_mean", ".3f") + ("" if ends is None else f" {brackets(ends, '.3f')}")

    def of_trials(part: str) -> str:
        trials = value_at(row, f"auroc.{part}.trials")
        if trials is None:
            return DASH
        spread = f" +- {trials['sd']:z.3f}" if trials["n"] > 1 else ""
        return f"{trials['mean']:z.3f}{spread} (n = {trials['n']})"

    return {
        key: value_label(row["value"]),
        "prompts": str(row["n_prompts"]) if row["solved"] is None else kept_of_drawn(row["solved"]),
        _heading("auroc_heads"): ranked("heads"),
        _heading("auroc_heads_by_prompt"): number(row, "auroc.heads.by_prompt", ".3f"),
        _heading("auroc_heads_of_trials"): of_trials("heads"),
        _heading("heads_best_f1"): number(row, "best_f1", ".3f"),
        _heading("auroc_nodes"): ranked("nodes"),
        _heading("forward_equivalents"): number(row, "forward_equivalents", ".1f"),
        _heading("seconds"): number(row, "seconds", ".2f"),
        "jobs": str(row["n_jobs"]),
    }
