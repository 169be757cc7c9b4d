"""Where a circuit came from, in one line for figures and tables."""

from __future__ import annotations

from circuits.solved import kept_of_drawn
from graphs.circuit_graph import CircuitGraph
from graphs.figures.chosen_by import chosen_by
from graphs.flaws import flaws_of


def subtitle_of(graph: CircuitGraph) -> str:
    """`model reference · method eap · metric logit-difference · chosen: the 40 strongest edges, ...`, as far as
    recorded.

    Where the edges were scored by another method than the components, it says which.
    """
    parts = []
    if graph.provenance is not None:
        parts = [f"model {graph.provenance.model}", f"method {graph.method}", f"metric {graph.provenance.metric}"]
        if graph.provenance.ablation != "corrupt":
            parts.append(f"ablation {graph.provenance.ablation.partition('(')[0]}")
        nodes, edges = graph.scored_by["nodes"], graph.scored_by["edges"]
        if nodes and edges and nodes != edges:
            parts.append(f"edges {edges['scores_are']} by {edges['method']}")
        if graph.provenance.solved is not None:
            parts.append(f"prompts {kept_of_drawn(graph.provenance.solved)}")
    parts += [flaw.label for flaw in flaws_of(graph)]
    return " · ".join([*parts, chosen_by(graph.selection)])
