"""Runs beside published circuits: `circuits compare RUN published:ioi-gpt2-small`. Heads alone; no model runs.

A published circuit is a list of heads by role (`circuits.evaluation.published`): what can be compared is which heads
both have. The null keeps how many heads each has in every layer, as in `graphs.comparison.reuse`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

from circuits.evaluation.published import published_circuit
from circuits.numbers import count_text
from graphs.comparison.null import overlap_distribution
from graphs.flaws import flaws_of
from pipelines.compare.plan import comparison_name, require_own
from pipelines.compare.settings import CompareSettings
from pipelines.compare.unused import require_used
from pipelines.engine.execution import Execution
from pipelines.engine.plan import Plan
from pipelines.engine.store import as_json
from pipelines.reporting.report import Format, Report
from pipelines.reporting.tables import Column, as_csv, measured, print_columns, print_line
from pipelines.runs.run import Run, open_run

PREFIX = "published:"
MEASURED = tuple(map(measured, ("n_a", "n_b", "n_shared", "iou", "of_a", "of_b", "expected", "p_value")))
Row = dict[str, Any]


class Side(NamedTuple):
    """A run or a published circuit.

    heads    by layer and head
    roles    role or stage -> its heads
    shape    layers, and heads of a layer
    source   of a published circuit; None of a run
    flaws    what is wrong with a run's circuit, in sentences
    """

    name: str
    model: str
    heads: tuple[str, ...]
    roles: Mapping[str, tuple[str, ...]]
    shape: tuple[int, int]
    source: str | None
    note: str
    flaws: tuple[str, ...] = ()


@dataclass(frozen=True)
class PublishedPlan(Plan):
    """What is compared, and where that goes."""

    sides: tuple[Side, ...]
    target: Path

    @property
    def folder(self) -> Path:
        return self.target


@dataclass(frozen=True, kw_only=True)
class PublishedComparison(Report):
    """Heads of runs beside those of published circuits, as plain values.

    >>> from pipelines import compare_published
    >>> found = compare_published("published:ioi-gpt2-medium", "published:colored-objects-gpt2-medium")
    >>> found.summary["overlaps"][0]["n_shared"]
    7
    """

    format = Format("circuit-workbench-published-comparison", 1)
    summary: Mapping[str, Any]

    def content(self) -> dict[str, Any]:
        return dict(self.summary)


def names_published(settings: CompareSettings) -> bool:
    """Whether a published circuit is among what is to be compared."""
    return any(_is_published(given) for given in settings.runs)


def plan(settings: CompareSettings, execution: Execution) -> PublishedPlan:
    """The runs, opened, and the lists. ValueError for models of different shapes, and for runs without heads."""
    require_used(
        settings,
        ("overlap_only", "draws", "seed", "across_models"),
        "beside a published circuit heads are counted, their number by chance is exact, and no model runs",
        execution=execution,
    )
    sides = tuple(
        _of_published(str(given).removeprefix(PREFIX)) if _is_published(given) else _of_run(given, execution.out)
        for given in settings.runs
    )
    first, *others = sides
    for other in others:
        if other.shape != first.shape:
            raise ValueError(
                f"{first.name} has heads of {_shown(first)}, {other.name} of {_shown(other)}: heads of models of "
                "different shapes do not correspond. `circuits published` lists the models of published circuits."
            )
    names = [side.name.replace(PREFIX, "published-") for side in sides]
    target = settings.folder or execution.out / comparison_name(names)
    require_own(target, [side.name for side in sides])
    return PublishedPlan(sides, target)


def report(plan: PublishedPlan) -> PublishedComparison:
    """What every pair of them has in common."""
    of_runs = [f"{side.name}: {text}" for side in plan.sides for text in side.flaws]
    warnings = list(dict.fromkeys([*of_runs, *_warnings(plan.sides)]))
    summary = {
        "circuits": [
            {
                "name": side.name,
                "model": side.model,
                "n_heads": len(side.heads),
                "heads": list(side.heads),
                "roles": {role: list(heads) for role, heads in side.roles.items()},
                "source": side.source,
                "note": side.note,
            }
            for side in plan.sides
        ],
        "overlaps": [_overlap(a, b) for a, b in combinations(plan.sides, 2)],
        "warnings": warnings,
    }
    return PublishedComparison(folder=plan.folder, warnings=tuple(warnings), summary=summary)


def files(plan: PublishedPlan, report: PublishedComparison) -> dict[str, bytes]:
    """summary.json, and overlap.csv: one row per pair."""
    columns = [Column(name) for name in report.summary["overlaps"][0] if name not in ("shared", "by_role")]
    return {"summary.json": as_json(report.to_dict()), "overlap.csv": as_csv(report.summary["overlaps"], columns)}


def print_published(report: PublishedComparison) -> None:
    """A row per pair, the heads in common, and how many heads of each role the other has."""
    columns = (
        Column("A", "a"),
        Column("B", "b"),
        *MEASURED,
    )
    print_columns("heads of runs and published circuits", columns, report.summary["overlaps"])
    for row in report.summary["overlaps"]:
        print_line(f"shared by {row['a']} and {row['b']}: {', '.join(row['shared']) or 'none'}")
        for entry in row["by_role"]:
            there = ", ".join(entry["shared"]) or "none"
            print_line(
                f"  {entry['role']} of {entry['of']}: {entry['n_shared']} of {entry['n']} in {entry['in']}: {there}"
            )
    for circuit in report.summary["circuits"]:
        if circuit["source"] is not None:
            note = f". Listed: {circuit['note']}" if circuit["note"] else ""
            print_line(f"{circuit['name']}: {circuit['source']}{note}.")
    print_line("By chance: heads drawn at random within each layer; p of sharing as many.")


def _is_published(given: Any) -> bool:
    return isinstance(given, str) and given.startswith(PREFIX)


def _of_published(name: str) -> Side:
    circuit = published_circuit(name)
    roles = {role: tuple(str(part) for part in parts if part.is_head) for role, parts in circuit.roles.items()}
    return Side(
        f"{PREFIX}{circuit.name}",
        circuit.model,
        tuple(map(str, sorted(circuit.heads, key=lambda head: head.order))),
        {role: heads for role, heads in roles.items() if heads},
        (circuit.wiring.n_layers, circuit.wiring.n_heads),
        circuit.source,
        circuit.note,
    )


def _of_run(given: Any, out: Path) -> Side:
    """A run's circuit; of a search in stages all heads that these keep, by stage."""
    run = given if isinstance(given, Run) else open_run(given, out=out)
    graph, staged = run.circuit, run.summary.get("path_stages")
    if graph.wiring.joins_heads:
        raise ValueError(f"run {run.name} has whole layers, no heads: give a run whose method scores heads or edges.")
    stages = {} if staged is None else {row["finds"]: row["heads"] for row in staged["stages"]}
    return Side(
        run.name,
        run.summary.get("model", run.config.model),
        tuple(map(str, graph.heads)) if staged is None else tuple(staged["union"]),
        {stage: tuple(entry["head"] for entry in heads) for stage, heads in stages.items() if heads},
        (graph.wiring.n_layers, graph.wiring.n_heads),
        None,
        "" if staged is None else f"heads kept by its stages ({staged['kept_by']})",
        tuple(flaw.text for flaw in flaws_of(graph)),
    )


