"""Layered drawings for papers: one circuit, or two colored by what they share.

Every drawing says how many of all possible edges it shows, how weak the weakest is, and the faithfulness: a view that
hides what was pruned misleads. Colors are those of Okabe and Ito, told apart with any color vision.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from circuits.arrays import Floats
from circuits.components import INPUT, LOGITS, Component, Edge
from circuits.kinds import Sublayer
from circuits.solved import kept_of_drawn
from graphs.circuit_graph import MINIMAL, CircuitEdge, CircuitGraph, components_of
from graphs.comparison.comparison import Comparison, Membership
from graphs.comparison.overlap import Overlap
from graphs.figures.canvas import (
    CHARACTER,
    FAINT,
    INK,
    LARGE,
    LINE,
    MARGIN,
    NORMAL,
    PAPER,
    SMALL,
    DrawingFormat,
    draw_text,
    figure_bytes,
)
from graphs.figures.chosen_by import chosen_by
from graphs.figures.layout import NODE_HEIGHT, NODE_WIDTH, Layout, Link, lay_out
from graphs.flaws import flaws_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PORT_COLORS: Mapping[str | None, str] = {"q": "#0072B2", "k": "#E69F00", "v": "#009E73", None: "#5f6368"}
PORT_NAMES: Mapping[str | None, str] = {"q": "query", "k": "key", "v": "value", None: "MLP input or logits"}
MEMBERSHIP_COLORS: Mapping[Membership, str] = {"shared": "#3b3b3b", "only_a": "#0072B2", "only_b": "#D55E00"}
MEMBERSHIP_FILLS: Mapping[Membership, str] = {"shared": "#d9d9d9", "only_a": "#c9e3f3", "only_b": "#fbdcc6"}
ROLE_COLORS = ("#CC79A7", "#56B4E9", "#D55E00", "#009E73", "#F0E442", "#0072B2", "#E69F00", "#000000")
SUBLAYER_FILLS: Mapping[Sublayer | None, str] = {"attention": "#f2f2f2", "mlp": "#dfe3e8", None: PAPER}
EFFECT_COLORS = "PuOr_r"  # diverging and colorblind-safe: purple against, orange for

_GUTTER = 0.34  # inches: left of the rows for layer numbers


def drawing_bytes(
    subject: CircuitGraph | Comparison, kind: DrawingFormat, *, dpi: int = 200, about: tuple[str, str] | None = None
) -> bytes:
    """The drawing of a circuit or of a comparison, as a PDF, SVG or PNG file. `dpi` applies to PNG alone.

    about  a word and a text that the file says of itself, in its metadata
    """

    def draw() -> Figure:
        return draw_comparison(subject) if isinstance(subject, Comparison) else draw_circuit(subject)

    return figure_bytes(draw, kind, dpi=dpi, about=about)


def draw_circuit(graph: CircuitGraph) -> Figure:
    """One circuit: nodes filled by effect (else by kind) and framed by role, edges by port and |score|."""
    components = [node.component for node in graph.nodes]
    strengths = strengths_of(graph.edges)
    edges = [item.edge for item in graph.edges]
    layout = lay_out(components, links_of(edges, strengths, graph.group_edges))
    effects, limit = _effects(graph)
    fills = node_fills(graph)
    roles = {node.component: node.role for node in graph.nodes if node.role is not None}
    frames = dict(zip(dict.fromkeys(roles.values()), ROLE_COLORS, strict=False))
    styles = [
        _EdgeStyle(PORT_COLORS[item.edge.port], strength, is_negative=(item.score or 0) < 0)
        for item, strength in zip(graph.edges, strengths, strict=True)
    ]
    looks = {part: _NodeLook(fills[part], frames.get(roles.get(part, ""), INK)) for part in components}
    legend = [
        *_port_legend({edge.port for edge in edges}),
        *_sign_legend(styles),
        *([_Entry("line", FAINT, "key-value head serves head", is_dotted=True)] if graph.group_edges else []),
        *(_Entry("frame", color, role) for role, color in frames.items()),
    ]
    bar = (limit, _effect_label(graph)) if effects else None
    footer = [graph.description, *_certificate(graph)]
    return _Sheet(layout, _title(graph), footer, legend, effect_bar=bar, note=graph.reason).draw(looks, styles)


def draw_comparison(comparison: Comparison) -> Figure:
    """Two circuits in one drawing, colored by shared, only in the first, only in the second."""
    a, b = comparison.a, comparison.b
    by_name = {item.name: item for item in (*b.edges, *a.edges)}
    strength_of = {
        item.name: strength
        for side in (b, a)
        for item, strength in zip(side.edges, strengths_of(side.edges), strict=True)
    }
    membership = comparison.edge_membership()
    drawn = sorted(membership, key=lambda name: (membership[name] == "shared", a.wiring.edge_index(by_name[name].edge)))
    edges = [by_name[name].edge for name in drawn]
    strengths = [strength_of[name] for name in drawn]
    components = components_of(edges)
    groups = tuple(dict.fromkeys((*a.group_edges, *b.group_edges)))
    layout = lay_out(components, links_of(edges, strengths, groups))
    nodes = comparison.node_membership()
    looks = {
        part: _NodeLook(MEMBERSHIP_FILLS[nodes[str(part)]], MEMBERSHIP_COLORS[nodes[str(part)]])
        if part not in (INPUT, LOGITS)
        else _NodeLook(INK, INK)
        for part in components
    }
    styles = [
        _EdgeStyle(MEMBERSHIP_COLORS[membership[name]], strength, is_negative=False)
        for name, strength in zip(drawn, strengths, strict=True)
    ]
    names = {
        "shared": "shared",
        "only_a": f"only in {comparison.labels[0]}",
        "only_b": f"only in {comparison.labels[1]}",
    }
    legend = [_Entry("box", MEMBERSHIP_COLORS[kind], names[kind], MEMBERSHIP_FILLS[kind]) for kind in MEMBERSHIP_FILLS]
    title = f"{comparison.labels[0]}  and  {comparison.labels[1]}"
    subtitles = dict.fromkeys(subtitle_of(side) for side in (a, b))
    heading = (title, "  |  ".join(subtitles))
    note = None if components else "Both circuits are empty."
    return _Sheet(layout, heading, _overlap_lines(comparison), legend, note=note).draw(looks, styles)


def node_fills(graph: CircuitGraph) -> dict[Component, str]:
    """The color of every node: by its effect where that is known, else by its kind."""
    effects, limit = _effects(graph)
    parts = [node.component for node in graph.nodes]
    return {part: _effect_color(effects[part] / limit) if part in effects else _fill_of(part) for part in parts}


def _effects(graph: CircuitGraph) -> tuple[dict[Component, float], float]:
    """The effects of nodes that were scored themselves, and the largest of them."""
    scored = () if graph.node_provenance is None else graph.nodes
    nodes = (node for node in scored if node.component not in (INPUT, LOGITS))
    effects = {node.component: node.score for node in nodes if node.score is not None}
    return effects, max(map(abs, effects.values()), default=0.0) or 1.0


def edge_width(strength: float) -> float:
    """Line width in points of an edge of this strength, 0 to 1."""
    return 0.5 + 1.9 * strength


def paled(color: str, strength: float) -> str:
    """A color, the paler the weaker the edge: as if it let the paper through, which PostScript cannot."""
    from matplotlib.colors import to_hex, to_rgb

    opacity = 0.35 + 0.6 * strength
    red, green, blue = (1 - opacity * (1 - channel) for channel in to_rgb(color))
    return to_hex((red, green, blue))


def _fill_of(part: Component) -> str:
    """The color of a component without a score: dark for `input` and `logits`, paper for what only reads."""
    if part in (INPUT, LOGITS):
        return INK
    return PAPER if part.is_reader_only else SUBLAYER_FILLS[part.sublayer]


@dataclass(frozen=True)
class _EdgeStyle:
    color: str
    strength: float  # 0 to 1
    is_negative: bool

    @property
    def width(self) -> float:
        """Line width in points."""
        return edge_width(self.strength)


@dataclass(frozen=True)
class _NodeLook:
    fill: str
    frame: str

    @property
    def text(self) -> str:
        red, green, blue = (int(self.fill[start : start + 2], 16) for start in (1, 3, 5))
        return INK if 0.299 * red + 0.587 * green + 0.114 * blue > 140 else PAPER


@dataclass(frozen=True)
class _Entry:
    """One line of the legend."""

    shape: Literal["line", "box", "frame"]
    color: str
    text: str
    fill: str = PAPER
    is_dashed: bool = False
    is_dotted: bool = False

    @property
    def width(self) -> float:
        return 0.42 + CHARACTER * len(self.text)


@dataclass(frozen=True)
class _Sheet:
    """A page: heading, the drawing, legend, and below it the lines that every drawing must carry."""

    layout: Layout
    heading: tuple[str, str]
    footer: Sequence[str]
    legend: Sequence[_Entry]
    effect_bar: tuple[float, str] | None = None  # (largest |effect|, what it measures)
    note: str | None = None  # written in place of an empty drawing

    def draw(self, looks: Mapping[Component, _NodeLook], styles: Sequence[_EdgeStyle]) -> Figure:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        width = self.layout.width + 2 * MARGIN + _GUTTER
        characters = int((width - 2 * MARGIN) / CHARACTER)
        footer = [part for line in self.footer for part in textwrap.wrap(line, characters)]
        subtitle = textwrap.wrap(self.heading[1], characters)
        note = textwrap.wrap(self.note or "", characters - 8)
        rows = _legend_rows(self.legend, width - 2 * MARGIN)
        bar_height = 0.36 if self.effect_bar else 0.0
        below = MARGIN + LINE * (len(footer) + 1.15 * len(rows)) + bar_height + 0.16
        above = MARGIN + 0.2 + LINE * len(subtitle) + 0.06
        drawing = max(self.layout.height, LINE * len(note) + 0.2)
        height = below + drawing + above
        figure = Figure(figsize=(width, height), facecolor=PAPER)
        FigureCanvasAgg(figure)
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set(xlim=(0, width), ylim=(0, height))
        axes.axis("off")
        draw_text(axes, MARGIN, height - MARGIN - 0.02, self.heading[0], size=LARGE, weight="bold", va="top")
        for number, line in enumerate(subtitle):
            draw_text(
                axes, MARGIN, height - MARGIN - 0.22 - LINE * number, line, size=NORMAL, color="#4a4a4a", va="top"
            )
        for number, line in enumerate(note):
            draw_text(axes, MARGIN, below + drawing - 0.1 - LINE * number, line, size=NORMAL, va="top")
        origin = np.array([MARGIN + _GUTTER, below])
        self._draw_layers(axes, origin)
        self._draw_edges(axes, origin, styles)
        self._draw_nodes(axes, origin, looks)
        for number, line in enumerate(reversed(footer)):
            draw_text(axes, MARGIN, MARGIN + LINE * number, line, size=NORMAL)
        top = MARGIN + LINE * len(footer) + 0.06
        if self.effect_bar:
            _draw_effect_bar(axes, MARGIN, top, *self.effect_bar, characters=characters)
        for number, row in enumerate(reversed(rows)):
            _draw_legend_row(axes, MARGIN, top + bar_height + 1.15 * LINE * number, row)
        return figure

    def _draw_layers(self, axes: Axes, origin: Floats) -> None:
        """A faint band per layer, so that rows of one layer are seen together."""
        from matplotlib.patches import Rectangle

        for layer, (lowest, highest) in self.layout.layers.items():
            bottom, top = origin[1] + lowest - 0.19, origin[1] + highest + 0.19
            corner = (origin[0] - _GUTTER, bottom)
            band = Rectangle(corner, self.layout.width + _GUTTER, top - bottom, color="#f7f7f5", lw=0, zorder=0)
            axes.add_patch(band)
            draw_text(
                axes,
                origin[0] - _GUTTER + 0.07,
                (bottom + top) / 2,
                f"L{layer}",
                size=NORMAL,
                color=FAINT,
                va="center",
            )

    def _draw_edges(self, axes: Axes, origin: Floats, styles: Sequence[_EdgeStyle]) -> None:
        from matplotlib.patches import PathPatch

        n_scored = len(styles)
        for route in self.layout.routes[n_scored:]:
            path = _curve(route + origin)
            axes.add_patch(PathPatch(path, fc="none", ec=FAINT, lw=0.7, ls=(0, (1, 1.5)), zorder=1))
        # weakest first, so that strong edges lie on top
        for number in sorted(range(n_scored), key=lambda index: styles[index].strength):
            style = styles[number]
            axes.add_patch(
                PathPatch(
                    _curve(self.layout.routes[number] + origin),
                    fc="none",
                    ec=paled(style.color, style.strength),
                    lw=style.width,
                    ls=(0, (3, 1.6)) if style.is_negative else "solid",
                    capstyle="butt",
                    zorder=2,
                )
            )

    def _draw_nodes(self, axes: Axes, origin: Floats, looks: Mapping[Component, _NodeLook]) -> None:
        from matplotlib.patches import FancyBboxPatch

        for part, look in looks.items():
            x, y = self.layout.centers[part] + origin
            is_bar = part in (INPUT, LOGITS)
            width = self.layout.width if is_bar else NODE_WIDTH
            x = origin[0] + self.layout.width / 2 if is_bar else x
            rounding = 0.09 if part.in_attention else 0.02
            corner = (x - width / 2, y - NODE_HEIGHT / 2)
            style = f"round,pad=0,rounding_size={rounding}"
            line = 0.7 if look.frame == INK else 1.4
            box = FancyBboxPatch(
                corner, width, NODE_HEIGHT, boxstyle=style, fc=look.fill, ec=look.frame, lw=line, zorder=3
            )
            axes.add_patch(box)
            draw_text(axes, x, y - 0.006, str(part), size=SMALL, color=look.text, ha="center", va="center", zorder=4)


def _title(graph: CircuitGraph) -> tuple[str, str]:
    return graph.label, subtitle_of(graph)


def subtitle_of(graph: CircuitGraph) -> str:
    """`model reference · method eap · metric logit-difference · chosen: the 40 strongest edges, ...`, as far as
    recorded.

    Where the edges were scored by another method than the components, it says which.
    """
    parts = []
    if graph.provenance is not None:
        parts = [f"model {graph.provenance.model}", f"method {graph.method}", f"metric {graph.provenance.metric}"]
        if graph.provenance.ablation != "corrupt":
            parts.append(f"ablation {graph.provenance.ablation.partition('(')[0]}")
        nodes, edges = graph.scored_by["nodes"], graph.scored_by["edges"]
        if nodes and edges and nodes != edges:
            parts.append(f"edges {edges['scores_are']} by {edges['method']}")
        if graph.provenance.solved is not None:
            parts.append(f"prompts {kept_of_drawn(graph.provenance.solved)}")
    parts += [flaw.label for flaw in flaws_of(graph)]
    return " · ".join([*parts, chosen_by(graph.selection)])


def _certificate(graph: CircuitGraph) -> list[str]:
    """What an elimination has shown of a minimal circuit; no line of any other."""
    facts = graph.selection
    if facts.get("name") != MINIMAL:
        return []
    verdict = "no single edge can go" if facts["certified"] else "NOT CERTIFIED: the runs ended too early"
    also = f", {n} other circuit{'s' if n > 1 else ''} as small" if (n := facts["n_others"]) else ""
    bound = f"{facts['rule']} bound, tolerance {facts['tolerance']:g}"
    return [f"minimal: {verdict} ({bound}, {facts['n_runs']} circuit runs){also}"]


def _overlap_lines(comparison: Comparison) -> list[str]:
    """Sizes of both circuits and the overlap, as numbers."""
    sides = zip(comparison.labels, (comparison.a, comparison.b), strict=True)
    reuse = comparison.reuse
    lines = [f"{label}: {side.description}" for label, side in sides]
    if comparison.a.wiring.joins_heads:
        return [*lines, _overlap_line("attention of layers", reuse.heads), _overlap_line("nodes", reuse.nodes)]
    return [*lines, _overlap_line("heads", reuse.heads), _overlap_line("edges", reuse.edges)]


def _overlap_line(what: str, overlap: Overlap) -> str:
    if overlap.iou is None:
        return f"{what}: none in either circuit"
    line = f"{what}: {overlap.n_shared} shared of {overlap.n_either} (IoU {overlap.iou:.2f}"
    if overlap.p_value is None:
        return f"{line}; those among the chosen components)"
    least = "" if overlap.can_tell else f", at best {overlap.least_p_value:.2g}"
    return f"{line}; by chance {overlap.expected_iou or 0:z.2f}, p = {overlap.p_value:z.2g}{least})"


def _effect_label(graph: CircuitGraph) -> str:
    origin = graph.node_provenance
    metric = "the metric" if origin is None else origin.metric
    restores = origin is not None and (
        origin.method == "causal-tracing" or origin.settings.get("direction") == "restore"
    )
    return f"node score: by how much {'restoring it raises' if restores else 'corrupting it lowers'} {metric}"


def strengths_of(edges: Sequence[CircuitEdge]) -> list[float]:
    """Root of |score| over the largest, between 0 and 1; the same medium strength for all where nothing was scored.

    The root keeps weak edges visible: scores of one circuit span two orders of magnitude.
    """
    largest = max((abs(item.score) for item in edges if item.score is not None), default=0.0)
    if largest == 0:
        return [0.4] * len(edges)
    return [(abs(item.score or 0.0) / largest) ** 0.5 for item in edges]


def links_of(
    edges: Sequence[Edge], strengths: Sequence[float], groups: Sequence[tuple[Component, Component]]
) -> list[Link]:
    """What the layout has to route, scored edges first; groups hold their heads close."""
    scored = [Link(e.source, e.target, e.port, strength) for e, strength in zip(edges, strengths, strict=True)]
    return [*scored, *(Link(source, target, None, 1.0) for source, target in groups)]


def _curve(points: Floats) -> Any:
    """A smooth path through points of rising y: it leaves and arrives upright, and never swings beyond a point.

    Monotone cubic interpolation of x over y (harmonic-mean slopes, Fritsch and Butland 1984), as Bezier pieces.
    """
    from matplotlib.path import Path

    x, y = points.T
    gaps = np.diff(y)
    slopes = np.diff(x) / gaps
    before, after = slopes[:-1], slopes[1:]
    same_way = before * after > 0
    harmonic = np.divide(2 * before * after, before + after, out=np.zeros_like(before), where=same_way)
    tangents = np.concatenate([[0.0], harmonic, [0.0]])
    vertices = [points[0]]
    for piece, gap in enumerate(gaps):
        start, end = points[piece], points[piece + 1]
        vertices += [
            start + np.array([tangents[piece], 1]) * gap / 3,
            end - np.array([tangents[piece + 1], 1]) * gap / 3,
            end,
        ]
    return Path(vertices, [Path.MOVETO] + [Path.CURVE4] * (len(vertices) - 1))


def _port_legend(ports: set[Any]) -> list[_Entry]:
    if ports == {None}:  # edges between whole layers are all alike
        return []
    return [_Entry("line", PORT_COLORS[port], PORT_NAMES[port]) for port in PORT_COLORS if port in ports]


def _sign_legend(styles: Sequence[_EdgeStyle]) -> list[_Entry]:
    has_negative = any(style.is_negative for style in styles)
    return [_Entry("line", INK, "works against (negative score)", is_dashed=True)] if has_negative else []


def _legend_rows(entries: Sequence[_Entry], width: float) -> list[list[_Entry]]:
    """Entries broken into rows no wider than `width` inches."""
    rows: list[list[_Entry]] = []
    room = 0.0
    for entry in entries:
        if not rows or entry.width > room:
            rows.append([])
            room = width
        rows[-1].append(entry)
        room -= entry.width
    return rows


def _draw_legend_row(axes: Axes, x: float, y: float, row: Sequence[_Entry]) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import FancyBboxPatch

    for entry in row:
        if entry.shape == "line":
            dashes = (0, (3, 1.6)) if entry.is_dashed else (0, (1, 1.5)) if entry.is_dotted else "solid"
            axes.add_line(Line2D([x, x + 0.24], [y + 0.045] * 2, color=entry.color, lw=1.6, ls=dashes))
        else:
            box = FancyBboxPatch(
                (x, y - 0.01),
                0.24,
                0.11,
                boxstyle="round,pad=0,rounding_size=0.04",
                fc=entry.fill,
                ec=entry.color,
                lw=1.3,
            )
            axes.add_patch(box)
        draw_text(axes, x + 0.3, y, entry.text, size=NORMAL)
        x += entry.width


def _draw_effect_bar(axes: Axes, x: float, y: float, limit: float, label: str, *, characters: int) -> None:
    """The colors of node effects, from -limit to limit, on a sheet of this width in characters."""
    from matplotlib.patches import Rectangle

    n_steps, width = 41, 1.3
    for step in range(n_steps):
        color = _effect_color(2 * step / (n_steps - 1) - 1)
        axes.add_patch(Rectangle((x + width * step / n_steps, y + 0.13), width / n_steps, 0.09, color=color, lw=0.2))
    for fraction, value in ((0, -limit), (0.5, 0.0), (1, limit)):
        align = {0: "left", 0.5: "center", 1: "right"}[fraction]
        draw_text(axes, x + width * fraction, y + 0.02, f"{value:z.2g}", size=SMALL, color="#4a4a4a", ha=align)
    for number, line in enumerate(
        textwrap.wrap(label, characters - int((width + 0.1) / CHARACTER), break_on_hyphens=False)
    ):
        draw_text(axes, x + width + 0.1, y + 0.13 - LINE * number, line, size=NORMAL)


def _effect_color(effect: float) -> str:
    """Color of an effect between -1 and 1; softened, so that labels stay readable on it."""
    from matplotlib import colormaps
    from matplotlib.colors import to_hex

    return to_hex(colormaps[EFFECT_COLORS](0.5 + 0.38 * effect))
