"""Circuits and comparisons as plain values: what JSON holds, and what files of other formats are rebuilt from.

Every document carries the name and the version of its format. Readers accept their own and older versions.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, fields
from typing import Any

import numpy as np

from circuits.components import Component, Edge, Wiring
from circuits.scores import Provenance
from graphs.circuit_graph import CircuitEdge, CircuitGraph, CircuitNode
from graphs.comparison.comparison import Comparison
from graphs.comparison.curve import SweepPoint
from graphs.comparison.diff import Changes, diff
from graphs.comparison.overlap import Overlap
from graphs.comparison.reuse import Reuse
from graphs.export.typed import typed
from graphs.node_sums import EdgeSum, sum_names
from graphs.prompt_use import PromptUse
from graphs.roles.label import RoleLabel
from graphs.selection import current_settings

CIRCUIT_FORMAT, COMPARISON_FORMAT = "circuit-graph", "circuit-comparison"
VERSION = 3  # of circuits
_SINCE_SUMS = 3  # since which nodes hold the sums of their edges
COMPARISON_VERSION = 3  # since which overlaps hold measures, nulls and parts
Number = float | None
_VERSIONS = {CIRCUIT_FORMAT: VERSION, COMPARISON_FORMAT: COMPARISON_VERSION}


def circuit_document(graph: CircuitGraph) -> dict[str, Any]:
    """A circuit as mappings, lists, text and numbers; None for what was not measured."""
    return {
        "format": CIRCUIT_FORMAT,
        "version": VERSION,
        "wiring": asdict(graph.wiring),
        "n_edges": graph.n_edges,
        "of_edges": graph.of_edges,
        "selection": dict(graph.selection),
        "threshold": graph.threshold,
        "faithfulness": graph.faithfulness,
        "metrics": dict(graph.metrics),
        "provenance": _provenance_document(graph.provenance),
        "node_provenance": _provenance_document(graph.node_provenance),
        "left_out": dict(graph.left_out),
        "reason": graph.reason,
        "tied_out": dict(graph.tied_out),
        **({} if graph.prompts is None else {"prompts": graph.prompts.as_dict()}),
        **({} if graph.called is None else {"called": graph.called}),
        "nodes": [node_document(node, graph) for node in graph.nodes],
        "edges": [edge_document(item, graph) for item in graph.edges],
    }


def node_document(node: CircuitNode, graph: CircuitGraph) -> dict[str, Any]:
    """A node of a circuit as plain values; what its score is follows from the circuit's provenance."""
    part = node.component
    identity = {"name": node.name, "kind": part.kind, "layer": part.layer, "index": part.index}
    # Only head coding gives heads groups: files of other circuits stay as they were.
    group = {} if node.group is None else {"group": node.group}
    scored = {"score": node.score, "low": node.low, "high": node.high, "score_is": graph.score_is(node)}
    labels = {"labels": [asdict(label) for label in node.labels]} if node.labels else {}
    sums: dict[str, Any] = dict.fromkeys(sum_names(graph.wiring, part) if node.sums else ())
    sums |= {one.name: {"score": one.score, "low": one.low, "high": one.high} for one in node.sums}
    return {**identity, **scored, "sums": sums, "role": node.role, **labels, **group}


def _node_from(node: Mapping[str, Any], wiring: Wiring, *, has_sums: bool) -> CircuitNode:
    role, group = typed(str | None, node["role"], "role"), typed(int | None, node.get("group"), "group")
    labels = typed(tuple[RoleLabel, ...], node.get("labels", ()), "labels")
    part = Component.parse(node["name"])
    sums = tuple(_sums_from(node, sum_names(wiring, part))) if has_sums else ()
    return CircuitNode(part, *_score_from(node), role=role, labels=labels, group=group, sums=sums)


def _sums_from(node: Mapping[str, Any], names: Sequence[str]) -> Iterator[EdgeSum]:
    """The sums that were measured; of a node with any, the others are None."""
    sums = typed(dict[str, Any], node["sums"], "sums")
    if sums and [*sums] != [*names]:
        raise ValueError(f"sums of {node['name']} are {', '.join(sums)}; expected {', '.join(names) or 'none'}")
    for name, values in sums.items():
        if values is not None:
            score, low, high = _score_from({"name": f"{name} of {node['name']}", **values})
            if score is None:
                raise ValueError(f"{name} of {node['name']} has no score, but an interval")
            yield EdgeSum(name, score, low, high)


