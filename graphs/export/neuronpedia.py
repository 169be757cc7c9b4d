"""Neuronpedia: the attribution graph that its viewer and circuit-tracer share.

That format is of features at the tokens of one prompt; a circuit is of components, over all positions of many prompts.
What it forces:

- One token, `(all positions)`: every node stands there, at its own layer; `input` at E, `logits` above the last.
- One link between two nodes: the sum over its ports. What a key-value head reads goes to the heads that it serves
  within the circuit, in equal shares, so that sums over incoming links stay.
- A weight for every link: edges without a score add 0, and a link that has none at all says `"measured": false`.
- A probability in the label of the logit: there is one logit, which is the metric, with all of it (`p=1.000`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

from circuits.components import INPUT, LOGITS, Component
from circuits.scores import Scores
from graphs.circuit_graph import CircuitGraph, CircuitNode
from graphs.comparison.comparison import Comparison
from graphs.export.about import MARK, about_text
from graphs.export.base import NotedExport, Written
from graphs.export.document import plain_number

_TOKEN = "(all positions)"


class NeuronpediaExport(NotedExport):
    """Nodes with label, layer and role; links with their weight. Heads with a role are pinned, grouped by it."""

    name: ClassVar[str] = "neuronpedia"
    summary: ClassVar[str] = "an attribution graph for Neuronpedia's viewer; ports summed, no positions"
    extension: ClassVar[str] = "neuronpedia.json"

    def written(
        self, subject: CircuitGraph | Comparison, *, scores: Sequence[Scores] = (), command: str | None = None
    ) -> Written:
        if isinstance(subject, Comparison):
            raise ValueError("an attribution graph is of one circuit, and this is a comparison: export each run.")
        if all(item.score is None for item in subject.edges):
            why = (subject.reason or "its edges were not measured").removesuffix(".")
            instead = " Export a run whose method scores edges." if subject.edges else ""
            raise ValueError(
                f"links of an attribution graph are weighted by scores, and this circuit has none: {why}.{instead}"
            )
        nodes = [_node(node, subject) for node in subject.nodes if not node.component.is_key_value_head]
        document = {
            "metadata": _metadata(subject, command),
            "qParams": _view(subject),
            "nodes": nodes,
            "links": (links := [*_links(subject)]),
        }
        note = (
            f"Written: {len(nodes):,} nodes and {len(links):,} links for {len(subject.nodes):,} nodes and "
            f"{subject.n_edges:,} edges: a link sums the inputs of a head, and key-value heads are in those they serve."
        )
        data = (json.dumps(document, indent=1, allow_nan=False, default=plain_number) + "\n").encode()
        return Written(data, (note,) if (len(nodes), len(links)) != (len(subject.nodes), subject.n_edges) else ())


def _metadata(graph: CircuitGraph, command: str | None) -> dict[str, Any]:
    source = graph.provenance
    slug = re.sub(r"[^a-z0-9]+", "-", f"{graph.label}-{graph.method or ''}".lower()).strip("-")
    return {
        "slug": slug or "circuit",
        "scan": "unknown" if source is None else source.model,
        "prompt_tokens": [_TOKEN],
        "prompt": f"{graph.label} ({graph.description})",
        "info": {
            "description": f"{MARK}: {about_text(graph, command)}",
            "generator": {"name": MARK},
        },
        "generation_settings": {} if source is None else {"method": source.method, **source.settings},
        "pruning_settings": dict(graph.selection),
    }


def _node(node: CircuitNode, graph: CircuitGraph) -> dict[str, Any]:
    part = node.component
    layer = {INPUT: "E", LOGITS: str(graph.wiring.n_layers)}.get(part, str(part.layer))
    return {
        "node_id": node.name,
        "feature": part.index,
        "layer": layer,
        "ctx_idx": 0,
        "feature_type": _feature_type(part),
        "jsNodeId": f"{node.name}-0",
        "clerp": _label(node, graph),
    }


def _feature_type(part: Component) -> str:
    """What the viewer calls a kind of component that it knows; others have their own names."""
    if part == INPUT:
        return "embedding"
    if part == LOGITS:
        return "logit"
    return "attention head" if part.is_head else part.kind


def _label(node: CircuitNode, graph: CircuitGraph) -> str:
    """What the viewer writes beside a node; of a logit it reads the probability from there."""
    if node.component == LOGITS:
        metric = "logits" if graph.provenance is None else graph.provenance.metric
        return f'Output "{metric}" (p=1.000)'
    role = "" if node.role is None else f" {node.role}"
    return f"{node.name}{role}" + ("" if node.score is None else f", score {node.score:.3g}")


def _view(graph: CircuitGraph) -> dict[str, Any]:
    """What the viewer opens with: heads with a role pinned, one group for each."""
    roles: dict[str, list[str]] = {}
    for node in graph.nodes:
        if node.role is not None and not node.component.is_key_value_head:
            roles.setdefault(node.role, []).append(node.name)
    pinned = [name for names in roles.values() for name in names]
    return {"linkType": "both", "pinnedIds": pinned, "supernodes": [[role, *names] for role, names in roles.items()]}


def _links(graph: CircuitGraph) -> Iterator[dict[str, Any]]:
    present = {node.component for node in graph.nodes}
    weights: dict[tuple[Component, Component], float] = {}
    measured = set()
    for item in graph.edges:
        readers = [part for part in graph.wiring.writers_fed_by(item.edge.target) if part in present]
        for reader in readers:
            ends = (item.edge.source, reader)
            weights[ends] = weights.get(ends, 0.0) + (item.score or 0.0) / len(readers)
            if item.score is not None:
                measured.add(ends)
    for ends, weight in weights.items():
        link = {"source": str(ends[0]), "target": str(ends[1]), "weight": weight}
        yield link if ends in measured else link | {"measured": False}
