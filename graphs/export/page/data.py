"""What a page holds, as plain values: everything that it shows is computed here, and the browser only filters it.

Edges are columns, one entry per edge, in wiring order; nodes are rows, in the order in which they run. A number that
was not measured is None. Effects of prompts are 32-bit floats in base64, edge by edge.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from circuits.kinds import PORTS
from circuits.scores import EdgeScores
from graphs.annotations import Annotations
from graphs.circuit_graph import CircuitGraph, CircuitNode
from graphs.comparison.comparison import Comparison
from graphs.export.about import about_lines, circuit_facts, fact_text
from graphs.export.looks import places_of
from graphs.export.page.extras import CircuitExtras, Curve, PageExtras
from graphs.export.page.shared import shared_table
from graphs.figures.layered.looks import node_effects, strengths_of
from graphs.figures.layered.places import Places, least_extent
from graphs.figures.layered.scene import Scene, scene_of
from graphs.figures.layered.settings import DrawingSettings
from graphs.figures.layered.sheet import extents_of
from graphs.figures.sizes import SIZES
from graphs.figures.subtitle import subtitle_of, subtitle_of_several
from graphs.recovery_table import KINDS, TraceTable

FORMAT = {"format": "circuit-workbench-page", "version": 1}
MOST_EFFECTS = 1_000_000  # numbers of single prompts in a page, 5 MB; the strongest edges have theirs
_ALL_AT_FIRST = 300  # edges; of more, a page begins with this many of the strongest
_ACROSS, _ALONG = 116.0, 124.0  # pixels per inch of the layout
_TALL, _TIGHT, _WIDEST = 14, 0.68, 2.4  # rows of a tall circuit; its rows are nearer, by this, and it is drawn wider
_BESIDE, _WORDS = 0.8, 2.6  # inches of a figure beside its boxes, and of the words around them
_OF_PAPER = ("--size", "--font", "--orientation", "--bundle", "--collapse")
_LARGEST = 60  # inches of a figure

Subject = CircuitGraph | Comparison | Sequence[CircuitGraph]


def page_data(subject: Subject, extras: PageExtras | None = None) -> dict[str, Any]:
    """Everything that a page of a circuit, of a comparison or of several circuits shows."""
    extras = extras or PageExtras()
    graphs, labels = _circuits(subject, extras)
    scene = scene_of(graphs)
    of_circuits = [*extras.circuits, *[CircuitExtras()] * (len(graphs) - len(extras.circuits))]
    strengths = [strengths_of([abs(line.scores[side] or 0.0) for line in scene.lines]) for side in range(len(graphs))]
    number = {name: index for index, name in enumerate(scene.boxes)}
    return {
        **FORMAT,
        "title": " and ".join(labels) if len(graphs) > 1 else graphs[0].label,
        "subtitle": subtitle_of(graphs[0]) if len(graphs) == 1 else subtitle_of_several(graphs, labels),
        "reference": extras.reference,
        "beside": list(extras.beside),
        "roles_in": list(extras.roles_in),
        "drawing_size": _drawing_size(scene),
        "ranked_by": scene.ranked_by,
        "ports": [port for port in PORTS if any(line.port == port for line in scene.lines)],
        "first": _first_settings(extras.settings, scene),
        "annotations": _annotations(extras.settings, scene),
        "circuits": [
            _circuit(graph, label, own, scene) for graph, label, own in zip(graphs, labels, of_circuits, strict=True)
        ],
        "nodes": _nodes(graphs, scene),
        "shared": None if isinstance(subject, CircuitGraph) else shared_table(subject, labels),
        "serves": [[number[group], number[head]] for group, heads in scene.serves.items() for head in heads],
        "edges": {
            "source": [number[line.source] for line in scene.lines],
            "target": [number[line.target] for line in scene.lines],
            "port": [line.port for line in scene.lines],
            "strength": [round(max(of_line), 4) for of_line in zip(*strengths, strict=True)],
            "circuits": [_edges(graph, side, scene) for side, graph in enumerate(graphs)],
        },
        "about": _about(graphs, labels, extras),
    }


def _circuits(subject: Subject, extras: PageExtras) -> tuple[list[CircuitGraph], list[str]]:
    if isinstance(subject, CircuitGraph):
        graphs, labels = [subject], [subject.label]
    elif isinstance(subject, Comparison):
        graphs, labels = [subject.a, subject.b], [*subject.labels]
    else:
        graphs, labels = [*subject], [graph.label for graph in subject]
    for number, own in enumerate(extras.circuits):
        labels[number] = own.label or labels[number]
    return graphs, labels


def _circuit(graph: CircuitGraph, label: str, extras: CircuitExtras, scene: Scene) -> dict[str, Any]:
    names = {line.name: index for index, line in enumerate(scene.lines)}
    low, high = (graph.metrics.get(f"faithfulness_{end}") for end in ("low", "high"))
    metric = None if graph.provenance is None else graph.provenance.metric
    held_out = graph.prompts is not None and graph.prompts.is_held_out
    own = {item.name for item in graph.edges}
    return {
        "label": label,
        "n_edges": graph.n_edges,
        "of_edges": graph.of_edges,
        "n_nodes": len(graph.nodes),
        "description": graph.description,
        "reason": graph.reason,
        "metric": metric,
        "prompts_used": None if graph.prompts is None else graph.prompts.in_words(),
        "node_scores_are": "effect" if graph.scores_components else "sum",
        "faithfulness": None
        if graph.faithfulness is None
        else {
            "value": graph.faithfulness,
            "low": low,
            "high": high,
            "prompts": "held-out prompts" if held_out else "the prompts that chose",
        },
        "measured": [
            {"value": part.value, "low": part.low, "high": part.high, "prompts": part.prompts}
            | {"edges": sorted(names[name] for name in part.edges)}
            for part in extras.measured
            if part.edges <= own
        ],
        "curves": [_curve(curve) for curve in extras.curves],
        "effects": None if extras.scores is None else _effects(extras.scores, graph, scene),
        "prompts": [prompt._asdict() for prompt in extras.prompts],
        "readings": {head: [one._asdict() for one in own] for head, own in extras.readings.items()},
        "patterns": {head: [pattern._asdict() for pattern in own] for head, own in extras.patterns.items()},
        "codes": {head: [code._asdict() for code in own] for head, own in extras.codes.items()},
        "traces": [_trace(table) for table in extras.trace],
        "unmeasured": dict(extras.unmeasured),
        "left_out": dict(graph.left_out),
    }


def _curve(curve: Curve) -> dict[str, Any]:
    return {"title": curve.title, "points": [list(point) for point in curve.points]}


def _nodes(graphs: Sequence[CircuitGraph], scene: Scene) -> list[dict[str, Any]]:
    """Every box with its place, and what each circuit says of it."""
    places = places_of(scene)
    # Tall circuits are drawn wider and their rows nearer, as screens are wide: boxes are as large as ever.
    along = _ALONG * max(_TIGHT, min(1.0, _TALL / max(1, len(places.rows))))
    stretch = min(_WIDEST, max(1.0, places.length * along / (places.across * _ACROSS)))
    middles = _middles_of_units(scene, places)
    of_graphs = [{node.name: node for node in graph.nodes} for graph in graphs]
    effects = [node_effects(graph) for graph in graphs]
    rows = []
    for name, box in scene.boxes.items():
        part, (low, high) = box.parts[0], places.spans[name]
        middle = middles.get(name, places.middle(name))
        own, limit = effects[0]
        effect = round(own[part] / limit, 4) if len(graphs) == 1 and part in own else None
        rows.append(
            {
                "name": name,
                "short": box.short,
                "kind": part.kind,
                "layer": part.layer,
                "row": _row_of(name, places.rows),
                "x": round((middle * stretch + places.middle(name) - middle) * _ACROSS, 1),
                "y": round(-places.along[name] * along, 1),
                "width": round((high - low) * _ACROSS * (stretch if box.is_bar else 1.0), 1),
                "role": box.role,
                "is_mlp": box.is_mlp,
                "is_attention": box.is_attention,
                "is_bar": box.is_bar,
                "size": box.size,
                "effect": effect,
                "circuits": [
                    None if (node := of_graph.get(name)) is None else _node(node, graph)
                    for of_graph, graph in zip(of_graphs, graphs, strict=True)
                ],
            }
        )
    return rows


def _middles_of_units(scene: Scene, places: Places) -> dict[str, float]:
    """Of key-value heads and the heads that they serve, the middle of all: they keep touching in a wider drawing."""
    units = [(group, *heads) for group, heads in scene.serves.items()]
    ends = [[end for name in unit for end in places.spans[name]] for unit in units]
    return {name: (min(own) + max(own)) / 2 for unit, own in zip(units, ends, strict=True) for name in unit}


def _row_of(name: str, rows: Sequence[Sequence[str]]) -> int:
    return next(number for number, row in enumerate(rows) if name in row)


def _node(node: CircuitNode, graph: CircuitGraph) -> dict[str, Any]:
    source = graph.source_of(node)
    return {
        "score": node.score,
        "low": node.low,
        "high": node.high,
        "score_is": graph.score_is(node),
        "method": None if source is None else source.method,
        "role": node.role,
        "group": node.group,
        "sums": [asdict(one) for one in node.sums],
        "labels": [asdict(label) for label in node.labels],
    }


def _edges(graph: CircuitGraph, side: int, scene: Scene) -> dict[str, Any]:
    """The columns of one circuit; None where it has no such edge, or the edge no score."""
    own = {item.name: item for item in graph.edges}
    items = [own.get(line.name) for line in scene.lines]
    scored = next((item for item in graph.edges if item.score is not None), None)
    return {
        "has": [line.counts[side] for line in scene.lines],
        **{key: [None if item is None else getattr(item, key) for item in items] for key in ("score", "low", "high")},
        "score_is": None if scored is None else graph.score_is(scored),
    }


def _effects(scores: EdgeScores, graph: CircuitGraph, scene: Scene) -> dict[str, Any] | None:
    """The scores of every prompt, of as many edges as a page holds; None where the edges were not measured."""
    if scores.wiring != graph.wiring:
        return None
    index = {line.name: number for number, line in enumerate(scene.lines)}
    measured = [item for item in graph.edges if item.score is not None and scores.measured[_number(item, graph)]]
    strongest = sorted(measured, key=lambda item: -abs(item.score or 0.0))[: MOST_EFFECTS // max(1, scores.n_prompts)]
    if not strongest:
        return None
    kept = sorted(strongest, key=lambda item: index[item.name])
    values = scores.per_prompt[:, [_number(item, graph) for item in kept]].T.astype("<f4")
    return {
        "n_prompts": scores.n_prompts,
        "n_left_out": len(measured) - len(kept),
        "edges": [index[item.name] for item in kept],
        "values": base64.b64encode(np.ascontiguousarray(values).tobytes()).decode("ascii"),
    }


def _number(item: Any, graph: CircuitGraph) -> int:
    return graph.wiring.edge_index(item.edge)


def _trace(table: TraceTable) -> dict[str, Any]:
    def numbers(values: np.ndarray) -> list[list[float | None]]:
        return [[float(value) if math.isfinite(value) else None for value in row] for row in values]

    return {
        "title": table.title,
        "subtitle": table.subtitle,
        "notes": list(table.notes),
        "measure": table.measure,
        "positions": list(table.names),
        "kinds": [
            {
                "name": KINDS[kind],
                "values": numbers(table.values[kind]),
                "low": numbers(table.low[kind]),
                "high": numbers(table.high[kind]),
            }
            for kind in table.kinds
        ],
    }


def require_settings(settings: DrawingSettings) -> None:
    """Raise a ValueError for settings of paper, which a page does not have."""
    if foreign := [option for option in settings.given if option in _OF_PAPER]:
        raise ValueError(
            f"{', '.join(foreign)}: a page is as large as its window, and groups are made on it. Leave "
            f"{'it' if len(foreign) == 1 else 'them'} out; --top, --min-score, --heads-only, --layers, --role, --port "
            "and --only say what it shows at first."
        )


def _first_settings(settings: DrawingSettings, scene: Scene) -> dict[str, Any]:
    """What the page filters by when it is opened. ValueError for settings of paper, which it does not have."""
    require_settings(settings)
    asked = settings.top is not None or settings.min_score is not None or settings.is_filtered
    top = (
        _ALL_AT_FIRST
        if not asked and scene.ranked_by is not None and len(scene.lines) > _ALL_AT_FIRST
        else settings.top
    )
    return {
        "top": top,
        "min_score": settings.min_score,
        "heads_only": settings.heads_only,
        "layers": None if settings.layers is None else list(settings.layers),
        "roles": list(settings.roles),
        "ports": list(settings.ports),
        "only": settings.only,
    }


def _annotations(settings: DrawingSettings, scene: Scene) -> dict[str, Any]:
    """Those that the page begins with."""
    annotations = settings.annotations or Annotations()
    annotations.require_nodes(scene.boxes)
    return annotations.as_json()


def _drawing_size(scene: Scene) -> str | None:
    """The size of a drawing that holds all of it, for the command that draws it; None where the usual one does."""
    if not scene.lines:
        return None
    size = SIZES["page"]
    extents = extents_of(scene, {name: box.short for name, box in scene.boxes.items()}, size, is_right=False)
    across, along = least_extent(scene, extents)
    if across + _BESIDE <= size.width and along + _WORDS <= size.height:
        return None
    # Some room to spare: with fewer edges, heads and MLPs of a layer may stand in one row, which is longer.
    width, height = math.ceil(1.2 * across + _BESIDE), math.ceil(1.2 * along + _WORDS)
    width, height = max(width, math.ceil(size.width)), max(height, math.ceil(size.height))
    return f"{width}x{height}" if max(width, height) <= _LARGEST else None


def _about(graphs: Sequence[CircuitGraph], labels: Sequence[str], extras: PageExtras) -> dict[str, Any]:
    facts = [
        {"label": label, "facts": [[name, fact_text(value)] for name, value in about_lines(circuit_facts(graph))]}
        for graph, label in zip(graphs, labels, strict=True)
    ]
    return {"command": extras.command, "circuits": facts, "facts": [[k, fact_text(v)] for k, v in extras.facts.items()]}
