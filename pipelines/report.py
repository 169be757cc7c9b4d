"""Tables for people: what the commands print without `--json`."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from circuits.naming import lookup
from graphs.trace_figure import KINDS
from pipelines.progress import duration

if TYPE_CHECKING:
    from graphs import CircuitEdge, CircuitGraph, CircuitNode
    from pipelines.api import Discovery, StoredComparison

_STRONGEST = 8


def task_rows() -> list[dict[str, Any]]:
    """One row per task."""
    from circuits.tasks import IMAGE_TASKS, TASKS

    return [
        {"task": name, "what": task.summary, "corruptions": dict(task.corruptions)}
        for name, task in sorted({**TASKS, **IMAGE_TASKS}.items())
    ]


def method_rows(*names: str) -> list[dict[str, Any]]:
    """One row per method, of all or of those named, with its settings and their defaults."""
    from circuits.methods import METHODS
    from pipelines.method_settings import checked_settings

    chosen = {name: lookup(METHODS, name, "method") for name in names or sorted(METHODS)}
    return [
        {"method": name, "scores": method.result, "what": method.summary, "settings": checked_settings(name, {})}
        for name, method in chosen.items()
    ]


def print_method(name: str) -> None:
    """One method: its settings with their defaults, and its documentation."""
    from circuits.methods import METHODS, Method

    print_rows("method", method_rows(name))
    method = METHODS[name]
    for part in (method, *(base for base in method.__mro__[1:] if issubclass(base, Method) and base is not Method)):
        if "__doc__" in vars(part):
            _console().print(f"{inspect.getdoc(part)}\n", soft_wrap=True)
    module = sys.modules[method.__module__].__doc__
    _console().print(inspect.cleandoc(module or ""), soft_wrap=True)


def metric_rows() -> list[dict[str, Any]]:
    """One row per metric."""
    from circuits.metrics import METRICS

    return [{"metric": name, "what": metric.summary} for name, metric in sorted(METRICS.items())]


def ablation_rows() -> list[dict[str, Any]]:
    """One row per ablation."""
    from circuits.interventions import ABLATIONS

    return [{"ablation": name, "what": ablation.summary} for name, ablation in sorted(ABLATIONS.items())]


def model_rows() -> list[dict[str, Any]]:
    """One row per bundled model; a missing or damaged one says so."""
    from circuits.reference import BUNDLED
    from circuits.sources import find_model, source_fingerprint

    rows = []
    for name, folder in sorted(BUNDLED.items()):
        row: dict[str, Any] = {"model": name, "folder": str(folder)}
        try:
            source = find_model(name)
            size_mb = sum(file.stat().st_size for file in source.weight_files) / 1e6
            row |= {"format": source.format, "size_mb": round(size_mb, 1), "fingerprint": source_fingerprint(source)}
        except ValueError as error:
            row["problem"] = str(error)
        rows.append(row)
    return rows


def print_rows(title: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Rows as a table; a column for every key."""
    columns = list(dict.fromkeys(key for row in rows for key in row))
    table = Table(title=title, title_justify="left")
    for column in columns:
        table.add_column(column.replace("_", " "), overflow="fold")
    for row in rows:
        table.add_row(*(_cell(row.get(column, "")) for column in columns))
    _console().print(table)


def print_run(discovery: Discovery) -> None:
    """The findings of a run, its strongest edges or components, and where they are kept."""
    run, summary = discovery.run, discovery.run.summary
    metric, circuit = summary["metric"], summary["circuit"]
    table = Table(title=run.name, title_justify="left", show_header=False)
    table.add_row("task, model, method", f"{summary['task']}, {summary['model']}, {summary['method']}")
    table.add_row("prompts", str(summary["n_prompts"]))
    table.add_row("answered correctly", _with_interval(summary, "accuracy", ".1%"))
    if "coding" in summary:
        coding = summary["coding"]
        table.add_row(
            f"the same, {coding['n_negatives']} negatives", _with_interval(coding, "accuracy_negatives", ".1%")
        )
        only, chance = coding["positive_only_codes"], coding["positive_only_codes_by_chance"]
        table.add_row("codes of a head", f"{coding['codes_per_head']:.1f}, mean of {coding['trials']} trials")
        table.add_row("on positives alone", f"{only:.1f}; by chance {chance:.1f}")
    for label in ("clean", "corrupt", "circuit"):
        shown = summary["ablation"].partition("(")[0] if label == "corrupt" else label
        table.add_row(f"{metric['name']}, {shown}", _with_interval(metric, label, ".3f"))
    table.add_row("circuit", f"{circuit['n_edges']:,} of {circuit['of_edges']:,} edges; heads: {circuit['n_heads']}")
    table.add_row("faithfulness", _with_interval(summary, "faithfulness", ".3f"))
    if "curve" in summary:
        curve = summary["curve"]
        areas = f"CPR {curve['cpr']:.3f}, CMD {curve['cmd']:.3f}"
        table.add_row("curve", f"{areas}, edges ranked by {curve['ranked_by']}")
    for kind, members in (("components", run.graph.nodes), ("edges", run.graph.edges)):
        scored = sorted(
            (member for member in members if member.score is not None), key=lambda member: -abs(member.score or 0)
        )
        if scored:
            by = _other_method(run.graph) if kind == "edges" else ""
            table.add_row(f"strongest {kind}{by}", "\n".join(_scored(member) for member in scored[:_STRONGEST]))
    console = _console()
    console.print(table)
    spent = (
        f"{discovery.n_computed} of {discovery.n_jobs} jobs computed"
        if discovery.n_computed
        else "nothing new to compute"
    )
    console.print(f"{spent}, {duration(discovery.seconds)}. Kept in {run.folder}", soft_wrap=True)


