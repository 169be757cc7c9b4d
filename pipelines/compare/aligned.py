"""Heads of runs aligned by role or by profile: `circuits compare A B --align role`. No model runs.

Read from what `circuits roles` kept of each run, with all rules at their defaults. Models may differ in shape.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from circuits.components import Component
from circuits.numbers import count_text
from graphs.comparison.alignment import Alignment, Judged, align_by_readings, align_by_roles
from pipelines.compare.published import PREFIX
from pipelines.compare.settings import CompareSettings
from pipelines.compare.unused import require_used
from pipelines.engine.execution import Execution
from pipelines.engine.plan import Plan
from pipelines.engine.store import as_json
from pipelines.reporting.p_values import equals
from pipelines.reporting.report import Format, Report
from pipelines.reporting.stored import read_report
from pipelines.reporting.tables import DASH, Column, as_csv, measured, print_columns, print_line
from pipelines.roles.plan import plan as plan_roles
from pipelines.roles.report import RolesReport
from pipelines.roles.settings import RolesSettings
from pipelines.runs.caveats import of_choices
from pipelines.runs.run import Run, open_run
from pipelines.runs.shell_text import shell_line

Row = dict[str, Any]
# Readings that are no shares: their size depends on the model's logits.
_NO_SHARES = ("direct-logit-attribution",)


class Side(NamedTuple):
    """A run and the heads of its circuit, as `roles.json` has them."""

    run: Run
    n_layers: int
    heads: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True)
class AlignedPlan(Plan):
    """What is aligned, and where that goes."""

    sides: tuple[Side, ...]
    by: str
    seed: int
    target: Path

    @property
    def folder(self) -> Path:
        return self.target


@dataclass(frozen=True, kw_only=True)
class AlignedHeads(Report):
    """Heads of pairs of runs that do the same, and how far that can be trusted.

    alignments  one per pair of runs

    >>> from pipelines import align_heads, discover, label_heads
    >>> run = discover("induction", prompts=32)
    >>> _ = label_heads(run)
    >>> report = align_heads(run, run, by="role")
    >>> report.by, len(report.alignments)
    ('role', 1)
    """

    format = Format("circuit-workbench-alignment", 1)
    by: str
    alignments: tuple[Row, ...]

    def content(self) -> dict[str, Any]:
        return {"by": self.by, "alignments": list(self.alignments)}


def plan(settings: CompareSettings, execution: Execution) -> AlignedPlan:
    """The runs, opened, with what was read of their heads. ValueError where that was not measured."""
    require_used(
        settings,
        ("overlap_only", "draws", "across_models"),
        "--align reads what `circuits roles` kept of models of any shape, and runs none",
        execution=execution,
    )
    if published := [str(name) for name in settings.runs if str(name).startswith(PREFIX)]:
        raise ValueError(
            f"{published[0]} is a list of heads of which nothing was measured, so that --align has nothing to align "
            "them by. Leave out --align, to count the heads in common."
        )
    runs = tuple(run if isinstance(run, Run) else open_run(run, out=execution.out) for run in settings.runs)
    sides = tuple(_side(run, execution) for run in runs)
    name = "-".join(["align", str(settings.align), *(run.name for run in runs)])
    return AlignedPlan(sides, str(settings.align), settings.seed, settings.folder or execution.out / name)


def _side(run: Run, execution: Execution) -> Side:
    path = plan_roles(RolesSettings(run=run), execution).folder / "roles.json"
    again = shell_line(["circuits", "roles", str(run.folder), "--runs", str(run.folder.parent)])
    if not path.is_file():
        raise ValueError(
            f"what the heads of {run.name} do was not measured (no {path}), so that they cannot be aligned by it. "
            f"First: {again}"
        )
    stored = read_report(path, RolesReport.format, again=again, needs=["heads"])
    heads = tuple(row for row in stored["heads"] if row["in_circuit"])
    if not heads:
        raise ValueError(f"the circuit of {run.name} has no heads to align.")
    return Side(run, run.circuit.wiring.n_layers, heads)


def report(plan: AlignedPlan) -> AlignedHeads:
    """The alignment of every pair of runs."""
    rows = tuple(_pair(a, b, plan.by, plan.seed) for a, b in combinations(plan.sides, 2))
    warnings = tuple(of_choices(side.run for side in plan.sides))
    return AlignedHeads(folder=plan.folder, warnings=warnings, by=plan.by, alignments=rows)


def _pair(a: Side, b: Side, by: str, seed: int) -> Row:
    n_without = [sum(not head["labels"] for head in side.heads) for side in (a, b)]
    if by == "role":
        a, b = (side._replace(heads=tuple(head for head in side.heads if head["labels"])) for side in (a, b))
    names = [name for name in _read_of(a) if name in _read_of(b)]
    readings = tuple(np.array([[_mean(head, name) for name in names] for head in side.heads]) for side in (a, b))
    depths = tuple(np.array([_depth(head["head"], side.n_layers) for head in side.heads]) for side in (a, b))
    if not (a.heads and b.heads):
        found = Alignment((), None, None)
    elif by == "role":
        roles = sorted({role for side in (a, b) for head in side.heads for role in _roles(head)})
        has = tuple(np.array([[role in _roles(head) for role in roles] for head in side.heads]) for side in (a, b))
        found = align_by_roles(has[0], has[1], (readings[0], readings[1]), (depths[0], depths[1]), seed=seed)
    else:
        found = align_by_readings(readings[0], readings[1], (depths[0], depths[1]), seed=seed)
    matched = [{pair[side] for pair in found.pairs} for side in (0, 1)]
    return {
        "a": a.run.name,
        "b": b.run.name,
        "n_a": len(a.heads),
        "n_b": len(b.heads),
        "n_without_role_a": n_without[0],
        "n_without_role_b": n_without[1],
        "readings": names,
        "likeness": _judged(found.likeness),
        "depth_difference": _judged(found.depth),
        "pairs": [
            {
                "a": a.heads[pair.a]["head"],
                "b": b.heads[pair.b]["head"],
                "likeness": pair.likeness,
                "margin": pair.margin,
                "roles_a": _roles(a.heads[pair.a]),
                "roles_b": _roles(b.heads[pair.b]),
            }
            for pair in found.pairs
        ],
        "only_a": [head["head"] for number, head in enumerate(a.heads) if number not in matched[0]],
        "only_b": [head["head"] for number, head in enumerate(b.heads) if number not in matched[1]],
        "roles_only_a": [_roles(head) for number, head in enumerate(a.heads) if number not in matched[0]],
        "roles_only_b": [_roles(head) for number, head in enumerate(b.heads) if number not in matched[1]],
    }


def _read_of(side: Side) -> list[str]:
    """Readings that all heads of a side have, and that are shares."""
    every = side.heads[0]["readings"] if side.heads else {}
    return [
        name
        for name in every
        if not name.startswith(_NO_SHARES) and all(head["readings"][name]["mean"] is not None for head in side.heads)
    ]


def _mean(head: Mapping[str, Any], name: str) -> float:
    return head["readings"][name]["mean"]


def _roles(head: Mapping[str, Any]) -> list[str]:
    return [label["role"] for label in head["labels"]]


def _depth(head: str, n_layers: int) -> float:
    layer = Component.parse(head).layer
    assert layer is not None
    return layer / max(n_layers - 1, 1)


def _judged(judged: Judged | None) -> Row | None:
    return None if judged is None else judged._asdict()


_PAIRS = (
    *map(Column, ("run_a", "run_b", "a", "b")),
    *map(measured, ("likeness", "margin")),
    Column("roles_a", cell=lambda row: ";".join(row["roles_a"])),
    Column("roles_b", cell=lambda row: ";".join(row["roles_b"])),
)


def files(plan: AlignedPlan, report: AlignedHeads) -> dict[str, bytes]:
    """alignment.json, and alignment.csv with a line per pair of heads."""
    rows = [pair | {"run_a": of["a"], "run_b": of["b"]} for of in report.alignments for pair in of["pairs"]]
    return {"alignment.json": as_json(report.to_dict()), "alignment.csv": as_csv(rows, _PAIRS)}


def print_aligned(report: AlignedHeads) -> None:
    """The pairs of heads with their roles, their likeness beside chance, and the heads that are left."""
    for of in report.alignments:
        columns = (
            Column("head of A", "a"),
            Column("its roles", cell=lambda row: _in_words(row["roles_a"])),
            Column("head of B", "b"),
            Column("its roles", cell=lambda row: _in_words(row["roles_b"])),
            *map(measured, ("likeness", "margin")),
        )
        print_columns(f"heads aligned by {report.by}, A: {of['a']}, B: {of['b']}", columns, of["pairs"])
        for name, what in (("likeness", "mean likeness"), ("depth_difference", "mean difference in depth")):
            if (judged := of[name]) is not None:
                print_line(
                    f"{what} {judged['value']:z.2f}, by chance {judged['expected']:z.2f}, "
                    f"p {equals(judged['p_value'], judged['n_draws'])}"
                )
        for side in ("a", "b"):
            if left := of[f"only_{side}"]:
                with_roles = zip(left, of[f"roles_only_{side}"], strict=True)
                named = [f"{head} ({', '.join(roles)})" if roles else head for head, roles in with_roles]
                print_line(f"without a partner, of {side.upper()}: {_some(named)}")
            if report.by == "role" and (n_without := of[f"n_without_role_{side}"]):
                print_line(
                    f"without a role, so not aligned, of {side.upper()}: {count_text(n_without, 'head')} of the circuit"
                )
    print_line(
        "Likeness by chance: readings dealt anew to the heads of one model, and aligned again. Depth takes no part in "
        "aligning; by chance, pairs at random. Margin: to the most alike head that it was not aligned with."
    )


_SHOWN = 12


def _in_words(roles: Sequence[str]) -> str:
    return ", ".join(roles) or DASH


def _some(heads: Sequence[str]) -> str:
    more = f" and {len(heads) - _SHOWN} more" if len(heads) > _SHOWN else ""
    return ", ".join(heads[:_SHOWN]) + more
