"""The figures of a report: each is made from stored results, or left out with the reason."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from circuits.components import head
from graphs.comparison.clusters import task_tree
from graphs.figures.canvas import DrawingFormat, figure_bytes
from graphs.figures.fit import Drawing, in_its_room, of_one_layout
from graphs.figures.head_grid import HeadGrid, HeadGrids, draw_head_grids
from graphs.figures.overlap_curve import Around, OverlapCurves, OverlapPoint, draw_overlap_curves, panels_of
from graphs.figures.page import DPI
from graphs.figures.repair_bars import Repair, RepairBar, draw_repair
from graphs.figures.set_circuits import Role, SetCircuits, SetColumn, draw_set_circuits
from graphs.figures.stage_columns import StageColumns, draw_stage_columns
from graphs.figures.task_trees import TreesFigure, draw_trees
from graphs.figures.transfer import draw_transfer
from graphs.selection import means_at
from pipelines.compare.files import transfer_table
from pipelines.compare.many_files import ALIKE
from pipelines.reuse.plan import ReusePlan
from pipelines.runs.run import Run

_MOST_CURVES = 15
_MOST_UNIONS = 3  # runs up to which circuits of pairs are drawn whole


class Panel(NamedTuple):
    """A figure, or why there is none.

    name   of its files
    draw   None where `reason` says why
    """

    name: str
    title: str
    draw: Drawing | None
    reason: str | None = None

    def file(self, kind: DrawingFormat) -> bytes:
        """The figure as a file, which there must be."""
        draw = self.draw
        assert draw is not None
        return figure_bytes(partial(draw, None), kind, dpi=DPI)


def panels(plan: ReusePlan) -> list[Panel]:
    """Every panel, in the order of the page."""
    return [panel_of(plan, name) for name in PANELS]


def panel_of(plan: ReusePlan, name: str) -> Panel:
    """One panel."""
    title, make = PANELS[name]
    found = make(plan)
    return Panel(name, title, None, found) if isinstance(found, str) else Panel(name, title, found)


def _subtitle(plan: ReusePlan) -> str:
    return subtitle_of(plan.runs.values())


def subtitle_of(runs: Iterable[Run]) -> str:
    """Models, methods and metrics of runs."""
    listed = list(runs)
    models = dict.fromkeys(run.scores.provenance.model for run in listed)
    methods = dict.fromkeys(str(run.circuit.method) for run in listed)
    metrics = dict.fromkeys(run.scores.provenance.metric for run in listed)
    return "; ".join(", ".join(part) for part in (models, methods, metrics))


def _transfer(plan: ReusePlan) -> Drawing | str:
    if plan.comparison["transfer"] is None:
        return f"no circuit was run on another task: {plan.comparison['no_transfer']}"
    table = transfer_table(list(plan.runs.values()), plan.comparison)
    return in_its_room(draw_transfer, table)


def _curves(plan: ReusePlan) -> Drawing | str:
    """Of edges; of heads where there are no scores of edges."""
    overlaps = plan.comparison["overlaps"]
    for of in ("edges", "heads"):
        curves = [tuple(_points(row.get("sweep", ()), of)) for row in overlaps]
        drawn = panels_of([f"{row['a']} and {row['b']}" for row in overlaps], curves)
        if drawn:
            notes = () if len(drawn) <= _MOST_CURVES else (f"The first {_MOST_CURVES} of {len(drawn)} pairs.",)
            shown = OverlapCurves(of, drawn[:_MOST_CURVES], _subtitle(plan), notes)
            return of_one_layout(draw_overlap_curves, shown)
    return "the comparison has no overlap at several sizes (circuits without scores)"


def _points(sweep: Any, of: str) -> Iterator[OverlapPoint]:
    for point in sweep:
        if point["of"] != of:
            continue
        ceiling = point.get("ceiling")
        yield OverlapPoint(
            point["fraction"],
            point["iou"],
            Around(point["expected_iou"], _band(point, "null")),
            None if ceiling is None else Around(ceiling, _band(point, "ceiling")),
        )


def _band(point: Mapping[str, Any], name: str) -> tuple[float, float] | None:
    low, high = (point.get(f"{name}_{end}") for end in ("low", "high"))
    return None if low is None or high is None else (low, high)


def _trees(plan: ReusePlan) -> Drawing | str:
    names, matrices = list(plan.runs), plan.comparison["matrices"]
    if len(names) < 3:
        return "clusters take three runs or more"
    trees = []
    for name, matrix in (("overlap", "edges_iou"), ("transfer", "retention")):
        if matrix not in matrices:  # no circuit was run on another task
            continue
        values = np.array(matrices[matrix], dtype=np.float64)
        if np.isfinite(values).all():
            trees.append((ALIKE[name], task_tree(names, values)))
    if not trees:
        return "overlap and transfer are not defined for every pair"
    shown = TreesFigure(tuple(trees), _subtitle(plan))
    return of_one_layout(draw_trees, shown)


def _sets(plan: ReusePlan) -> Drawing | str:
    transfer = plan.comparison["transfer"]
    if transfer is None:
        return f"no circuit was run on another task: {plan.comparison['no_transfer']}"
    names = tuple(plan.runs)
    columns: list[SetColumn] = []
    for name in names:
        rows = [row for row in transfer["matrix"] if row["circuit"] == name]
        columns.append(SetColumn(rows[0]["n_edges"], {name: "in"}, {row["task"]: row["faithfulness"] for row in rows}))
    wanted = ("shared", "only_a", "only_b", "union") if len(names) <= _MOST_UNIONS else ("shared",)
    for sort in wanted:
        columns += [_pair_column(pair, sort) for pair in transfer["pairs"]]
    everywhere: dict[str, Role] = dict.fromkeys(names, "some")
    columns += [
        SetColumn(row["n_edges"], everywhere, _keeps(row["on"]), f"≥ {row['in_at_least']}") for row in transfer["cores"]
    ]
    notes = () if len(names) <= _MOST_UNIONS else ("Unions and differences of pairs: summary.json of the comparison.",)
    shown = SetCircuits(names, tuple(columns), transfer["level"], _subtitle(plan), notes)
    return of_one_layout(draw_set_circuits, shown)


def _pair_column(pair: Mapping[str, Any], sort: str) -> SetColumn:
    a, b = pair["a"], pair["b"]
    roles: dict[str, dict[str, Role]] = {
        "shared": {a: "in", b: "in"},
        "only_a": {a: "in", b: "out"},
        "only_b": {a: "out", b: "in"},
        "union": {a: "some", b: "some"},
    }
    return SetColumn(pair["sets"][sort]["n_edges"], roles[sort], _keeps(pair["sets"][sort]["on"]))


def _keeps(on: Mapping[str, Any]) -> dict[str, float | None]:
    return {task: row["faithfulness"] for task, row in on.items()}


def _heads(plan: ReusePlan) -> Drawing | str:
    return heads_of(plan.runs)


def heads_of(runs: Mapping[str, Run]) -> Drawing | str:
    """The heads of runs, by what these are called: a grid for each; or why they cannot be drawn."""
    wirings = {run.circuit.wiring for run in runs.values()}
    if len(wirings) > 1 or any(wiring.joins_heads for wiring in wirings):
        return "the runs have no heads in common: a causal trace has whole layers"
    if unknown := [label for label, run in runs.items() if not _gap(run)]:
        return f"the gap between clean and corrupt prompts, of which scores are shares, is not known for {unknown[0]}"
    shown = HeadGrids(tuple(_head_grid(label, run) for label, run in runs.items()), subtitle_of(runs.values()))
    return of_one_layout(draw_head_grids, shown)


def _gap(run: Run) -> float:
    metrics = run.circuit.metrics
    return metrics["clean"] - metrics["corrupt"] if {"clean", "corrupt"} <= set(metrics) else 0.0


def _head_grid(label: str, run: Run) -> HeadGrid:
    """A head's own score where heads were scored, at the position that chose the circuit; else the sum of its edges."""
    wiring = run.circuit.wiring
    own = run.node_scores
    node_scores = run.scores.node_scores() if own is None else own
    at = means_at(node_scores, run.circuit.selection.get("position"))
    scores = np.full((wiring.n_layers, wiring.n_heads), np.nan)
    place = {head(layer, index): (layer, index) for layer, index in np.ndindex(scores.shape)}
    for part, mean, is_measured in zip(node_scores.components, at.means, at.measured, strict=True):
        if part in place and is_measured:
            scores[place[part]] = mean / _gap(run)
    is_in = np.zeros(scores.shape, dtype=np.bool_)
    for part in run.circuit.heads:
        is_in[place[part]] = True
    is_summed = own is None or own.provenance.method == run.scores.provenance.method
    position = "" if at.position == "all" else f" at {at.position}"
    return HeadGrid(label, scores, is_in, "signed sums of all outgoing edges" if is_summed else f"effects{position}")


