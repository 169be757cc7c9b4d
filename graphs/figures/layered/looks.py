"""Colors, widths and dashes of boxes and lines.

A line is as wide and as strong in color as its score is large, warm where it supports the behavior and cold and dashed
where it works against it; of two circuits, colored by which of them has it. The input of a head that a line enters is
told by the marker at its end, and by its place on the box.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from circuits.components import INPUT, LOGITS, Component, Port
from circuits.kinds import Sublayer
from graphs.circuit_graph import CircuitGraph
from graphs.comparison.comparison import Membership as Owner
from graphs.figures.canvas import INK, PAPER
from graphs.figures.layered.scene import Box, Line, Scene
from graphs.figures.palette import GRAY, MEMBERSHIP, MEMBERSHIP_TINTS, OPPOSES, PALE_GRAY, ROLES, SUPPORTS, WINE, mixed

Membership = Owner | Literal["flipped"]
Dashes = Literal["solid", "dashed", "dotted", "dashdot"]
PORT_NAMES: Mapping[Port, str] = {"q": "query", "k": "key", "v": "value"}
MEMBERSHIP_COLORS: Mapping[Membership, str] = {**MEMBERSHIP, "flipped": WINE}
MEMBERSHIP_FILLS: Mapping[Membership, str] = {**MEMBERSHIP_TINTS, "flipped": PALE_GRAY}
SUBLAYER_FILLS: Mapping[Sublayer | None, str] = {"attention": "#f2f2f2", "mlp": "#dfe3e8", None: PAPER}
_FRAMES: Sequence[Dashes] = ("solid", "dashed", "dotted", "dashdot")
_UNSCORED = 0.4  # strength of lines where nothing was scored


class LineLook(NamedTuple):
    """strength is 0 to 1: the root of the score over the largest, as scores of a circuit span orders of magnitude."""

    color: str
    strength: float
    dashes: Dashes = "solid"

    @property
    def width(self) -> float:
        """Points."""
        return edge_width(self.strength)

    @property
    def paled(self) -> str:
        """The color, the paler the weaker the line."""
        return paled(self.color, self.strength)


class BoxLook(NamedTuple):
    fill: str
    frame: str = INK
    frame_width: float = 0.6
    dashes: Dashes = "solid"


def edge_width(strength: float) -> float:
    """Points of a line of this strength, 0 to 1."""
    return 0.5 + 1.7 * strength


def paled(color: str, strength: float) -> str:
    """A color, the paler the weaker the line: as if it let the paper through, which PostScript cannot."""
    return mixed(color, 0.4 + 0.6 * strength)


def strengths_of(sizes: Sequence[float]) -> list[float]:
    """Roots of the sizes over the largest; the same medium strength for all where all are 0."""
    largest = max(sizes, default=0.0)
    return [_UNSCORED] * len(sizes) if largest == 0 else [(size / largest) ** 0.5 for size in sizes]


def line_looks(scene: Scene) -> list[LineLook]:
    """The looks of the lines of one circuit: by score and its sign."""
    strengths = strengths_of([line.size for line in scene.lines])
    return [
        LineLook(_sign_color(line.scores[0]), strength, "dashed" if (line.scores[0] or 0.0) < 0 else "solid")
        for line, strength in zip(scene.lines, strengths, strict=True)
    ]


def membership_of(line: Line) -> Membership:
    """Which of two circuits has a line; `flipped` where both have it, with scores of unlike signs."""
    in_a, in_b = (count > 0 for count in line.counts)
    if in_a != in_b:
        return "only_a" if in_a else "only_b"
    a, b = line.scores
    return "flipped" if a is not None and b is not None and a * b < 0 else "shared"


def compared_looks(scene: Scene) -> list[LineLook]:
    """The looks of the lines of two circuits: by which has it, as strong as in the one where it is stronger."""
    sides = [strengths_of([abs(line.scores[side] or 0.0) for line in scene.lines]) for side in (0, 1)]
    looks = []
    for number, line in enumerate(scene.lines):
        kind = membership_of(line)
        strength = max(side[number] for side, count in zip(sides, line.counts, strict=True) if count)
        is_against = all(score < 0 for score in line.scores if score is not None) and line.size > 0
        dashes: Dashes = "dashdot" if kind == "flipped" else "dashed" if is_against else "solid"
        looks.append(LineLook(MEMBERSHIP_COLORS[kind], strength, dashes))
    return looks


def box_looks(scene: Scene, graph: CircuitGraph) -> dict[str, BoxLook]:
    """The looks of boxes as one circuit has them: filled by effect where that was measured, framed by role."""
    fills, frames = node_fills(graph), role_frames(scene)
    looks = {}
    for name, box in scene.boxes.items():
        fill = (
            fills.get(box.parts[0], PAPER)
            if len(box.parts) == 1
            else SUBLAYER_FILLS["mlp" if box.is_mlp else "attention"]
        )
        looks[name] = frames[box.role]._replace(fill=fill) if box.role in frames else BoxLook(fill)
    return looks


def role_frames(scene: Scene) -> dict[str | None, BoxLook]:
    """The frame of every role that a box has, by color and by dashes."""
    roles = dict.fromkeys(box.role for box in scene.boxes.values() if box.role is not None)
    return {
        role: BoxLook(PAPER, ROLES[number % len(ROLES)], 1.3, _FRAMES[number % len(_FRAMES)])
        for number, role in enumerate(roles)
    }


def compared_box_looks(scene: Scene, membership: Mapping[str, Owner]) -> dict[str, BoxLook]:
    """The looks of the boxes of two circuits, bars aside by which has them."""
    owners = box_owners(scene, membership)
    colored = {name: BoxLook(MEMBERSHIP_FILLS[kind], MEMBERSHIP_COLORS[kind], 0.8) for name, kind in owners.items()}
    return {name: colored.get(name, BoxLook(INK)) for name in scene.boxes}


def box_owners(scene: Scene, membership: Mapping[str, Owner]) -> dict[str, Owner]:
    """Which of two circuits has each box that is no bar. A merged box is shared where its parts are not all of one."""

    def owner(box: Box) -> Owner:
        kinds: set[Owner] = {membership[str(part)] for part in box.parts}
        return kinds.pop() if len(kinds) == 1 else "shared"

    return {name: owner(box) for name, box in scene.boxes.items() if not box.is_bar}


def node_fills(graph: CircuitGraph) -> dict[Component, str]:
    """The color of every node: by its effect where that was measured by itself, else by its kind."""
    effects, limit = node_effects(graph)
    parts = [node.component for node in graph.nodes]
    return {part: effect_color(effects[part] / limit) if part in effects else _fill_of(part) for part in parts}


def node_effects(graph: CircuitGraph) -> tuple[dict[Component, float], float]:
    """The effects of nodes that were scored themselves, and the largest of them."""
    scored = () if graph.node_provenance is None else graph.nodes
    nodes = (node for node in scored if node.component not in (INPUT, LOGITS))
    effects = {node.component: node.score for node in nodes if node.score is not None}
    return effects, max(map(abs, effects.values()), default=0.0) or 1.0


def effect_color(effect: float) -> str:
    """Color of an effect between -1 and 1; softened, so that labels stay readable on it."""
    return mixed(SUPPORTS if effect > 0 else OPPOSES, 0.55 * abs(effect), over="#f7f7f7")


def _fill_of(part: Component) -> str:
    """The color of a component without a score: dark for `input` and `logits`, paper for what only reads."""
    if part in (INPUT, LOGITS):
        return INK
    return PAPER if part.is_reader_only else SUBLAYER_FILLS[part.sublayer]


def _sign_color(score: float | None) -> str:
    if not score:
        return GRAY
    return SUPPORTS if score > 0 else OPPOSES
