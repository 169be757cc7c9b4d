"""Where nodes stand and what colors parts have in files that other programs draw: by the rules of the drawings here.

Such files hold everything, however large that is on paper.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from graphs.circuit_graph import CircuitGraph
from graphs.comparison.comparison import Comparison
from graphs.figures.layered.looks import box_looks, compared_box_looks, compared_looks, line_looks
from graphs.figures.layered.places import Extents, Places, comfortable, place
from graphs.figures.layered.scene import Scene, scene_of

BOX_WIDTH, BOX_HEIGHT = 0.5, 0.2  # inches: of a box with a short name, whatever font another program writes it in
_PER_LETTER, _AROUND = 0.07, 0.1  # inches of the name in a box, and beside it


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


def looks_of(subject: CircuitGraph | Comparison) -> tuple[Mapping[str, NodeLook], Mapping[str, EdgeLook]]:
    """The look of every node and of every edge, by its name."""
    if isinstance(subject, Comparison):
        scene = scene_of([subject.a, subject.b])
        boxes, lines = compared_box_looks(scene, subject.node_membership()), compared_looks(scene)
    else:
        scene = scene_of([subject])
        boxes, lines = box_looks(scene, subject), line_looks(scene)
    places = places_of(scene)
    nodes = {name: NodeLook(places.middle(name), places.along[name], boxes[name].fill) for name in scene.boxes}
    weights = (next((abs(score) for score in line.scores if score is not None), 1.0) for line in scene.lines)
    edges = {
        line.name: EdgeLook(look.color, look.width, weight)
        for line, look, weight in zip(scene.lines, lines, weights, strict=True)
    }
    return nodes, edges


def places_of(scene: Scene) -> Places:
    """Where all boxes of a scene stand, with as much room as they and their names take."""
    widths = {name: max(BOX_WIDTH, _PER_LETTER * len(name) + _AROUND) for name in scene.boxes}
    extents = Extents(widths, dict.fromkeys(scene.boxes, BOX_HEIGHT))
    return place(scene, extents, comfortable(scene, extents))