def _overlap(a: Side, b: Side) -> Row:
    in_a, in_b = set(a.heads), set(b.heads)
    shared = [head for head in a.heads if head in in_b]
    n_layers, n_heads = a.shape
    drawn = [
        [sum(head.startswith(f"a{layer}.") for head in side.heads) for layer in range(n_layers)] for side in (a, b)
    ]
    null = overlap_distribution([n_heads] * n_layers, *drawn)
    either = len(in_a | in_b)
    return {
        "a": a.name,
        "b": b.name,
        "n_a": len(in_a),
        "n_b": len(in_b),
        "n_shared": len(shared),
        "iou": len(shared) / either if either else None,
        "of_a": len(shared) / len(in_a) if in_a else None,
        "of_b": len(shared) / len(in_b) if in_b else None,
        "expected": null.mean,
        "p_value": null.at_least(len(shared)),
        "shared": shared,
        "by_role": [*_by_role(a, b), *_by_role(b, a)],
    }


def _by_role(of: Side, other: Side) -> list[Row]:
    """Of each role's heads, those that the other circuit has."""
    rows = []
    for role, heads in of.roles.items():
        shared = [head for head in heads if head in set(other.heads)]
        counts = {"n": len(heads), "n_shared": len(shared)}
        rows.append({"of": of.name, "role": role, "in": other.name, **counts, "shared": shared})
    return rows


def _warnings(sides: Sequence[Side]) -> list[str]:
    published = {side.model for side in sides if side.source is not None}
    return [
        f"{side.name} is of the model {side.model}, the published circuit of {', '.join(sorted(published))}: their "
        "heads correspond only if the weights do."
        for side in sides
        if side.source is None and side.model not in published
    ]


def _shown(side: Side) -> str:
    return f"{count_text(side.shape[0], 'layer')} of {side.shape[1]} ({side.model})"
