"""Circuits brought to parts that all of them tell apart."""

from __future__ import annotations

from collections.abc import Sequence

from graphs.circuit_graph import CircuitGraph


def in_common_parts(graphs: Sequence[CircuitGraph]) -> tuple[CircuitGraph, ...]:
    """The circuits; where some have the attention of a layer as one part, as those of causal traces, all by layer.

    >>> from circuits import Edge, Wiring
    >>> from graphs import CircuitGraph
    >>> from graphs.comparison.common_parts import in_common_parts
    >>> wiring = Wiring(n_layers=1, n_heads=2, n_kv_heads=2)
    >>> of_heads = CircuitGraph.from_edges(wiring, map(Edge.parse, ("input->a0.h1<v>", "a0.h1->logits")))
    >>> [[edge.name for edge in graph.edges] for graph in in_common_parts([of_heads, of_heads.by_layer()])]
    [['input->a0', 'a0->logits'], ['input->a0', 'a0->logits']]
    >>> in_common_parts([of_heads, of_heads]) == (of_heads, of_heads)
    True
    """
    if len({graph.wiring.joins_heads for graph in graphs}) > 1:
        return tuple(graph.by_layer() for graph in graphs)
    return tuple(graphs)
