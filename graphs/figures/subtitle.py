"""Where a circuit came from, in one line for figures and tables."""

from __future__ import annotations

from collections.abc import Sequence

from circuits.solved import kept_of_drawn
from graphs.circuit_graph import CircuitGraph
from graphs.figures.chosen_by import circuit_chosen_by
from graphs.flaws import flaws_of

_SEPARATOR = " · "


def subtitle_of(graph: CircuitGraph) -> str:
    """`model reference · method eap · metric logit-difference · chosen: the 40 strongest edges, ...`, as far as
    recorded.

    Where the edges were scored by another method than the components, it says which.
    """
    return _SEPARATOR.join(_parts_of(graph))


def subtitle_of_several(graphs: Sequence[CircuitGraph], labels: Sequence[str]) -> str:
    """What holds for all of the circuits once, then what is each one's own, with its label before it."""
    parts = [_parts_of(graph) for graph in graphs]
    common = [part for part in parts[0] if all(part in others for others in parts[1:])]
    own = [_SEPARATOR.join(part for part in each if part not in common) for each in parts]
    said = dict.fromkeys(f"{label}: {text}" for label, text in zip(labels, own, strict=True) if text)
    return "  |  ".join(filter(None, (_SEPARATOR.join(common), *said)))


def _parts_of(graph: CircuitGraph) -> list[str]:
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
    return [*parts, circuit_chosen_by(graph.selection, graph.metrics, graph.threshold)]
