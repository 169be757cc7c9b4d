"""A page with a layered drawing: heading, drawing, legend, and below it the lines that every drawing must carry."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from graphs.figures.canvas import FAINT, PAPER, draw_text
from graphs.figures.layered.bands import bands
from graphs.figures.layered.legend import Entry, draw_legend_row, legend_rows
from graphs.figures.layered.looks import BoxLook, LineLook
from graphs.figures.layered.marks import MARKER, curve, draw_boxes, draw_lines, draw_ports, port_path
from graphs.figures.layered.places import Extents, NoRoomError, Places, comfortable, place
from graphs.figures.layered.routes import lead, port_place, ports_entered
from graphs.figures.layered.scene import Line, Scene
from graphs.figures.layered.settings import DrawingSettings
from graphs.figures.page import ink_on, rgb, text_width, wrapped
from graphs.figures.sizes import Size

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_SUBTITLE = "#4a4a4a"
BAND = "#f7f7f5"  # behind the rows of a layer


class Words(NamedTuple):
    """The text and the signs of a page.

    shown    below the drawing: what it shows; nothing where every edge is drawn by itself
    further  what else is written there
    note     written in place of an empty drawing
    missing  what it leaves out: in its caption, and to who draws it
    advice   how to see that, to who draws it
    """

    title: str
    subtitle: str
    shown: Sequence[str] = ()
    further: Sequence[str] = ()
    legend: Sequence[Entry] = ()
    note: str | None = None
    missing: Sequence[str] = ()
    advice: Sequence[str] = ()

    @property
    def told(self) -> list[str]:
        """What who draws it is told beside the file."""
        return [*self.shown, *self.missing, *self.advice]

    @property
    def footer(self) -> list[str]:
        return [*self.shown, *self.further]


@dataclass(frozen=True)
class Sheet:
    """A page of a size, with its words, and room for a drawing between them."""

    settings: DrawingSettings
    words: Words

    @property
    def size(self) -> Size:
        return self.settings.size

    @property
    def is_right(self) -> bool:
        return self.settings.orientation == "right"

    @property
    def _width(self) -> float:
        return self.size.width - 2 * self.size.margin

    def _wrapped(self, texts: Sequence[str]) -> list[str]:
        return [line for text in texts for line in wrapped(text, self._width, size=self.size.font)]

    @property
    def _titles(self) -> list[str]:
        return wrapped(self.words.title, self._width, size=self.size.large, weight="bold")

    @property
    def over(self) -> float:
        """Inches from the top of the page to the drawing."""
        title = 1.3 * self.size.large / 72 * len(self._titles)
        return self.size.margin + title + self.size.line * len(self._wrapped([self.words.subtitle])) + 0.06

    @property
    def _under(self) -> float:
        """Inches from the bottom of the page to the drawing."""
        rows = legend_rows(self.words.legend, self._width)
        below = self.size.line * (len(self._wrapped(self.words.footer)) + 1.12 * len(rows))
        return self.size.margin + below + (0.04 if rows else 0.0) + 0.06

    def gutter(self, scene: Scene) -> float:
        """Inches for the numbers of layers: left of rows, below columns."""
        layers = [f"L{box.layers[1]}" for box in scene.boxes.values() if box.layers is not None and scene.has_layers]
        if not layers or self.is_right:
            return self.size.line if layers else 0.0
        return max(text_width(text, size=self.size.small) for text in layers) + 0.06

    @property
    def height_of_drawing(self) -> float:
        """Inches that the words leave; below 0 where they alone are too tall."""
        return self.size.height - self.over - self._under

    def height_with(self, drawing: float) -> float:
        """Inches of the page with a drawing of this height."""
        return self.over + drawing + self._under

    def room(self, scene: Scene) -> tuple[float, float]:
        """Inches for the drawing, across and along."""
        gutter, height = self.gutter(scene), self.height_of_drawing
        return (height - gutter, self._width) if self.is_right else (self._width - gutter, height)

    def place(self, scene: Scene) -> tuple[Places, Mapping[str, str]]:
        """Where the boxes stand, and what is written on them: in full, or in short where that alone fits.

        NoRoomError where neither fits.
        """
        in_full, in_short = (
            {name: getattr(box, kind) for name, box in scene.boxes.items()} for kind in ("label", "short")
        )
        try:
            return self._place(scene, in_full), in_full
        except NoRoomError:
            return self._place(scene, in_short), in_short

    def _place(self, scene: Scene, labels: Mapping[str, str]) -> Places:
        extents, (across, along) = extents_of(scene, labels, self.size, is_right=self.is_right), self.room(scene)
        return place(scene, extents, min(across, comfortable(scene, extents)), along)

    def draw(
        self,
        scene: Scene,
        placed: tuple[Places, Mapping[str, str]] | None,
        boxes: Mapping[str, BoxLook],
        lines: Sequence[LineLook],
    ) -> Figure:
        """The page; `placed` is None of an empty scene."""
        note = self._wrapped([self.words.note or ""]) if placed is None else []
        places = None if placed is None else placed[0]
        extent = 0.0 if places is None else places.across + self.gutter(scene) if self.is_right else places.length
        height = self.height_with(max(extent, self.size.line * len(note)))
        figure, axes = blank(self.size.width, height)
        self.write(axes, height, note)
        if placed is not None:
            gutter = self.gutter(scene)
            if self.is_right:
                origin = self.size.margin + (self._width - placed[0].length) / 2, self._under + gutter
            else:
                origin = self.size.margin + gutter + (self._width - gutter - placed[0].across) / 2, self._under
            Drawing(scene, *placed, origin, self.size, self.is_right, gutter).draw(axes, boxes, lines)
        return figure

    def write(self, axes: Axes, height: float, note: Sequence[str] = ()) -> None:
        """The words, and the legend."""
        size = self.size
        y = height - size.margin - 0.02
        for line in self._titles:
            draw_text(axes, size.margin, y, line, size=size.large, weight="bold", va="top")
            y -= 1.3 * size.large / 72
        for line in self._wrapped([self.words.subtitle]):
            draw_text(axes, size.margin, y, line, size=size.font, color=_SUBTITLE, va="top")
            y -= size.line
        for line in note:
            draw_text(axes, size.margin, y - 0.06, line, size=size.font, va="top")
            y -= size.line
        footer = self._wrapped(self.words.footer)
        rows = legend_rows(self.words.legend, self._width)
        y = size.margin + size.line * (len(footer) + 1.12 * len(rows)) + 0.04
        for row in rows:
            y -= 1.12 * size.line
            draw_legend_row(axes, size.margin, y, row)
        y = size.margin + size.line * len(footer)
        for line in footer:
            y -= size.line
            draw_text(axes, size.margin, y, line, size=size.font)


def blank(width: float, height: float) -> tuple[Figure, Axes]:
    """A page with axes over all of it, in inches."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), facecolor=PAPER)
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, width), ylim=(0, height))
    axes.axis("off")
    return figure, axes


