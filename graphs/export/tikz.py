r"""TikZ: the layered drawing as a `tikzpicture` for `\input`, to be set in a paper's own fonts and changed by hand."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import pairwise
from typing import ClassVar, NamedTuple

from circuits.arrays import Floats
from circuits.components import INPUT, LOGITS, Component
from circuits.scores import Scores
from graphs.circuit_graph import CircuitEdge, CircuitGraph
from graphs.comparison.comparison import Comparison
from graphs.export.about import about_text, tex_comment
from graphs.export.base import Export
from graphs.export.latex_text import escape
from graphs.export.looks import NodeLook, edge_looks, edge_routes, node_looks
from graphs.export.paper_tables import paper_notes
from graphs.figures.canvas import INK
from graphs.figures.circuit import MEMBERSHIP_COLORS, PORT_COLORS, PORT_NAMES
from graphs.figures.layout import NODE_HEIGHT, NODE_WIDTH
from graphs.figures.page import ink_on, rgb

_BARS = (INPUT, LOGITS)
_DASHED, _ROUNDED = "dash pattern=on 3pt off 1.6pt", "rounded corners=5pt"
_STRAIGHT = 1e-4  # square inches: twice the area of three points that are one line


class TikzExport(Export):
    """Nodes where the drawing has them and in its colors, in inches; edges as lines around them, dashed if negative.

    A comment at the top says where the picture came from, and one behind every line which edge it is. The options
    `scale` and `transform shape` of the picture change its size.
    """

    name: ClassVar[str] = "tikz"
    summary: ClassVar[str] = "the layered drawing as TikZ, for \\input in a paper"
    extension: ClassVar[str] = "tikz"
    is_drawn: ClassVar[bool] = True

    def to_bytes(
        self, subject: CircuitGraph | Comparison, *, scores: Sequence[Scores] = (), command: str | None = None
    ) -> bytes:
        lines = [tex_comment(about_text(subject, command)), r"% needs \usepackage{tikz}"]
        lines += [f"% {' '.join(note.split())}" for note in paper_notes(subject)]
        lines.append(r"\begin{tikzpicture}[x=1in,y=1in,font=\fontsize{6}{7}\selectfont]")
        return "\n".join([*lines, *_picture(subject), r"\end{tikzpicture}", ""]).encode()


class _Frame(NamedTuple):
    """The sides of the drawing without its bars."""

    left: float
    right: float
    bottom: float


def _picture(subject: CircuitGraph | Comparison) -> Iterator[str]:
    places = node_looks(subject)
    if not places:
        yield r"\node {An empty circuit.};"
        return
    sides = (subject.b, subject.a) if isinstance(subject, Comparison) else (subject,)
    edges = {item.name: item for side in sides for item in side.edges}
    parts = {node.name: node.component for side in sides for node in side.nodes}
    routes, looks = edge_routes(subject), edge_looks(subject)
    frame = _frame(routes.values(), places.values())
    colors = sorted({look.color for look in places.values()} | {look.color for look in looks.values()})
    yield from (f"\\definecolor{{{_color(color)}}}{{HTML}}{{{color[1:].upper()}}}" for color in colors)
    for name in sorted(routes.keys() - edges.keys()):
        yield rf"\draw[gray,line width=.7pt,dotted,{_ROUNDED}] {_way(routes[name])}; % {name}"
    # weakest first, so that strong edges lie on top
    for name in sorted(edges, key=lambda name: looks[name].width):
        item, look = edges[name], looks[name]
        is_dashed = (item.score or 0.0) < 0 and not isinstance(subject, Comparison)
        style = f"{_color(look.color)},line width={look.width:.2f}pt,{_ROUNDED}" + (f",{_DASHED}" if is_dashed else "")
        yield rf"\draw[{style}] {_way(routes[name])}; % {name}"
    for name in sorted(places, key=lambda name: parts[name].order):
        yield _box(frame, parts[name], places[name])
    yield from _legend(frame, subject, edges.values())


def _frame(routes: Iterable[Floats], places: Collection[NodeLook]) -> _Frame:
    """Around all nodes and all ways of edges, which may lead past the outermost nodes."""
    xs = [x for points in routes for x in points[:, 0]]
    xs += [look.x + side for look in places for side in (-NODE_WIDTH / 2, NODE_WIDTH / 2)]
    return _Frame(min(xs), max(xs), min(look.y for look in places) - NODE_HEIGHT / 2)


def _way(points: Floats) -> str:
    """A line through points, without those that lie on the way between their neighbors."""
    kept = [points[0]]
    for point, after in pairwise(points[1:]):
        (x, y), (to_x, to_y) = point - kept[-1], after - point
        if abs(x * to_y - to_x * y) > _STRAIGHT:
            kept.append(point)
    return " -- ".join(f"({x:.3f},{y:.3f})" for x, y in (*kept, points[-1]))


def _box(frame: _Frame, part: Component, look: NodeLook) -> str:
    is_bar = part in _BARS
    x = (frame.left + frame.right) / 2 if is_bar else look.x
    width = frame.right - frame.left + 0.3 if is_bar else NODE_WIDTH
    corners = "3pt" if part.in_attention else "1pt"
    text = "black" if ink_on(rgb(look.color)) == INK else "white"
    style = f"draw,fill={_color(look.color)},text={text},rounded corners={corners},inner sep=0pt,line width=.5pt"
    size = f"minimum width={width:.3f}in,minimum height={NODE_HEIGHT:.3f}in"
    return rf"\node[{style},{size}] at ({x:.3f},{look.y:.3f}) {{{escape(part)}}};"


def _legend(frame: _Frame, subject: CircuitGraph | Comparison, edges: Collection[CircuitEdge]) -> Iterator[str]:
    """What the colors and dashes of the lines mean, below the drawing, a line each."""
    if isinstance(subject, Comparison):
        names = ("both", f"only {subject.labels[0]}", f"only {subject.labels[1]}")
        present = set(subject.edge_membership().values())
        entries = [
            (f"{_color(MEMBERSHIP_COLORS[kind])}", name)
            for kind, name in zip(MEMBERSHIP_COLORS, names, strict=True)
            if kind in present
        ]
    else:
        ports = {item.edge.port for item in edges}
        entries = [(_color(PORT_COLORS[port]), PORT_NAMES[port]) for port in PORT_COLORS if port in ports]
        if any((item.score or 0.0) < 0 for item in edges):
            entries.append((f"black,{_DASHED}", "negative score"))
    for number, (style, text) in enumerate(entries):
        y = frame.bottom - 0.18 - 0.13 * number
        yield rf"\draw[{style},line width=1pt] ({frame.left:.3f},{y:.3f}) -- ++(.25,0);"
        yield rf"\node[anchor=west,inner sep=0pt] at ({frame.left + 0.32:.3f},{y:.3f}) {{{escape(text)}}};"


def _color(color: str) -> str:
    return f"cw{color[1:].upper()}"
