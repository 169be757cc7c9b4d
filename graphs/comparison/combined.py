"""Circuits made of several: their union, their core, and their consensus, as circuits that can be exported and run.

Union: edges in any circuit. Core: edges in at least m of n. Consensus: edges in more than half of them whose score has
one sign in all that hold them. Edges that then lie on no path from input to logits are dropped, and their ends named in
`left_out`. Scores are means over the circuits that hold the part; there are none where the circuits' metrics differ.
They have no interval: circuits are no sample.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

import numpy as np

from circuits.arrays import Bools
from circuits.scores import Provenance
from graphs.circuit_graph import CircuitEdge, CircuitGraph, CircuitNode, require_comparable
from graphs.node_sums import SUMS, EdgeSum

# Names of their selections.
UNION, CORE, CONSENSUS = "union", "core", "consensus"


def union_of(graphs: Sequence[CircuitGraph], *, across_models: bool = False) -> CircuitGraph:
    """The edges in any of the circuits. ValueError for none, or of different models.

    >>> from circuits import Edge, Wiring
    >>> from graphs import CircuitGraph, union_of
    >>> wiring = Wiring(n_layers=2, n_heads=2, n_kv_heads=2)
    >>> first, second = (
    ...     CircuitGraph.from_edges(wiring, map(Edge.parse, names))
    ...     for names in (("input->logits",), ("input->m0", "m0->logits"))
    ... )
    >>> [edge.name for edge in union_of([first, second]).edges]
    ['input->m0', 'input->logits', 'm0->logits']
    """
    counts = _counts(graphs, across_models)
    return _combined(graphs, counts >= 1, {"name": UNION, "of": len(graphs)})


def core_of(graphs: Sequence[CircuitGraph], least: int, *, across_models: bool = False) -> CircuitGraph:
    """The edges in at least `least` of the circuits. ValueError for a number that there is not.

    >>> from circuits import Edge, Wiring
    >>> from graphs import CircuitGraph, core_of
    >>> wiring = Wiring(n_layers=2, n_heads=2, n_kv_heads=2)
    >>> first, second = (
    ...     CircuitGraph.from_edges(wiring, map(Edge.parse, names))
    ...     for names in (("input->logits",), ("input->m0", "m0->logits", "input->logits"))
    ... )
    >>> [edge.name for edge in core_of([first, second], 2).edges]
    ['input->logits']
    """
    counts = _counts(graphs, across_models)
    if not 1 <= least <= len(graphs):
        raise ValueError(f"a core of edges in {least} of {len(graphs)} circuits: give 1 to {len(graphs)}.")
    return _combined(graphs, counts >= least, {"name": CORE, "in_at_least": least, "of": len(graphs)})


def consensus_of(graphs: Sequence[CircuitGraph], *, across_models: bool = False) -> CircuitGraph:
    """The edges in more than half of the circuits whose score has one sign in all that hold them.

    An edge without a score, or with a score of 0, has no sign that could differ.

    >>> from circuits import Edge, Wiring
    >>> from graphs import CircuitGraph, consensus_of
    >>> wiring = Wiring(n_layers=2, n_heads=2, n_kv_heads=2)
    >>> lists = (("input->logits",), ("input->logits",), ("input->m0", "m0->logits"))
    >>> consensus = consensus_of([CircuitGraph.from_edges(wiring, map(Edge.parse, names)) for names in lists])
    >>> [edge.name for edge in consensus.edges]
    ['input->logits']
    """
    counts = _counts(graphs, across_models)
    signs = np.zeros((2, len(counts)), dtype=np.bool_)
    wiring = graphs[0].wiring
    for graph in graphs:
        for item in graph.edges:
            if item.score:
                signs[int(item.score > 0), wiring.edge_index(item.edge)] = True
    agreed = (2 * counts > len(graphs)) & ~signs.all(axis=0)
    return _combined(graphs, agreed, {"name": CONSENSUS, "of": len(graphs)})


def is_combined(graph: CircuitGraph) -> bool:
    """Whether a circuit was made of several by one of these functions, not chosen from scores."""
    return graph.selection.get("name") in (UNION, CORE, CONSENSUS)


def _counts(graphs: Sequence[CircuitGraph], across_models: bool) -> np.ndarray:
    """[edge] in how many of the circuits it is."""
    if not graphs:
        raise ValueError("no circuit was given, so there is nothing to combine: give one or more.")
    for other in graphs[1:]:
        require_comparable(graphs[0], other, across_models=across_models)
    return np.sum([graph.edge_mask for graph in graphs], axis=0)


def _combined(graphs: Sequence[CircuitGraph], chosen: Bools, selection: Mapping[str, Any]) -> CircuitGraph:
    wiring, origins = graphs[0].wiring, [graph.provenance for graph in graphs]
    edges = [wiring.edges[number] for number in np.flatnonzero(chosen)]
    bare = CircuitGraph.from_edges(wiring, edges, provenance=_joined(origins))
    of_edges = _means(graphs, lambda graph: ((item.name, item.score) for item in graph.edges))
    node_origins = [graph.node_provenance for graph in graphs]
    sums = {name: _means(graphs, lambda graph, name=name: _sums_called(name, graph)) for name in SUMS}
    # Effects of components and sums of edges are no numbers to average.
    is_alike = len({graph.scores_components for graph in graphs}) == 1
    of_nodes = _means(graphs if is_alike else (), lambda graph: ((node.name, node.score) for node in graph.nodes))

    def node_of(node: CircuitNode) -> CircuitNode:
        own = tuple(EdgeSum(name, values[node.name]) for name, values in sums.items() if node.name in values)
        return CircuitNode(node.component, of_nodes.get(node.name), sums=own)

    return replace(
        bare,
        edges=tuple(CircuitEdge(item.edge, of_edges.get(item.name)) for item in bare.edges),
        nodes=tuple(map(node_of, bare.nodes)),
        selection=dict(selection),
        node_provenance=_joined(node_origins),
        reason=None if bare.edges else f"no edges of the {selection['name']} make a path from input to logits.",
    )


def _sums_called(name: str, graph: CircuitGraph) -> Iterator[tuple[str, float]]:
    return ((node.name, one.score) for node in graph.nodes for one in node.sums if one.name == name)


def _means(graphs: Sequence[CircuitGraph], scored: Callable[[CircuitGraph], Any]) -> dict[str, float]:
    """Part -> mean score over the circuits that hold it and measured it; empty where their metrics differ."""
    if len({graph.provenance and graph.provenance.metric for graph in graphs}) > 1:
        return {}
    values: dict[str, list[float]] = {}
    for graph in graphs:
        for name, score in scored(graph):
            if score is not None:
                values.setdefault(name, []).append(score)
    return {name: float(np.mean(of_part)) for name, of_part in values.items()}


def _joined(origins: Sequence[Provenance | None]) -> Provenance | None:
    """Where the circuits came from: what they have in common as it is, other texts in a row; None if any is unknown."""
    known = [origin for origin in origins if origin is not None]
    if not known or len(known) < len(origins):
        return None
    first = known[0]
    changes: dict[str, Any] = {}
    for entry in fields(Provenance):
        values = [getattr(origin, entry.name) for origin in known]
        if any(value != values[0] for value in values):
            is_text = entry.name != "scores_are" and isinstance(values[0], str)
            nothing: Any = {} if entry.name in ("settings", "versions") else None
            changes[entry.name] = " + ".join(dict.fromkeys(values)) if is_text else nothing
    return replace(first, **changes)
