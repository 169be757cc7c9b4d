"""Where nodes stand and what colors parts have in files that other programs draw: as in the drawings here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from circuits.components import Component
from graphs.circuit_graph import CircuitGraph, components_of
from graphs.comparison.comparison import Comparison
from graphs.figures.circuit import MEMBERSHIP_COLORS, PORT_COLORS, edge_width, links_of, node_fills, strengths_of
from graphs.figures.layout import place


class NodeLook(NamedTuple):
    """x and y in inches from the bottom left, and the color of the box."""

    x: float
    y: float
    color: str


class EdgeLook(NamedTuple):
    """The color of the line, its width in points, and the size of the score (1 where none was measured)."""

    color: str
    width: float
    weight: float


def node_looks(subject: CircuitGraph | Comparison) -> Mapping[str, NodeLook]:
    """The look of every node by its name."""
    if isinstance(subject, Comparison):
        sides = (subject.b, subject.a)
        edges = {item.name: item for side in sides for item in side.edges}
        groups = tuple(dict.fromkeys((*subject.a.group_edges, *subject.b.group_edges)))
        membership = subject.node_membership()
        colors = {name: MEMBERSHIP_COLORS[kind] for name, kind in membership.items()}
    else:
        edges, groups = {item.name: item for item in subject.edges}, subject.group_edges
        colors = {str(part): color for part, color in node_fills(subject).items()}
    items = list(edges.values())
    parts: list[Component] = components_of(item.edge for item in items)
    links = links_of([item.edge for item in items], strengths_of(items), groups)
    return {str(part): NodeLook(*centers, colors[str(part)]) for part, centers in place(parts, links).centers.items()}


def edge_looks(subject: CircuitGraph | Comparison) -> Mapping[str, EdgeLook]:
    """The look of every edge by its name."""
    if isinstance(subject, Comparison):
        membership = subject.edge_membership()
        sides = [edge_looks(side) for side in (subject.b, subject.a)]
        merged = {name: look for side in sides for name, look in side.items()}
        return {name: look._replace(color=MEMBERSHIP_COLORS[membership[name]]) for name, look in merged.items()}
    return {
        item.name: EdgeLook(
            PORT_COLORS[item.edge.port], edge_width(strength), 1.0 if item.score is None else abs(item.score)
        )
        for item, strength in zip(subject.edges, strengths_of(subject.edges), strict=True)
    }
