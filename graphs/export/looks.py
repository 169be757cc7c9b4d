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

BOX_WIDTH, BOX_HEIGHT = 0.5, 0.2  # inches: of a box, whatever font another program writes its name in


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
    """Where all boxes of a scene stand, with as much room as they take."""
    extents = Extents(dict.fromkeys(scene.boxes, BOX_WIDTH), dict.fromkeys(scene.boxes, BOX_HEIGHT))
    return place(scene, extents, comfortable(scene, extents))