def _other_method(graph: CircuitGraph) -> str:
    """` (eap)` where the edges of a circuit of components were scored by a different method."""
    nodes, edges = graph.node_provenance, graph.provenance
    return f" ({edges.method})" if nodes and edges and nodes.method != edges.method else ""


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _p(value: float | None) -> str:
    return "-" if value is None else f"{value:.2g}"


def print_comparison(stored: StoredComparison) -> None:
    """What two circuits share, and where the comparison is kept. A share of nothing is shown as a dash."""
    summary, reuse = stored.summary, stored.comparison.reuse
    is_by_layer = stored.comparison.a.wiring.joins_heads
    table = Table(title=f"{summary['a']} and {summary['b']}", title_justify="left")
    for column in ("", "A", "B", "shared", "IoU", "of A", "of B", "IoU by chance", "p"):
        table.add_column(column)
    for name in ("heads", "nodes") if is_by_layer else ("heads", "nodes", "edges"):
        overlap = getattr(reuse, name)
        numbers = [_share(value) for value in (overlap.iou, overlap.of_a, overlap.of_b, overlap.expected_iou)]
        shown = "attention" if name == "heads" and is_by_layer else name
        table.add_row(shown, str(overlap.n_a), str(overlap.n_b), str(overlap.n_shared), *numbers, _p(overlap.p_value))
    console = _console()
    console.print(table)
    what = "attention of the layers" if is_by_layer else "heads"
    console.print(f"shared {what}: {', '.join(summary['shared_heads']) or 'none'}", soft_wrap=True)
    if "head_groups" in summary:
        groups = "; ".join(", ".join(group) for group in summary["head_groups"])
        console.print(f"heads that code together on the prompts of both: {groups}", soft_wrap=True)
    if summary["head_rank_correlation"] is not None:
        console.print(f"rank correlation of the scores of {what}: {summary['head_rank_correlation']:.2f}")
    if summary["rank_correlation"] is not None:
        console.print(f"rank correlation of the edges' scores: {summary['rank_correlation']:.2f}")
    if "traces" in summary:
        _print_traces(console, summary["traces"])
    console.print(f"Kept in {stored.folder}", soft_wrap=True)


def _print_traces(console: Console, traces: Mapping[str, Any]) -> None:
    """How far two traces agree, and where they differ most."""
    known = {kind: value for kind, value in traces["rank_correlations"].items() if value is not None}
    shown = ", ".join(f"{KINDS[kind]} {value:.2f}" for kind, value in known.items())
    console.print(f"rank correlation of recovery rates: {shown or 'not defined'}", soft_wrap=True)
    console.print(
        f"recovery rates differ in {traces['cells_apart']} of {traces['cells']} cells (95 % interval of A minus B "
        f"excludes 0; by chance about {0.05 * traces['cells']:.0f}). Largest:",
        soft_wrap=True,
    )
    for row in traces["largest"]:
        ends = f"[{row['difference_low']:+.2f}, {row['difference_high']:+.2f}]"
        rates = f"{row['recovery_a']:.2f} and {row['recovery_b']:.2f}"
        console.print(f"  {row['difference']:+.2f} {ends}  {row['component']} at {row['place']}: {rates}")


def print_status(states: Sequence[Mapping[str, Any]], folder: Path) -> None:
    """The runs of a store, and how to continue those that are not finished."""
    if not states:
        _console().print(f"no runs in {folder}", soft_wrap=True)
        return
    rows = []
    for state in states:
        row = {key: state.get(key, "") for key in ("run", "task", "model", "method")}
        rows.append(row | {"jobs": f"{state.get('jobs_done', '?')}/{state.get('jobs', '?')}", "state": _state(state)})
    print_rows(f"runs in {folder}", rows)
    for state in states:
        if not state["is_finished"] and "problem" not in state:
            config = folder / state["run"] / "config.yaml"
            _console().print(f"continue: circuits {state['command']} --config {config} --out {folder}", soft_wrap=True)


def _state(state: Mapping[str, Any]) -> str:
    if "problem" in state:
        return state["problem"]
    if state["is_finished"]:
        return "finished" if not state["missing"] else "finished; some results are gone from the store"
    return f"missing: {', '.join(state['missing'][:3])}{' ...' if len(state['missing']) > 3 else ''}"


def _with_interval(values: Mapping[str, Any], name: str, spec: str) -> str:
    if values[name] is None:
        return "not defined"
    low, high = values[f"{name}_interval"]
    return f"{values[name]:{spec}} [{low:{spec}}, {high:{spec}}]"


def _scored(part: CircuitNode | CircuitEdge) -> str:
    return f"{part.score:+.3f} [{part.low:+.3f}, {part.high:+.3f}]  {part.name}"


def _cell(value: Any) -> str:
    if isinstance(value, Mapping):
        return "\n".join(f"{key}: {entry}" for key, entry in value.items())
    return str(value)


def _console() -> Console:
    return Console(markup=False, highlight=False)