def _stages(plan: ReusePlan) -> Drawing | str:
    return stages_of(plan.runs)


def stages_of(runs: Mapping[str, Run]) -> Drawing | str:
    """The heads that each stage of a search found, of runs by what these are called; or why there are none."""
    searched = {label: run.summary["path_stages"]["stages"] for label, run in runs.items() if _is_staged(run)}
    if not searched:
        return "no run was searched in stages (--method staged-path-patching)"
    tasks = {
        label: {row["finds"]: [entry["head"] for entry in row["heads"]] for row in rows}
        for label, rows in searched.items()
    }
    stages = tuple(dict.fromkeys(stage for found in tasks.values() for stage in found))
    notes = tuple(
        f"{label}: stage {row['finds']} went by {row['through']} in place of {', '.join(row['asked'])}."
        for label, rows in searched.items()
        for row in rows
        if row["through"] is not None
    )
    shown = StageColumns(stages, tasks, subtitle_of(runs.values()), notes)
    return of_one_layout(draw_stage_columns, shown)


def _is_staged(run: Run) -> bool:
    return "path_stages" in run.summary


def _repair(plan: ReusePlan) -> Drawing | str:
    if plan.repair is None:
        return "no repair is given (--repair FOLDER)"
    bars = tuple(map(_repair_bar, plan.repair["rows"]))
    asked = plan.repair["settings"]
    edits = "; ".join(edit["edit"] for edit in plan.repair["edits"])
    shown = Repair(bars, plan.repair["chance"], f"{asked['task']}, {asked['model']}; {edits}")
    return of_one_layout(draw_repair, shown)


def _repair_bar(row: Mapping[str, Any]) -> RepairBar:
    drawn = row.get("random", {}).get("accuracy")
    low, high = row["accuracy_interval"]
    return RepairBar(
        ", ".join(row["heads"]) or "plain model",
        row["accuracy"],
        (low, high),
        None if drawn is None else (drawn["range"][0], drawn["range"][1]),
        row["new_mistakes"] if row["heads"] else None,
        row["is_chosen"],
    )


PANELS: Mapping[str, tuple[str, Callable[[ReusePlan], Drawing | str]]] = {
    "transfer": ("What each circuit does on the other tasks, and what they share", _transfer),
    "sets": ("Circuits made of several", _sets),
    "curve": ("Overlap at every size", _curves),
    "clusters": ("Clusters of tasks", _trees),
    "heads": ("Heads by task", _heads),
    "stages": ("Heads by stage", _stages),
    "repair": ("Repair", _repair),
}
