"""MIB: circuits as EAP-IG and the MIB benchmark keep them, written and read."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import numpy as np

from circuits.components import Component
from circuits.mib_file import MibCircuit, mib_circuit, mib_document, parse_mib
from circuits.scores import ALL_POSITIONS, NOT_RECORDED, ComponentScores, EdgeScores, Provenance, Scores
from graphs.circuit_graph import GIVEN, CircuitGraph
from graphs.comparison.comparison import Comparison
from graphs.export.about import MARK, about_text
from graphs.export.base import NotedExport, Written
from graphs.export.document import plain_number
from graphs.selection import Threshold
from graphs.selection.base import keep


class MibExport(NotedExport):
    """Every edge that was scored or is in the circuit, with its mean score, and every node; one circuit a file.

    Nodes have scores where components were scored themselves. What the loaders of those tools pass over: `about`, which
    says where the circuit came from.
    """

    name: ClassVar[str] = "mib"
    summary: ClassVar[str] = "for EAP-IG and the MIB benchmark; read back as their circuits are"
    extension: ClassVar[str] = "mib.json"

    def written(
        self, subject: CircuitGraph | Comparison, *, scores: Sequence[Scores] = (), command: str | None = None
    ) -> Written:
        if isinstance(subject, Comparison):
            raise ValueError("a MIB file holds one circuit, and this is a comparison of two: export each run.")
        circuit = mib_document(_mib_of(subject, scores))
        edges = circuit["edges"].values()
        n_own = sum(edge["in_graph"] for edge in edges)
        split = f", which are the {subject.n_edges:,} of the circuit by single head" if n_own != subject.n_edges else ""
        note = f"Written: {len(edges):,} edges, in the circuit or not. in_graph is true in {n_own:,} of them{split}."
        document = circuit | {"about": f"{MARK}: {about_text(subject, command)}"}
        data = f"{json.dumps(document, indent=1, allow_nan=False, default=plain_number)}\n".encode()
        return Written(data, (note,))


def mib_graph(data: bytes, *, source: str) -> tuple[CircuitGraph, EdgeScores]:
    """The circuit in a file, and the scores of all edges in it; nodes have the sums of their edges as scores, or those
    that the file gives them.

    ValueError, naming `source`, for a damaged file, and for one whose circuit has no edge.
    """
    try:
        document = parse_mib(data)
    except ValueError as error:
        raise ValueError(f"{source}: {error}.") from None
    circuit = mib_circuit(document, source=source)
    circuit.require_edges()
    scores = EdgeScores(circuit.wiring, circuit.scores[None], circuit.measured, _provenance(source, "circuit-file"))
    selected = keep(Threshold(0.0), scores, np.flatnonzero(circuit.in_circuit))
    chosen = replace(selected, selection={"name": GIVEN}, threshold=None, chosen_by=source)
    return CircuitGraph.from_scores(scores, chosen, node_scores=_node_scores(circuit)), scores


def _provenance(source: str, method: str) -> Provenance:
    """Where scores of a file came from: it does not say."""
    path = Path(source)
    return Provenance(method, {"file": path.name}, NOT_RECORDED, NOT_RECORDED, "", path.stem, "", scores_are="given")


def _node_scores(circuit: MibCircuit) -> ComponentScores | None:
    if not circuit.node_scores:
        return None
    values = np.array([*circuit.node_scores.values()])[None, None]
    provenance = _provenance(circuit.source, "circuit-file (nodes)")
    measured = np.ones(values.shape, dtype=np.bool_)
    return ComponentScores(circuit.wiring, (*circuit.node_scores,), (ALL_POSITIONS,), values, measured, provenance)


def _mib_of(graph: CircuitGraph, tables: Sequence[Scores]) -> MibCircuit:
    """What a circuit and the scores it was chosen from say of every edge and node."""
    scores, measured = np.zeros(graph.of_edges), np.zeros(graph.of_edges, dtype=np.bool_)
    nodes: dict[Component, float] = {}
    for table in tables:
        if table.wiring != graph.wiring:
            raise ValueError(
                f"scores of {table.wiring.shape}, circuit of {graph.wiring.shape}: give the scores it came from."
            )
        if isinstance(table, EdgeScores):
            measured |= table.measured
            scores[table.measured] = table.means[table.measured]
    for number, item in zip(np.flatnonzero(graph.edge_mask), graph.edges, strict=True):
        if item.score is not None:
            scores[number], measured[number] = item.score, True
    if graph.scores_components:
        nodes = {node.component: node.score for node in graph.nodes if node.score is not None}
    return MibCircuit("the circuit", graph.wiring, scores, measured, graph.edge_mask, nodes)
