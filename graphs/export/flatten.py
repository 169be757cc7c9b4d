"""One flattening step for every format that knows only text and plain numbers: string ids, Python scalars, no None.

Nested values (selection, provenance, ...) become JSON text. `unflatten` rebuilds the circuit.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from circuits.components import Component, Edge, Wiring
from graphs.circuit_graph import CircuitEdge, CircuitGraph, CircuitNode
from graphs.comparison.comparison import Comparison
from graphs.export.document import (
    CIRCUIT_FORMAT,
    COMPARISON_FORMAT,
    COMPARISON_VERSION,
    circuit_document,
    circuit_from_document,
    edge_document,
    node_document,
    plain_number,
    require_format,
)
from graphs.export.looks import edge_looks, node_looks
from graphs.node_sums import SUMS, sum_names

if TYPE_CHECKING:
    import networkx as nx

_NESTED = ("wiring", "selection", "metrics", "provenance", "node_provenance", "left_out", "tied_out", "prompts")
_OPTIONAL = ("threshold", "faithfulness", "provenance", "node_provenance", "reason")
_SCORES = ("score", "low", "high")
_OF_ONE_SIDE = (*_SCORES, "score_is", "measured_by")


def flatten(subject: CircuitGraph | Comparison, command: str | None = None) -> nx.MultiDiGraph:
    """The circuit, or the union of both, as a graph of plain values; edges are keyed by their name.

    A comparison's nodes and edges carry `membership` (shared, only_a, only_b), and `score_a` and `score_b` with their
    intervals, methods and what they are (`low_a`, `high_a`, `measured_by_a`, `score_is_a`, ...). Nodes have the place
    (x, y, in inches) and the color of the drawing, edges a color, a width of line in points, and a weight, which is the
    size of their score (1 where that was not measured). `measured_by` is the method whose score it is, `head` the
    number of a head within its layer. `command` makes the subject again.
    """
    flat = _flat_comparison(subject) if isinstance(subject, Comparison) else _flat_circuit(subject)
    for name, look in node_looks(subject).items():
        flat.nodes[name].update(look._asdict())
    looks = edge_looks(subject)
    for *_, key, data in flat.edges(keys=True, data=True):
        if key in looks:
            data.update(looks[key]._asdict())
    if command is not None:
        flat.graph["command"] = command
    return flat


def unflatten(flat: nx.MultiDiGraph, *, source: str) -> CircuitGraph:
    """The circuit that was flattened. ValueError, naming `source`, if that was not a circuit."""
    values = dict(flat.graph)
    require_format(values, CIRCUIT_FORMAT, source=source)
    nodes = [{**dict.fromkeys((*_SCORES, "role")), **data, "name": name} for name, data in flat.nodes(data=True)]
    edges = [{**dict.fromkeys(_SCORES), **data} for *_, data in flat.edges(data=True) if data.get("kind") == "edge"]
    try:
        nodes = [node | ({"labels": json.loads(node["labels"])} if "labels" in node else {}) for node in nodes]
        nested = {key: json.loads(values[key]) for key in _NESTED if key in values}
        wiring = Wiring(**nested["wiring"])
        nodes = [node | {"sums": _sums_of(node, wiring)} for node in nodes]
        edges.sort(key=lambda edge: wiring.edge_index(Edge.parse(edge["name"])))
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{source}: not a whole circuit-graph file ({error}). Export it again.") from None
    return circuit_from_document(
        {**dict.fromkeys(_OPTIONAL), **values, **nested, "nodes": nodes, "edges": edges}, source=source
    )


def _flat_circuit(graph: CircuitGraph) -> nx.MultiDiGraph:
    import networkx

    document = circuit_document(graph)
    flat = networkx.MultiDiGraph(**_plain(document | {"nodes": None, "edges": None}))
    for node in graph.nodes:
        flat.add_node(node.name, **_without_name(_node_values(node, graph)))
    for item in graph.edges:
        _add_edge(flat, _edge_values(item, graph) | {"kind": "edge"})
    _add_groups(flat, graph)
    return flat


def _flat_comparison(comparison: Comparison) -> nx.MultiDiGraph:
    import networkx

    long = ("sweep", "shared_heads", "head_parts", "levels")
    summary = {key: value for key, value in comparison.reuse.summary().items() if key not in long}
    labels = {"label_a": comparison.labels[0], "label_b": comparison.labels[1]}
    about = {"description_a": comparison.a.description, "description_b": comparison.b.description}
    flat = networkx.MultiDiGraph(
        **_plain({"format": COMPARISON_FORMAT, "version": COMPARISON_VERSION, **labels, **about, **summary})
    )
    sides = (comparison.a, comparison.b)
    documents = [
        {item.name: _node_values(item, side) for item in side.nodes}
        | {item.name: _edge_values(item, side) for item in side.edges}
        for side in sides
    ]
    # Groups are numbered anew in every circuit.
    left_out = (*_OF_ONE_SIDE, "group", "sums")
    for name, membership in comparison.node_membership().items():
        flat.add_node(name, **_without_name(_of_both(name, documents, left_out) | {"membership": membership}))
    for name, membership in comparison.edge_membership().items():
        about = {"kind": "edge", "membership": membership}
        _add_edge(flat, _of_both(name, documents, left_out) | about)
    for side in sides:
        _add_groups(flat, side)
    return flat


def _node_values(node: CircuitNode, graph: CircuitGraph) -> dict[str, Any]:
    head = node.component.index if node.component.is_head else None
    return node_document(node, graph) | {"head": head, "measured_by": _method_of(node, graph)}


def _edge_values(item: CircuitEdge, graph: CircuitGraph) -> dict[str, Any]:
    return edge_document(item, graph) | {"measured_by": _method_of(item, graph)}


def _method_of(item: CircuitNode | CircuitEdge, graph: CircuitGraph) -> str | None:
    source = graph.source_of(item)
    return None if source is None else source.method


def _of_both(name: str, documents: Sequence[Mapping[str, Any]], left_out: Collection[str]) -> dict[str, Any]:
    """What either circuit says about a node or an edge, and the score that it has in each."""
    about = next(document[name] for document in documents if name in document)
    scored = {
        f"{key}_{side}": document.get(name, {}).get(key)
        for key in _OF_ONE_SIDE
        for side, document in zip("ab", documents, strict=True)
    }
    return {key: value for key, value in about.items() if key not in left_out} | scored


def _add_edge(flat: nx.MultiDiGraph, edge: Mapping[str, Any]) -> None:
    ends = ("source", "target")
    flat.add_edge(
        edge["source"], edge["target"], key=edge["name"], **_plain({k: v for k, v in edge.items() if k not in ends})
    )


def _add_groups(flat: nx.MultiDiGraph, graph: CircuitGraph) -> None:
    """A key-value head leads on to the heads it serves."""
    for group, served in graph.group_edges:
        flat.add_edge(str(group), str(served), key=f"{group}->{served}", kind="group")


def _without_name(node: Mapping[str, Any]) -> dict[str, Any]:
    """A node without its name, its sums one by one: `outgoing`, `outgoing_low`, `outgoing_high`, ..."""
    sums = {
        name if key == "score" else f"{name}_{key}": value
        for name, one in node.get("sums", {}).items()
        if one is not None
        for key, value in one.items()
    }
    return _plain({key: value for key, value in node.items() if key not in ("name", "sums")} | sums)


def _sums_of(data: Mapping[str, Any], wiring: Wiring) -> dict[str, dict[str, Any] | None]:
    """The sums of a flat node, None for those that were not measured; none where it has none of them."""
    sums = {
        name: {"score": data[name], "low": data.get(f"{name}_low"), "high": data.get(f"{name}_high")}
        for name in SUMS
        if name in data
    }
    return {**dict.fromkeys(sum_names(wiring, Component.parse(data["name"]))), **sums} if sums else {}


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """Python scalars and text only; None is dropped, mappings and lists become JSON."""
    return {key: _scalar(value) for key, value in values.items() if value is not None}


def _scalar(value: Any) -> str | int | float | bool:
    # Before Python's own: a double of numpy is a float of Python too.
    if isinstance(value, np.generic):
        return plain_number(value)
    if isinstance(value, str | int | float | bool):
        return value
    return json.dumps(value, allow_nan=False, default=plain_number)
