"""The page: sentences, tables and figures in one HTML file that needs nothing else, and holds no date and no path."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from pipelines.compare.many_table import membership_text
from pipelines.reporting.page import page as in_page
from pipelines.reporting.tables import brackets
from pipelines.reuse.panels import Panel
from pipelines.reuse.plan import ReusePlan


def page(plan: ReusePlan, panels: Sequence[Panel]) -> bytes:
    """The page as bytes: the same results give the same."""
    found = plan.comparison
    title = f"Component reuse: {', '.join(plan.runs)}"
    parts = [f"<h1>{escape(title)}</h1>", *_runs(plan)]
    if found["warnings"]:
        parts += ["<h2>Before you read on</h2>", _list(found["warnings"])]
    first, *others = panels
    parts += [*_panel(first), *_verdicts(found), *_in_sentences(found)]
    for panel in others:
        parts += _panel(panel)
    parts += _checkpoints(found.get("checkpoints", ()))
    return in_page(title, parts)


def _panel(panel: Panel) -> list[str]:
    heading = f"<h2>{escape(panel.title)}</h2>"
    if panel.draw is None:
        return [heading, f'<p class="left-out">Left out: {escape(str(panel.reason))}.</p>']
    # As an image a figure keeps its ids to itself: those of two figures in one page would clash.
    data = base64.b64encode(panel.file("svg")).decode()
    return [heading, f'<img alt="{escape(panel.title)}" src="data:image/svg+xml;base64,{data}">']


def _runs(plan: ReusePlan) -> list[str]:
    rows = [
        (
            label,
            run.name,
            run.scores.provenance.model,
            str(run.circuit.method),
            run.circuit.description,
        )
        for label, run in plan.runs.items()
    ]
    return [_table(("called", "run", "model", "method", "circuit"), rows)]


def _verdicts(found: Mapping[str, Any]) -> list[str]:
    if found["transfer"] is None:
        return []
    rows = [
        (f"{pair['a']} and {pair['b']}", pair["verdict"], "; and ".join(pair["because"]) or pair["rule"])
        for pair in found["transfer"]["pairs"]
    ]
    return ["<h2>Verdicts, by written rules</h2>", _table(("tasks", "verdict", "rule"), rows)]


def _in_sentences(found: Mapping[str, Any]) -> list[str]:
    lines = []
    for kind, row in found.get("diff", {}).items():
        lines.append(f"{membership_text(kind, row)}.")
    asked = found.get("overlap_predicts_transfer")
    if asked is not None and asked["reason"] is None:
        lines.append(
            f"Does overlap predict transfer here? Spearman's correlation over {asked['n_pairs']} ordered pairs: "
            f"{asked['correlation']:z.2f} {brackets(asked['interval'], '.2f')}, p = {asked['p_value']:.2g} (Mantel's "
            "test, one-sided)."
        )
    elif asked is not None:
        lines.append(f"Does overlap predict transfer here? Not tested: {asked['reason']}.")
    return ["<h2>In sentences</h2>", _list(lines)] if lines else []


def _checkpoints(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    parts = []
    for row in rows:
        parts.append(
            f"<h2>{escape(row['task'])}: outputs of {escape(row['from'])} patched into {escape(row['into'])}</h2>"
        )
        if row["reason"] is not None:
            parts.append(f'<p class="left-out">Left out: {escape(row["reason"])}.</p>')
            continue
        cells = []
        for entry in row["groups"]:
            share = f"{entry['recovered']:z.2f} {brackets(entry['interval'], '.2f')}"
            cells.append((entry["group"], f"{entry['n_components']:,}", share))
        parts.append(_table(("patched", "components", "share of the difference recovered"), cells))
    return parts


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    head = "".join(f"<th>{escape(heading)}</th>" for heading in headings)
    body = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><tr>{head}</tr>{body}</table>"


def _list(lines: Iterable[str]) -> str:
    return f"<ul>{''.join(f'<li>{escape(line)}</li>' for line in lines)}</ul>"
