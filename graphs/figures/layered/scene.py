"""What a drawing of one or several circuits consists of, before anything has a place: boxes, and lines between them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

from circuits.cached import cached_property
from circuits.components import INPUT, LOGITS, Component, Edge, Wiring
from circuits.kinds import PORTS, Port
from graphs.circuit_graph import CircuitGraph, components_of

BARS = (str(INPUT), str(LOGITS))


class Box(NamedTuple):
    """One box: a component, or several merged.

    name    as in files, and what lines call it
    label   what is written on it; `short` where its layer stands beside it
    parts   the components that it stands for, as they run
    rank    boxes of one rank run together and stand in one row, lower ranks first
    ports   the inputs that have places of their own on its side
    role    what its heads do, where that is known
    size    the largest |score| of its parts in any circuit; 0 where none was measured
    """

    name: str
    label: str
    short: str
    parts: tuple[Component, ...]
    rank: tuple[float, int]
    ports: tuple[Port, ...] = ()
    role: str | None = None
    size: float = 0.0

    @property
    def is_bar(self) -> bool:
        """Whether it is `input` or `logits`, which are as long as the drawing is wide."""
        return self.name in BARS

    @property
    def is_mlp(self) -> bool:
        return all(part.in_mlp for part in self.parts)

    @property
    def is_attention(self) -> bool:
        return all(part.in_attention for part in self.parts)

    @property
    def layers(self) -> tuple[int, int] | None:
        """The first and the last layer of its parts; None of `input` and `logits`."""
        layers = [part.layer for part in self.parts if part.layer is not None]
        return (min(layers), max(layers)) if layers else None


class Line(NamedTuple):
    """One line: an edge, or several merged.

    scores  of every circuit, summed over its edges; None where it has none here, or none was measured
    counts  how many edges of every circuit it stands for
    edge    what it is, where it is one
    """

    source: str
    target: str
    port: Port | None
    scores: tuple[float | None, ...]
    counts: tuple[int, ...]
    edge: Edge | None = None

    @property
    def name(self) -> str:
        """As edges are called in files."""
        return f"{self.source}->{self.target}" + (f"<{self.port}>" if self.port else "")

    @property
    def size(self) -> float:
        """The largest |score| in any circuit; 0 where none was measured."""
        return max((abs(score) for score in self.scores if score is not None), default=0.0)


@dataclass(frozen=True)
class Scene:
    """Boxes and lines of circuits that are drawn on one another.

    boxes       by name, as they run
    lines       in wiring order
    serves      key-value head -> the heads beside it that it serves
    wiring      in which every line is an edge; None where boxes were merged
    has_layers  whether boxes stand by their layers
    """

    boxes: Mapping[str, Box]
    lines: tuple[Line, ...]
    serves: Mapping[str, tuple[str, ...]]
    wiring: Wiring | None = None
    has_layers: bool = True

    @cached_property
    def ranked_by(self) -> Literal["score", "count", "ends"] | None:
        """What tells strong lines from weak ones: their scores, else how many edges they stand for, else the scores of
        what they connect; None where nothing does."""
        if any(line.size > 0 for line in self.lines):
            return "score"
        if any(max(line.counts) > 1 for line in self.lines):
            return "count"
        return "ends" if any(box.size > 0 for box in self.boxes.values()) else None

    @cached_property
    def sizes(self) -> list[float]:
        """Of every line, the number by which lines are ranked; that of ends is the smaller of both."""
        if self.ranked_by == "score":
            return [line.size for line in self.lines]
        if self.ranked_by == "ends":
            of = {name: math.inf if box.is_bar else box.size for name, box in self.boxes.items()}
            largest = max(box.size for box in self.boxes.values())
            return [min(of[line.source], of[line.target], largest) for line in self.lines]
        return [float(max(line.counts)) for line in self.lines]

    def with_lines(self, lines: Sequence[Line]) -> Scene:
        """The same with some of its lines, and the boxes that these connect."""
        used = {name for line in lines for name in (line.source, line.target)}
        serves = {
            group: kept for group, heads in self.serves.items() if group in used and (kept := _within(heads, used))
        }
        boxes = {name: box for name, box in self.boxes.items() if name in used}
        return replace(self, boxes=boxes, lines=tuple(lines), serves=serves)


def scene_of(graphs: Sequence[CircuitGraph]) -> Scene:
    """All that the circuits consist of. They are of one model, or of models of one wiring."""
    items = [{item.edge: item for item in graph.edges} for graph in graphs]
    edges = list(items[0])
    if others := {edge for side in items[1:] for edge in side} - items[0].keys():
        edges = sorted([*edges, *others], key=graphs[0].wiring.edge_index)
    parts = components_of(edges)
    names = {part: str(part) for part in parts}
    found = ([side.get(edge) for side in items] for edge in edges)
    lines = [
        Line(
            names[edge.source],
            names[edge.target],
            edge.port,
            tuple(None if item is None else item.score for item in own),
            tuple(int(item is not None) for item in own),
            edge,
        )
        for edge, own in zip(edges, found, strict=True)
    ]
    roles = {node.component: node.role for graph in reversed(graphs) for node in graph.nodes if node.role is not None}
    sizes: dict[Component, float] = {}
    for node in (node for graph in graphs for node in graph.nodes):
        sizes[node.component] = max(sizes.get(node.component, 0.0), abs(node.score or 0.0))
    boxes = {names[part]: _box(part, graphs[0].wiring, roles.get(part))._replace(size=sizes[part]) for part in parts}
    pairs = dict.fromkeys(pair for graph in graphs for pair in graph.group_edges)
    serves: dict[str, list[str]] = {}
    for group, head in sorted(pairs, key=lambda pair: (pair[0].order, pair[1].order)):
        serves.setdefault(str(group), []).append(str(head))
    return Scene(boxes, tuple(lines), {group: tuple(heads) for group, heads in serves.items()}, graphs[0].wiring)


def _box(part: Component, wiring: Wiring, role: str | None) -> Box:
    name = str(part)
    short = name.partition(".")[2] or name
    own: tuple[Port, ...] = tuple(
        port for port in PORTS if port in part.ports and wiring.reader_of(part, port).component == part
    )
    return Box(name, name, short, (part,), part.row, own, role)


def _within(heads: Sequence[str], names: set[str]) -> tuple[str, ...]:
    return tuple(head for head in heads if head in names)
