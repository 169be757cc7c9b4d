"""A discovered circuit as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.table import Table

from pipelines.engine.progress import duration
from pipelines.reporting.tables import _console, _with_interval

if TYPE_CHECKING:
    from graphs import CircuitEdge, CircuitGraph, CircuitNode
    from pipelines.runs.run import Computed


_STRONGEST = 8


def print_run(discovery: Computed[Any]) -> None:
    """The findings of a run, its strongest edges or components, and where they are kept."""
    run, summary = discovery.run, discovery.run.summary
    metric, circuit = summary["metric"], summary["circuit"]
    table = Table(title=run.name, title_justify="left", show_header=False)
    table.add_row("task, model, method", f"{summary['task']}, {summary['model']}, {summary['method']}")
    table.add_row("prompts", str(summary["n_prompts"]))
    chance = "" if summary["chance"] is None else f"; chance {summary['chance']:.1%}"
    table.add_row("answer above wrong ones", _with_interval(summary, "accuracy", ".1%") + chance)
    table.add_row("answer above all tokens", _with_interval(summary, "top1", ".1%"))
    if "coding" in summary:
        coding = summary["coding"]
        table.add_row(
            f"above all, {coding['n_negatives']} negatives", _with_interval(coding, "accuracy_negatives", ".1%")
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


def _scored(part: CircuitNode | CircuitEdge) -> str:
    return f"{part.score:+.3f} [{part.low:+.3f}, {part.high:+.3f}]  {part.name}"