def _score_from(part: Mapping[str, Any]) -> tuple[Number, Number, Number]:
    """The score of a node or an edge and its interval; by hand, as circuits have many."""
    score, low, high = part["score"], part["low"], part["high"]
    if not all(one is None or type(one) in (int, float) for one in (score, low, high)):
        raise ValueError(f"the score of {part['name']} is {score!r} from {low!r} to {high!r}, expected numbers")
    return score, low, high


def edge_document(item: CircuitEdge, graph: CircuitGraph) -> dict[str, Any]:
    """An edge of a circuit as plain values, likewise."""
    ends = {"source": str(item.edge.source), "target": str(item.edge.target), "port": item.edge.port}
    scored = {"score": item.score, "low": item.low, "high": item.high, "score_is": graph.score_is(item)}
    return {"name": item.name, **ends, **scored}


def circuit_from_document(document: Mapping[str, Any], *, source: str) -> CircuitGraph:
    """Inverse of `circuit_document`. ValueError, naming `source`, if that is not one."""
    require_format(document, CIRCUIT_FORMAT, source=source)
    with _named_faults(source, CIRCUIT_FORMAT):
        wiring, has_sums = typed(Wiring, document["wiring"], "wiring"), document["version"] >= _SINCE_SUMS
        graph = CircuitGraph(
            wiring=wiring,
            nodes=tuple(_node_from(node, wiring, has_sums=has_sums) for node in document["nodes"]),
            edges=tuple(CircuitEdge(Edge.parse(edge["name"]), *_score_from(edge)) for edge in document["edges"]),
            selection=current_settings(typed(dict[str, Any], document["selection"], "selection")),
            threshold=typed(Number, document["threshold"], "threshold"),
            faithfulness=typed(Number, document["faithfulness"], "faithfulness"),
            metrics=typed(dict[str, float], document["metrics"], "metrics"),
            provenance=typed(Provenance | None, document["provenance"], "provenance"),
            node_provenance=typed(Provenance | None, document["node_provenance"], "node_provenance"),
            left_out=typed(dict[str, str], document["left_out"], "left_out"),
            reason=typed(str | None, document["reason"], "reason"),
            tied_out=typed(dict[str, int], document.get("tied_out", {}), "tied_out"),  # not kept in version 1
            prompts=typed(PromptUse | None, document.get("prompts"), "prompts"),
            called=typed(str | None, document.get("called"), "called"),
        )
        for name in ("n_edges", "of_edges"):
            if (stored := typed(int, document.get(name, getattr(graph, name)), name)) != getattr(graph, name):
                raise ValueError(f"{name} is {stored}, and there are {getattr(graph, name)}")
        typed(str, graph.selection["name"], "selection.name")
        return graph


def comparison_document(comparison: Comparison) -> dict[str, Any]:
    """A comparison as plain values, both circuits included."""
    reuse = comparison.reuse
    sorts = {sort: _overlap_document(getattr(reuse, sort)) for sort in ("heads", "nodes", "edges")}
    return {
        "format": COMPARISON_FORMAT,
        "version": COMPARISON_VERSION,
        "labels": list(comparison.labels),
        "reuse": {
            **sorts,
            "stages": [{"name": name, **_overlap_document(overlap)} for name, overlap in reuse.stages],
            "sweep": [asdict(point) for point in reuse.sweep],
            "resamples": reuse.resamples,
            "fewer": list(reuse.fewer),
        },
        "diff": {
            "nodes": _changes_document(comparison.diff.nodes),
            "edges": _changes_document(comparison.diff.edges),
        },
        "a": circuit_document(comparison.a),
        "b": circuit_document(comparison.b),
    }