@dataclass(frozen=True)
class Drawing:
    """A scene in its places, whose bottom left corner is at `origin` on the page."""

    scene: Scene
    places: Places
    labels: Mapping[str, str]
    origin: tuple[float, float]
    size: Size
    is_right: bool
    gutter: float

    def draw(
        self, axes: Axes, boxes: Mapping[str, BoxLook], lines: Sequence[LineLook | None], *, thin: float = 1.0
    ) -> None:
        """Draw it, without the lines that have no look; all lines `thin` times as wide."""
        self._draw_layers(axes)
        turned = self.origin[:: -1 if self.is_right else 1]
        routes = lead(self.scene, self.places)
        drawn = [(line, look, route) for line, look, route in zip(self.scene.lines, lines, routes, strict=True) if look]
        paths = [curve(route + turned, is_right=self.is_right) for _, _, route in drawn]
        draw_lines(axes, paths, [look for _, look, _ in drawn], scale=thin)
        self._draw_boxes(axes, boxes)
        self._draw_ports(axes, [line for line, _, _ in drawn])

    def _at(self, across: float, along: float) -> tuple[float, float]:
        x, y = (along, across) if self.is_right else (across, along)
        return self.origin[0] + x, self.origin[1] + y

    def _corners(
        self, name: str, part: tuple[float, float, float, float] | None = None
    ) -> tuple[float, float, float, float]:
        """Left, bottom, width and height of a box, or of (low, high across, low, high along)."""
        if part is None:
            middle, half = self.places.along[name], self.places.depths[name] / 2
            part = (*self.places.spans[name], middle - half, middle + half)
        low, high, begin, end = part
        left, bottom = self._at(low, begin)
        right, top = self._at(high, end)
        return left, bottom, right - left, top - bottom

    def _draw_layers(self, axes: Axes) -> None:
        """A faint band per layer, so that rows of one layer are seen together, with its number."""
        from matplotlib.patches import Rectangle

        for band in bands(self.scene, self.places):
            left, bottom, width, height = self._corners("", (0.0, self.places.across, band.begin, band.end))
            if self.is_right:
                bottom, height = bottom - self.gutter, height + self.gutter
                x, y = left + width / 2, bottom + self.gutter / 2
            else:
                left, width = left - self.gutter, width + self.gutter
                x, y = left + self.gutter / 2, bottom + height / 2
            axes.add_patch(Rectangle((left, bottom), width, height, color=BAND, lw=0, zorder=0))
            draw_text(axes, x, y, band.label, size=self.size.small, color=FAINT, ha="center", va="center")

    def _draw_boxes(self, axes: Axes, looks: Mapping[str, BoxLook]) -> None:
        names = [name for row in self.places.rows for name in row]
        corners = [self._corners(name) for name in names]
        rounded = [self.scene.boxes[name].is_attention for name in names]
        draw_boxes(axes, corners, [looks[name] for name in names], rounded)
        for name, (left, bottom, width, height) in zip(names, corners, strict=True):
            if not self.labels[name]:
                continue
            color = ink_on(rgb(looks[name].fill))
            turned = self.is_right and self.scene.boxes[name].is_bar
            axes.text(
                left + width / 2,
                bottom + height / 2 - (0 if turned else 0.004),
                self.labels[name],
                fontsize=self.size.small,
                color=color,
                rotation=90 if turned else 0,
                ha="center",
                va="center_baseline" if not turned else "center",
                zorder=5,
                parse_math=False,
            )

    def _draw_ports(self, axes: Axes, lines: Sequence[Line]) -> None:
        """A marker where lines enter an input that has a place of its own."""
        entered = ports_entered(self.scene, lines)
        paths = []
        for name, port in entered:
            across = port_place(self.scene.boxes[name], self.places.spans[name], port)
            x, y = self._at(across, self.places.along[name] - self.places.depths[name] / 2 - MARKER)
            paths.append(port_path(port, x, y))
        if paths:
            draw_ports(axes, paths, [port for _, port in entered])


def extents_of(scene: Scene, labels: Mapping[str, str], size: Size, *, is_right: bool) -> Extents:
    """How far boxes reach, with their labels in them and their inputs far enough apart."""
    height = 1.5 * size.small / 72
    widths = {name: text_width(label, size=size.small) + 0.06 for name, label in labels.items()}
    single = max(
        (widths[name] for name, box in scene.boxes.items() if len(box.parts) == 1 and not box.is_bar), default=0.0
    )
    widths = {name: max(width, single) for name, width in widths.items()}
    ports = {name: 2.2 * MARKER * (len(box.ports) + 1) for name, box in scene.boxes.items()}
    if is_right:
        across = {name: max(height, ports[name]) for name in labels}
        return Extents(across, {name: height if scene.boxes[name].is_bar else widths[name] for name in labels})
    return Extents({name: max(widths[name], ports[name]) for name in labels}, dict.fromkeys(labels, height))
