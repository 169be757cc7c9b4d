"""A study's rows as a table for people and as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from graphs.figures.sweep import value_label
from pipelines.engine.progress import duration
from pipelines.reporting.tables import DASH, value_at

if TYPE_CHECKING:
    from pipelines.study.report import Study

_RANKED = ("heads", "nodes")
# Column of the CSV -> its path in a row.
_COLUMNS = {
    "n_prompts": "n_prompts",
    **{f"auroc_{part}": f"auroc.{part}.by_mean" for part in _RANKED},
    **{f"auroc_{part}_by_prompt": f"auroc.{part}.by_prompt" for part in _RANKED},
    **{f"auroc_{part}_of_trials": f"auroc.{part}.trials.mean" for part in _RANKED},
    **{f"auroc_{part}_of_trials_sd": f"auroc.{part}.trials.sd" for part in _RANKED},
    "trials": "auroc.heads.trials.n",
    "heads_best_f1": "best_f1",
    **{name: name for name in ("forward_equivalents", "seconds", "peak_memory_mb", "n_jobs")},
}


def as_csv(key: str, rows: Sequence[Mapping[str, Any]]) -> bytes:
    """One line per value; an empty cell is a number that was not measured."""
    ends = [f"auroc_{part}_{end}" for part in _RANKED for end in ("low", "high")]
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, ["setting", "value", *_COLUMNS, *ends], lineterminator="\n")
    writer.writeheader()
    for row in rows:
        line = {"setting": key, "value": value_label(row["value"])}
        line |= {name: value_at(row, path) for name, path in _COLUMNS.items()}
        for part in _RANKED:
            low, high = value_at(row, f"auroc.{part}.interval") or (None, None)
            line |= {f"auroc_{part}_low": low, f"auroc_{part}_high": high}
        writer.writerow(line)
    return text.getvalue().encode()


def print_study(study: Study) -> None:
    """A row per value, below it why numbers are missing, and where everything is kept."""
    console = Console(markup=False, highlight=False)
    curve = study.curve
    title = ", ".join(part for part in (curve.task, curve.model, curve.method) if part is not None)
    title += f": ranking of the heads of {study.truth}, {study.key} varied"
    table = Table(title=title, title_justify="left")
    cells = [_cells(study.key, row) for row in study.rows]
    # A column of dashes says nothing: the reasons below the table do.
    shown = [name for number, name in enumerate(cells[0]) if number < 2 or any(row[name] != DASH for row in cells)]
    for column in shown:
        table.add_column(column, no_wrap=True)
    for row in cells:
        table.add_row(*(row[name] for name in shown))
    # Numbers are not broken over lines: a line may be wider than the terminal.
    widest = console.measure(table, options=console.options.update(max_width=1000)).maximum
    console.width = max(console.width, widest)
    console.print(table)
    console.print(
        "AUROC: probability that a known head is ranked before another one; 0.5 is chance. By largest: ranked by the "
        "largest |score| on any one prompt. In brackets: 95 % bootstrap intervals over prompts. After +-: SD over "
        "trials.",
        soft_wrap=True,
    )
    for reason, values in _reasons(study.rows).items():
        of_values = "" if len(values) == len(study.rows) else f" ({', '.join(values)})"
        console.print(f"{DASH} {reason}{of_values}", soft_wrap=True)
    spent = f"{study.n_computed} of {study.n_jobs} jobs computed" if study.n_computed else "nothing new to compute"
    console.print(f"{spent}, {duration(study.seconds)}. Kept in {study.folder}", soft_wrap=True)


def _cells(key: str, row: Mapping[str, Any]) -> dict[str, str]:
    """Column -> text."""

    def number(path: str, spec: str = "z.3f") -> str:
        value = value_at(row, path)
        return DASH if value is None else f"{value:{spec}}"

    def ranked(part: str) -> str:
        interval = value_at(row, f"auroc.{part}.interval")
        return number(f"auroc.{part}.by_mean") + (
            "" if interval is None else f" [{interval[0]:.3f}, {interval[1]:.3f}]"
        )

    def of_trials(part: str) -> str:
        trials = value_at(row, f"auroc.{part}.trials")
        if trials is None:
            return DASH
        spread = f" +- {trials['sd']:.3f}" if trials["n"] > 1 else ""
        return f"{trials['mean']:.3f}{spread} (n = {trials['n']})"

    return {
        key: value_label(row["value"]),
        "prompts": str(row["n_prompts"]),
        "AUROC heads": ranked("heads"),
        "by largest": number("auroc.heads.by_prompt"),
        "one trial": of_trials("heads"),
        "best F1": number("best_f1"),
        "AUROC heads, MLPs": ranked("nodes"),
        "forward\nequivalents": number("forward_equivalents", ".1f"),
        "s": number("seconds", ".2f"),
        "jobs": str(row["n_jobs"]),
    }


def _reasons(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[str]]:
    """`what: why` -> the values it holds for."""
    reasons: dict[str, list[str]] = {}
    for row in rows:
        for name, why in row["reasons"].items():
            reasons.setdefault(f"{name.replace('_', ' ')}: {why}", []).append(value_label(row["value"]))
    return reasons
