"""A discovered circuit as a table."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from circuits.intervals import Share
from pipelines.reporting.tables import UNDEFINED, brackets, print_facts, print_line, with_interval

if TYPE_CHECKING:
    from graphs import CircuitEdge, CircuitGraph, CircuitNode
    from pipelines.discover.report import Discovery

_STRONGEST = 8


def print_discovery(discovery: Discovery) -> None:
    """The findings of a run, and its strongest edges or components."""
    print_facts(discovery.run.name, _facts(discovery))
    sampled = discovery.findings.sampled
    over = "prompts" if sampled is None else f"prompts; {sampled}"
    print_line(f"In brackets: 95 % intervals, Wilson's of shares answered correctly, else t over {over}.")


def _facts(discovery: Discovery) -> Iterator[tuple[str, str]]:
    run, summary = discovery.run, discovery.summary
    metric, circuit = summary["metric"], summary["circuit"]
    yield "task, model, method", f"{summary['task']}, {summary['model']}, {summary['method']}"
    yield "prompts", str(summary["n_prompts"])
    chance = "" if summary["chance"] is None else f"; chance {summary['chance']:.1%}"
    yield "answer above wrong ones", with_interval(summary, "accuracy", ".1%") + chance
    yield "answer above all tokens", with_interval(summary, "top1", ".1%")
    for name, fact in discovery.findings.facts:
        yield name, fact if isinstance(fact, str) else _share(fact)
    for label in ("clean", "corrupt", "circuit"):
        shown = summary["ablation"].partition("(")[0] if label == "corrupt" else label
        yield f"{metric['name']}, {shown}", with_interval(metric, label, ".3f")
    yield "circuit", f"{circuit['n_edges']:,} of {circuit['of_edges']:,} edges; heads: {circuit['n_heads']}"
    yield "faithfulness", with_interval(summary, "faithfulness", ".3f")
    if "curve" in summary:
        curve = summary["curve"]
        yield "curve", f"CPR {curve['cpr']:.3f}, CMD {curve['cmd']:.3f}, edges ranked by {curve['ranked_by']}"
    for kind, members in (("components", run.graph.nodes), ("edges", run.graph.edges)):
        scored = sorted(
            (member for member in members if member.score is not None), key=lambda member: -abs(member.score or 0)
        )
        if scored:
            by = _other_method(run.graph) if kind == "edges" else ""
            yield f"strongest {kind}{by}", "\n".join(_scored(member) for member in scored[:_STRONGEST])


def _share(share: Share | None) -> str:
    return UNDEFINED if share is None else f"{share.value:.1%} {brackets(share.interval(), '.1%')}"


def _other_method(graph: CircuitGraph) -> str:
    """` (eap)` where the edges of a circuit of components were scored by a different method."""
    nodes, edges = graph.node_provenance, graph.provenance
    return f" ({edges.method})" if nodes and edges and nodes.method != edges.method else ""


def _scored(part: CircuitNode | CircuitEdge) -> str:
    return f"{part.score:+.3f} {brackets((part.low, part.high), '+.3f')}  {part.name}"
