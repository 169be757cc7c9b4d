"""The judge's rows as a table for people and as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from pipelines.reporting.tables import DASH, ends_text, value_at

# Column of the CSV -> its path in a row.
_COLUMNS = {
    **{name: name for name in ("run", "task", "model", "method", "metric", "ablation", "n_prompts")},
    **{name: name for name in ("clean", "corrupt", "n_edges", "of_edges", "n_components", "circuit_of")},
    "faithfulness": "faithfulness",
    "distance": "distance.value",
    "distance_share": "distance.share",
    "cpr": "cpr.value",
    "cmd": "cmd.value",
    "completeness_sampled": "completeness.sampled.value",
    "completeness_sampled_share": "completeness.sampled.share",
    "completeness_greedy": "completeness.greedy.value",
    "completeness_greedy_share": "completeness.greedy.share",
    "minimality": "minimality.smallest.value",
    "minimality_share": "minimality.smallest.share",
    "minimality_component": "minimality.smallest.component",
    "random_circuits": "random.n",
    "random_faithfulness": "random.faithfulness.value",
    "random_p": "random.p_value",
    "stability": "stability",
    "auroc_edges": "auroc.edges.by_mean",
    "auroc_edges_by_prompt": "auroc.edges.by_prompt",
    "auroc_nodes": "auroc.nodes.by_mean",
    "auroc_nodes_by_prompt": "auroc.nodes.by_prompt",
    "auroc_heads": "auroc.heads.by_mean",
    "auroc_heads_by_prompt": "auroc.heads.by_prompt",
    "auroc_heads_of_trials": "auroc.heads.trials.mean",
    "auroc_heads_of_trials_sd": "auroc.heads.trials.sd",
    "heads_precision": "auroc.match.precision",
    "heads_recall": "auroc.match.recall",
    "heads_f1": "auroc.match.f1",
    "heads_best_f1": "auroc.match.best_f1",
    "forward_equivalents": "forward_equivalents",
    "seconds": "seconds",
    "peak_memory_mb": "peak_memory_mb",
}
# Number -> path of its 95 % interval: t, but bootstrap for cmd, completeness and minimality.
_INTERVALS = {
    "faithfulness": "faithfulness_interval",
    "distance": "distance.interval",
    "cpr": "cpr.interval",
    "cmd": "cmd.interval",
    "completeness_sampled": "completeness.sampled.interval",
    "completeness_greedy": "completeness.greedy.interval",
    "minimality": "minimality.smallest.interval",
    "random_faithfulness": "random.faithfulness.interval",
}


def as_csv(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """One line per run; an empty cell is a number that was not measured. Shares are of the gap clean - corrupt."""
    ends = [f"{name}_{end}" for name in _INTERVALS for end in ("low", "high")]
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, [*_COLUMNS, *ends], lineterminator="\n")
    writer.writeheader()
    for row in rows:
        line = {name: value_at(row, path) for name, path in _COLUMNS.items()}
        for name, path in _INTERVALS.items():
            low, high = value_at(row, path) or (None, None)
            line |= {f"{name}_low": low, f"{name}_high": high}
        writer.writerow(line)
    return text.getvalue().encode()


def print_verdicts(rows: Sequence[Mapping[str, Any]], *, has_truth: bool) -> None:
    """A row per run in each of two tables, and below them why numbers are missing."""
    console = Console(markup=False, highlight=False)
    titles = ("how good the circuits are, and what their scores cost", "how complete, minimal, rare and stable")
    for title, columns in zip(titles, ("quality", "checks"), strict=True):
        table = Table(title=title, title_justify="left")
        cells = [_cells(row, has_truth=has_truth)[columns] for row in rows]
        for column in cells[0]:
            table.add_column(column, no_wrap=True)
        for row in cells:
            table.add_row(*row.values())
        # Numbers are not broken over lines: a line may be wider than the terminal.
        widest = console.measure(table, options=console.options.update(max_width=1000)).maximum
        console.width = max(console.width, widest)
        console.print(table)
    console.print(
        "In brackets: 95 % intervals over prompts; t, but bootstrap for CMD, completeness (incomplete) and least use. "
        "In parentheses: shares of the gap clean - corrupt.",
        soft_wrap=True,
    )
    for reason, runs in _reasons(rows, has_truth=has_truth).items():
        console.print(f"{DASH} {reason} ({', '.join(runs)})", soft_wrap=True)


def _cells(row: Mapping[str, Any], *, has_truth: bool) -> dict[str, dict[str, str]]:
    """Column -> text, for each of the tables."""

    def number(path: str, spec: str = "z.3f") -> str:
        value = value_at(row, path)
        return DASH if value is None else f"{value:{spec}}"

    def interval(of: str, path: str) -> str:
        return "" if value_at(row, of) is None else f"\n{ends_text(value_at(row, path), 'z.3f')}"

    def judged(path: str) -> str:
        share, value = value_at(row, f"{path}.share"), f"{path}.value"
        return number(value) + ("" if share is None else f" ({share:.0%})") + interval(value, f"{path}.interval")

    least = value_at(row, "minimality.smallest.component")
    quality = {
        "run": row["run"],
        "edges": f"{row['n_edges']:,}\nof {row['of_edges']:,}",
        "faithfulness": number("faithfulness") + interval("faithfulness", "faithfulness_interval"),
        "|F(M)-F(C)|": judged("distance"),
        "CPR": number("cpr.value") + interval("cpr.value", "cpr.interval"),
        "CMD": number("cmd.value") + interval("cmd.value", "cmd.interval"),
    }
    checks = {
        "run": row["run"],
        "incomplete,\nsampled": judged("completeness.sampled"),
        "incomplete,\ngreedy": judged("completeness.greedy"),
        "least use of\na component": judged("minimality.smallest") + (f"\n{least}" if least else ""),
        "random,\nfaithfulness": number("random.faithfulness.value")
        + interval("random.faithfulness.value", "random.faithfulness.interval"),
        "random,\np": number("random.p_value", ".2g"),
        "stability": number("stability", ".2f"),
    }
    if has_truth:
        for part in ("edges", "nodes", "heads"):
            of_prompt = number(f"auroc.{part}.by_prompt")
            quality[f"AUROC {part},\nmean / largest"] = number(f"auroc.{part}.by_mean") + (
                "" if of_prompt == DASH else f"\n{of_prompt}"
            )
        trials = number("auroc.heads.trials.mean")
        quality["AUROC heads,\none trial"] = trials + (
            "" if trials == DASH else f"\n+- {number('auroc.heads.trials.sd')}"
        )
        checks["heads: precision,\nrecall"] = f"{number('auroc.match.precision')}\n{number('auroc.match.recall')}"
        checks["heads: F1,\nbest F1"] = f"{number('auroc.match.f1')}\n{number('auroc.match.best_f1')}"
    cost = {
        "forward\nequivalents": number("forward_equivalents", ".1f"),
        "s": number("seconds", ".2f"),
        "peak MB": number("peak_memory_mb", ".0f"),
    }
    return {"quality": quality | cost, "checks": checks}


def _reasons(rows: Sequence[Mapping[str, Any]], *, has_truth: bool) -> dict[str, list[str]]:
    """`what: why` -> the runs it holds for."""
    reasons: dict[str, list[str]] = {}
    for row in rows:
        for name, why in row["reasons"].items():
            if has_truth or not name.startswith("auroc"):
                reasons.setdefault(f"{name.replace('_', ' ')}: {why}", []).append(row["run"])
    return reasons
