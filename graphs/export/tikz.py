r"""TikZ: the layered drawing as a `tikzpicture` for `\input`, to be set in a paper's own fonts and changed by hand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import ClassVar

from circuits.arrays import Floats
from circuits.kinds import Port
from graphs.circuit_graph import CircuitGraph
from graphs.comparison.comparison import Comparison
from graphs.export.about import about_text, tex_comment
from graphs.export.drawn import DrawnExport
from graphs.export.latex_text import escape
from graphs.export.paper_tables import paper_notes
from graphs.figures.canvas import FAINT, INK
from graphs.figures.layered.bands import bands
from graphs.figures.layered.composition import Composition
from graphs.figures.layered.legend import APART, SAMPLE, Entry, legend_rows
from graphs.figures.layered.looks import BoxLook, Dashes, LineLook, effect_color
from graphs.figures.layered.marks import CORNERS, MARKER, PORT_FILLS
from graphs.figures.layered.routes import lead, port_place, ports_entered
from graphs.figures.layered.scene import Box
from graphs.figures.layered.sheet import BAND
from graphs.figures.page import ink_on, rgb

_ROUNDED = "rounded corners=5pt"
_DASHES: Mapping[Dashes, str] = {
    "solid": "",
    "dashed": ",dash pattern=on 3pt off 1.6pt",
    "dotted": ",dash pattern=on 1pt off 1.2pt",
    "dashdot": ",dash pattern=on 5pt off 1.4pt on 1pt off 1.4pt",
}
_EFFECTS = (-1, 0, 1)
_LEAST_WIDTH = 3.0  # inches: of the lines below the drawing
_STRAIGHT = 1e-4  # square inches: twice the area of three points that are one line


class TikzExport(DrawnExport):
    """Boxes and lines where the drawing has them and in its looks, in inches.

    A comment at the top says where the picture came from, and one behind every line which edge it is. The options
    `scale` and `transform shape` of the picture change its size.
    """

    name: ClassVar[str] = "tikz"
    summary: ClassVar[str] = "the layered drawing as TikZ, for \\input in a paper"
    extension: ClassVar[str] = "tikz"
    also: ClassVar[tuple[str, ...]] = ("tex", "pgf")

    def drawn(
        self,
        subject: CircuitGraph | Comparison,
        composition: Composition,
        *,
        command: str | None = None,
    ) -> bytes:
        lines = [tex_comment(about_text(subject, command)), r"% needs \usepackage{tikz}"]
        lines += [f"% {' '.join(note.split())}" for note in paper_notes(subject)]
        small = composition.sheet.size.small
        font = rf"\fontsize{{{small:g}}}{{{1.2 * small:g}}}\selectfont"
        lines.append(rf"\begin{{tikzpicture}}[x=1in,y=1in,font={font}]")
        picture = _Picture(composition)
        return "\n".join([*lines, *picture.lines(), r"\end{tikzpicture}", ""]).encode()


class _Picture:
    """The commands that draw a composition."""

    def __init__(self, composition: Composition) -> None:
        self._of = composition
        self._is_right = composition.sheet.is_right

    def lines(self) -> Iterator[str]:
        if self._of.placed is None:
            yield r"\node {An empty circuit.};"
            return
        places, labels = self._of.placed
        yield from (f"\\definecolor{{{_name(color)}}}{{HTML}}{{{color[1:].upper()}}}" for color in self._colors())
        yield from self._layers()
        routes = lead(self._of.scene, places)
        # weakest first, so that strong lines lie on top
        for number in sorted(range(len(routes)), key=lambda number: self._of.lines[number].strength):
            style = f"{_line_style(self._of.lines[number])},{_ROUNDED}"
            yield rf"\draw[{style}] {self._way(routes[number])}; % {self._of.scene.lines[number].name}"
        for name, box in self._of.scene.boxes.items():
            yield self._box(box, labels[name], self._of.boxes[name])
        yield from self._ports()
        yield from self._legend()

    def _colors(self) -> list[str]:
        """All colors that are used, each once."""
        signs = [entry.sign for entry in self._of.sheet.words.legend]
        boxes = [*self._of.boxes.values(), *(sign for sign in signs if isinstance(sign, BoxLook))]
        lines = [*self._of.lines, *(sign for sign in signs if isinstance(sign, LineLook))]
        effects = map(effect_color, _EFFECTS) if "effects" in signs else ()
        used = {color for box in boxes for color in (box.fill, box.frame)} | {line.paled for line in lines}
        return sorted(used | set(PORT_FILLS.values()) | {INK, BAND, FAINT, *effects})

    def _layers(self) -> Iterator[str]:
        """A faint band behind the rows of every layer, with its number: boxes may be called in short."""
        assert self._of.placed is not None
        places, gutter = self._of.placed[0], self._of.sheet.gutter(self._of.scene)
        for band in bands(self._of.scene, places):
            corners = self._at(-gutter, band.begin), self._at(places.across, band.end)
            yield rf"\fill[{_name(BAND)}] {corners[0]} rectangle {corners[1]};"
            yield rf"\node[text={_name(FAINT)},inner sep=0pt] at {self._at(-gutter / 2, band.middle)} {{{band.label}}};"

    def _at(self, across: float, along: float) -> str:
        return f"({along:.3f},{across:.3f})" if self._is_right else f"({across:.3f},{along:.3f})"

    def _way(self, points: Floats) -> str:
        """A line through points, without those that lie on the way between their neighbors."""
        kept = [points[0]]
        for point, after in pairwise(points[1:]):
            (x, y), (to_x, to_y) = point - kept[-1], after - point
            if abs(x * to_y - to_x * y) > _STRAIGHT:
                kept.append(point)
        return " -- ".join(self._at(*point) for point in (*kept, points[-1]))

    def _box(self, box: Box, label: str, look: BoxLook) -> str:
        assert self._of.placed is not None
        places, _ = self._of.placed
        low, high = places.spans[box.name]
        width, height = high - low, places.depths[box.name]
        turned = ""
        if self._is_right:
            # A turned node is as wide as its bar is long.
            turned = ",rotate=90" if box.is_bar else ""
            width, height = (width, height) if box.is_bar else (height, width)
        text = "black" if ink_on(rgb(look.fill)) == INK else "white"
        frame = f"draw={_name(look.frame)}{_DASHES[look.dashes]},line width={look.frame_width:.2f}pt"
        corners = f"rounded corners={'3' if box.is_attention else '1'}pt"
        size = f"minimum width={width:.3f}in,minimum height={height:.3f}in"
        style = f"{frame},fill={_name(look.fill)},text={text},{corners},inner sep=0pt,{size}{turned}"
        return rf"\node[{style}] at {self._at((low + high) / 2, places.along[box.name])} {{{escape(label)}}};"

    def _ports(self) -> Iterator[str]:
        """A marker where lines enter an input that has a place of its own."""
        assert self._of.placed is not None
        places, _ = self._of.placed
        for name, port in ports_entered(self._of.scene, self._of.scene.lines):
            across = port_place(self._of.scene.boxes[name], places.spans[name], port)
            along = places.along[name] - places.depths[name] / 2 - MARKER
            yield _marker(port, *((along, across) if self._is_right else (across, along)))

    def _legend(self) -> Iterator[str]:
        """What the signs mean, in rows below the drawing, and the lines that every drawing must carry."""
        assert self._of.placed is not None
        places, sheet = self._of.placed[0], self._of.sheet
        gutter = sheet.gutter(self._of.scene)
        left, y, drawn = (0.0, -gutter, places.length) if self._is_right else (-gutter, 0.0, places.across + gutter)
        y, width = y - 0.2, max(drawn, _LEAST_WIDTH)
        for row in legend_rows(sheet.words.legend, width):
            x = left
            for entry in row:
                yield from _entry(entry, x, y)
                x += entry.width + APART
            y -= 1.2 * sheet.size.line
        text = r"\\".join(map(escape, sheet.words.footer))
        style = f"anchor=north west,inner sep=0pt,align=left,text width={width:.3f}in"
        yield rf"\node[{style}] at ({left:.3f},{y:.3f}) {{{text}}};"


def _entry(entry: Entry, x: float, y: float) -> Iterator[str]:
    sign = entry.sign
    if isinstance(sign, LineLook):
        yield rf"\draw[{_line_style(sign)}] ({x:.3f},{y:.3f}) -- ++({SAMPLE},0);"
    elif isinstance(sign, BoxLook):
        style = f"draw={_name(sign.frame)}{_DASHES[sign.dashes]},fill={_name(sign.fill)},line width=.8pt"
        yield rf"\draw[{style},rounded corners=1.5pt] ({x:.3f},{y - 0.045:.3f}) rectangle ++({SAMPLE},.09);"
    elif sign == "effects":
        for number, effect in enumerate(_EFFECTS):
            corner = f"({x + SAMPLE * number:.3f},{y - 0.04:.3f})"
            yield rf"\fill[{_name(effect_color(effect))}] {corner} rectangle ++({SAMPLE},.08);"
    elif sign is not None:
        yield _marker(sign, x + SAMPLE / 2, y)
    yield rf"\node[anchor=west,inner sep=0pt] at ({x + entry.sample:.3f},{y:.3f}) {{{escape(entry.text)}}};"


def _marker(port: Port, x: float, y: float) -> str:
    """A disk for queries, a square for keys, a triangle for values."""
    style = f"draw={_name(INK)},fill={_name(PORT_FILLS[port])},line width=.5pt"
    if port == "q":
        return rf"\filldraw[{style}] ({x:.3f},{y:.3f}) circle ({MARKER});"
    corners = " -- ".join(f"({x + MARKER * dx:.3f},{y + MARKER * dy:.3f})" for dx, dy in CORNERS[port])
    return rf"\filldraw[{style}] {corners} -- cycle;"


def _line_style(look: LineLook) -> str:
    return f"{_name(look.paled)},line width={look.width:.2f}pt{_DASHES[look.dashes]}"


def _name(color: str) -> str:
    """What a color is called in the picture."""
    return f"cw{color[1:].upper()}"
