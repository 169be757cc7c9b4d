"""Cytoscape JSON (CYJS): for Cytoscape and cytoscape.js, which open it as drawn."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, ClassVar

from circuits.scores import Scores
from graphs.circuit_graph import CircuitGraph
from graphs.comparison.comparison import Comparison
from graphs.export.about import MARK, about_text
from graphs.export.base import Export
from graphs.export.flatten import flatten

_SPREAD = 100  # Cytoscape's units per inch; its y grows downwards


class CytoscapeExport(Export):
    """Elements with `data` and `position`; `data` of the network says where it came from.

    `value` and `key`, and what the graph is, are for `networkx.cytoscape_graph`, which needs them.
    """

    name: ClassVar[str] = "cytoscape"
    summary: ClassVar[str] = "for Cytoscape and cytoscape.js, with positions and colors"
    extension: ClassVar[str] = "cyjs"
    also: ClassVar[tuple[str, ...]] = ("json",)

    def to_bytes(
        self, subject: CircuitGraph | Comparison, *, scores: Sequence[Scores] = (), command: str | None = None
    ) -> bytes:
        flat = flatten(subject, command)
        nodes: list[dict[str, Any]] = []
        for name, data in flat.nodes(data=True):
            place = {"x": _SPREAD * data.pop("x"), "y": -_SPREAD * data.pop("y")}
            nodes.append({"data": {"id": name, "name": name, "value": name, **data}, "position": place})
        edges = [
            {"data": {"id": key, "key": key, "source": source, "target": target, **data}}
            for source, target, key, data in flat.edges(keys=True, data=True)
        ]
        network = {"name": subject.label if isinstance(subject, CircuitGraph) else " and ".join(subject.labels)}
        network["about"] = f"{MARK}: {about_text(subject, command)}"
        document = {
            "format_version": "1.0",
            "generated_by": MARK,
            "target_cytoscapejs_version": "~3",
            "directed": True,
            "multigraph": True,
            "data": network,
            "elements": {"nodes": nodes, "edges": edges},
        }
        return (json.dumps(document, indent=1, allow_nan=False, ensure_ascii=False) + "\n").encode()
