"""Where nodes stand and what colors parts have in files that other programs draw: as in the drawings here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from circuits.arrays import Floats
from circuits.components import Component
from graphs.circuit_graph import CircuitGraph, components_of
from graphs.comparison.comparison import Comparison
from graphs.figures.circuit import MEMBERSHIP_COLORS, PORT_COLORS, edge_width, links_of, node_fills, strengths_of
from graphs.figures.layout import Link, lay_out, place


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
        colors = {name: MEMBERSHIP_COLORS[kind] for name, kind in subject.node_membership().items()}
    else:
        colors = {str(part): color for part, color in node_fills(subject).items()}
    placed = place(*_laid(subject)[:2])
    return {str(part): NodeLook(*centers, colors[str(part)]) for part, centers in placed.centers.items()}


def edge_routes(subject: CircuitGraph | Comparison) -> Mapping[str, Floats]:
    """The points [point, 2] that every edge is led through, from its source upwards, in inches as in `NodeLook`.

    Edges have their names; one from a key-value head to a head that it serves is called `a2.kv1->a2.h3`.
    """
    parts, links, names = _laid(subject)
    return dict(zip(names, lay_out(parts, links).routes, strict=True))


def _laid(subject: CircuitGraph | Comparison) -> tuple[list[Component], list[Link], list[str]]:
    """The components that are placed, the links between them, and what these are called."""
    if isinstance(subject, Comparison):
        edges = {item.name: item for side in (subject.b, subject.a) for item in side.edges}
        groups = tuple(dict.fromkeys((*subject.a.group_edges, *subject.b.group_edges)))
    else:
        edges, groups = {item.name: item for item in subject.edges}, subject.group_edges
    items = list(edges.values())
    links = links_of([item.edge for item in items], strengths_of(items), groups)
    names = [*edges, *(f"{group}->{served}" for group, served in groups)]
    return components_of(item.edge for item in items), links, names


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