def comparison_from_document(document: Mapping[str, Any], *, source: str) -> Comparison:
    """Inverse of `comparison_document`; what follows from the two circuits alone is recomputed."""
    require_format(document, COMPARISON_FORMAT, source=source)
    with _named_faults(source, COMPARISON_FORMAT):
        a = circuit_from_document(document["a"], source=source)
        b = circuit_from_document(document["b"], source=source)
        stored = document["reuse"]
        if document["version"] < COMPARISON_VERSION:
            stored = _before_levels(stored)
        stages = typed(list[dict[str, Any]], stored["stages"], "stages")
        reuse = Reuse(
            heads=_overlap_from(stored["heads"]),
            nodes=_overlap_from(stored["nodes"]),
            edges=_overlap_from(stored["edges"]),
            stages=tuple((stage["name"], _overlap_from(stage)) for stage in stages),
            sweep=typed(tuple[SweepPoint, ...], stored["sweep"], "sweep"),
            resamples=typed(int, stored["resamples"], "resamples"),
            fewer=typed(tuple[str, ...], stored["fewer"], "fewer"),
        )
        # whether the two may be compared was settled when the comparison was made
        return Comparison(a, b, diff(a, b, across_models=True), reuse)


def require_format(document: Mapping[str, Any], expected: str, *, source: str) -> None:
    """ValueError unless the document has the expected format, in a version that this code can read."""
    name = document.get("format") if isinstance(document, Mapping) else None
    if name != expected:
        raise ValueError(f"{source}: its format is {name!r}, expected {expected!r}. Is it the right file?")
    version, newest = document.get("version"), _VERSIONS[expected]
    if not isinstance(version, int) or isinstance(version, bool) or not 1 <= version <= newest:
        raise ValueError(
            f"{source}: {expected} version {version!r}; this release reads versions up to {newest}. "
            "Upgrade circuit-workbench, or export the file again with this release."
        )


def plain_number(value: Any) -> int | float | bool:
    """A numpy number as Python's, for `json.dumps(default=...)`. TypeError for what no document may hold."""
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{value!r} ({type(value).__name__}) cannot be exported: use text, numbers, lists or mappings.")


@contextmanager
def _named_faults(source: str, expected: str) -> Iterator[None]:
    try:
        yield
    except KeyError as error:
        raise ValueError(f"{source}: not a whole {expected} file, {error} is missing. Export it again.") from error
    except (TypeError, AttributeError, IndexError) as error:
        raise ValueError(f"{source}: not a valid {expected} file ({error}). Export it again.") from error
    except ValueError as error:
        if str(error).startswith(source):
            raise
        raise ValueError(f"{source}: not a valid {expected} file: {error}") from error


def _provenance_document(provenance: Provenance | None) -> dict[str, Any] | None:
    return None if provenance is None else asdict(provenance)


def _overlap_document(overlap: Overlap) -> dict[str, Any]:
    derived = {"n_shared": overlap.n_shared, "iou": overlap.iou, "of_a": overlap.of_a, "of_b": overlap.of_b}
    return {**derived, **asdict(overlap)}


def _overlap_from(document: Mapping[str, Any]) -> Overlap:
    """An overlap, without what follows from it."""
    return typed(Overlap, {field.name: document[field.name] for field in fields(Overlap)}, "overlap")


def _before_levels(stored: Mapping[str, Any]) -> dict[str, Any]:
    """What versions 1 and 2 kept of an overlap. Their correlation of heads was of sums without sign: it is left out."""
    added = {
        "common": None,
        "interval": None,
        "measures": {},
        "scores_are": None,
        "chances": [],
        "index": None,
        "parts": [],
    }
    levels = {name: added | {"least_p_value": 0.0} | stored[name] for name in ("heads", "nodes", "edges")}
    levels["heads"] |= {"interval": stored["heads_interval"]}
    levels["edges"] |= {"measures": {"spearman": stored["edge_rank_correlation"]}}
    return {**levels, "stages": [], "sweep": stored["sweep"], "resamples": 0, "fewer": []}


def _changes_document(changes: Changes) -> dict[str, Any]:
    return {
        "kept": list(changes.kept),
        "gained": list(changes.gained),
        "lost": list(changes.lost),
        "rescored": [item._asdict() for item in changes.rescored],
    }
