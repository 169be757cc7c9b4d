"""A discovered circuit: how it was found, and what it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from circuits.citations import MUELLER_2025, Citation
from graphs.circuit_graph import CircuitGraph
from graphs.export import caption, exporter
from graphs.figures.canvas import DrawingFormat
from graphs.figures.chosen_by import circuit_chosen_by
from graphs.figures.layered.drawing import composed
from graphs.figures.size_curve import size_figure_bytes
from pipelines.discover.figures import size_curves, tells_something
from pipelines.discover.run import DiscoverRun
from pipelines.discover.sizes_tried import larger_sizes
from pipelines.discover.strongest_heads import score_in_words, strongest_heads
from pipelines.report import methods
from pipelines.report.chapters.base import Chapter, name_of_figure, settings_of
from pipelines.reporting.document import Figure, Piece, Text
from pipelines.reporting.document.pieces import cite
from pipelines.reporting.paper.table import PaperTable
from pipelines.reporting.tables import Column, measured
from pipelines.runs.origin import command_that_made

_FAITHFULNESS = (
    "Faithfulness was the share of the metric's difference between the clean run and the run with every part ablated "
    "that was left when all edges outside of the circuit were ablated: 1 for the whole model, 0 for the empty circuit."
)


def read(run: DiscoverRun) -> Chapter:
    """The chapter of a run."""
    summary, config, graph = run.summary, run.config, run.circuit
    scored = {name: one for name, one in (("Components", graph.node_provenance), ("Edges", graph.provenance)) if one}
    first = next(iter(scored.values()))
    has_curve = "curve" in summary
    return Chapter(
        name=run.name,
        title=f"{summary['task']} in {summary['model']}, by {summary['method']}",
        subject=f"the circuit of {summary['task']} in {summary['model']}",
        methods={
            "Model": [methods.model_sentence(graph.wiring, first)],
            "Prompts": [*methods.prompt_sentences(config, summary), methods.halves_sentence(summary, "the circuit")],
            "Metric": [methods.metric_sentence(config, summary)],
            "Scores": [text for of, one in scored.items() for text in methods.score_sentences(one, of=of)],
            "Circuits": [*_chosen(run)],
            "Faithfulness": [_FAITHFULNESS, *([_CURVE] if has_curve else [])],
            "Statistics": [methods.INTERVALS],
        },
        cites=[*_cited(run), *([MUELLER_2025] if has_curve else [])],
        results=[*_results(run)],
        limits=[*(f"{summary['task']}: {text}" for text in summary["warnings"])],
        command=command_that_made(run),
        settings=settings_of(run),
        versions=first.versions,
        row=summary
        | {
            "n_judging": _n_judging(run),
            "n_edges": graph.n_edges,
            "of_edges": graph.of_edges,
            "n_heads": len(graph.heads),
        },
    )


def _n_judging(run: DiscoverRun) -> int:
    """How many prompts gave the circuit its faithfulness: not those that chose it, where others judge."""
    use = run.circuit.prompts
    return run.summary["n_prompts"] if use is None else use.judging


def _cited(run: DiscoverRun) -> Iterator[Citation]:
    for provenance in filter(None, (run.circuit.node_provenance, run.circuit.provenance)):
        yield from methods.cited_by(run.config, provenance)


_CURVE = (
    "CPR is the area under the faithfulness of circuits of growing size, CMD that between 1 and it"
    f"{cite((MUELLER_2025,))}."
)


def _chosen(run: DiscoverRun) -> Iterator[str]:
    """How the circuit and its size were chosen."""
    graph, choice = run.circuit, run.summary["choice"]
    chosen = circuit_chosen_by(graph.selection, graph.metrics, graph.threshold)
    rule = chosen.removeprefix("chosen: ").removeprefix("chosen ")
    n = choice["n_runs"]
    yield (
        f"The circuit of `{run.summary['task']}` was chosen so: {rule}. Parts were ranked by "
        f"{_RANKED[choice['ranking']]}; {n} {'circuit was' if n == 1 else 'circuits were'} run."
    )


_RANKED: Mapping[str, str] = {"signed": "signed score", "absolute": "magnitude"}


def _results(run: DiscoverRun) -> Iterator[Piece]:
    summary, graph = run.summary, run.circuit
    yield Text(f"{_upper(graph.description)}.")
    if graph.edges:
        yield Figure(name_of_figure(run, "circuit"), caption(graph, composed(graph)), _drawing(graph, run))
    if (heads := _head_table(run)) is not None:
        yield heads
    if tells_something(summary) or larger_sizes(summary["choice"]) is not None:
        curves = size_curves(summary, bound=1 - run.config.tolerance)
        yield Figure(
            name_of_figure(run, "sizes"),
            f"Faithfulness of circuits of `{summary['task']}` over their size, with 95 % intervals over prompts.",
            lambda kind: size_figure_bytes(curves, kind),
        )


def _drawing(graph: CircuitGraph, run: DiscoverRun) -> Any:
    command = command_that_made(run)

    def draw(kind: DrawingFormat) -> bytes:
        return exporter(kind).to_bytes(graph, command=command)

    return draw


def _head_table(run: DiscoverRun) -> PaperTable | None:
    """The strongest heads with their scores; None where no head has one."""
    roles = {node.name: node.role for node in run.circuit.nodes}
    rows = [row | {"role": roles[row["head"]]} for row in strongest_heads(run.circuit)]
    if not rows:
        return None
    return PaperTable(
        title=f"The strongest heads of the circuit of {run.summary['task']}",
        label=[Column("head"), *([Column("role")] if any(row["role"] for row in rows) else [])],
        columns=[measured("score", interval="interval"), *_of_circuit(rows)],
        rows=rows,
        intervals="95 % intervals over prompts",
        notes=[f"Scores: {score_in_words(rows[0])}."],
    )


def _of_circuit(rows: Sequence[Mapping[str, Any]]) -> list[Column]:
    """What the edges in the circuit add to scores that are sums over all edges; nothing where they are no sums."""
    has_sums = any(row["of_circuit"] is not None for row in rows)
    return [Column("edges in the circuit", "of_circuit", ".3f")] if has_sums else []


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]
