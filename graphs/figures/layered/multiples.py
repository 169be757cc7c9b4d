"""Several circuits side by side, in a grid of small drawings with the same places for the same components."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from graphs.circuit_graph import CircuitGraph, require_comparable
from graphs.figures.canvas import PAPER, DrawingFormat, draw_text, figure_bytes
from graphs.figures.layered.legend import Entry, port_entries, role_entries, serving_entries, sign_entries
from graphs.figures.layered.looks import BoxLook, LineLook, box_looks, line_looks
from graphs.figures.layered.merge import merged
from graphs.figures.layered.places import Extents, Places, comfortable, least_extent, place
from graphs.figures.layered.scene import Line, Scene, scene_of
from graphs.figures.layered.settings import DrawingSettings
from graphs.figures.layered.sheet import Drawing, Sheet, Words, blank, extents_of
from graphs.figures.layered.shown import candidates, most_lines, not_drawn, show
from graphs.figures.page import wrapped
from graphs.figures.palette import PALE_GRAY
from graphs.figures.subtitle import subtitle_of_several

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_APART = 0.14  # inches between neighboring drawings
_THIN = 0.8  # of lines, beside those of a drawing by itself
_ABSENT = BoxLook(PAPER, PALE_GRAY, 0.5)
_DRAWN = 0.65  # about the share of the page that is not words


def multiples_bytes(
    graphs: Sequence[CircuitGraph],
    labels: Sequence[str],
    kind: DrawingFormat,
    settings: DrawingSettings | None = None,
    *,
    dpi: int = 200,
    about: tuple[str, str] | None = None,
) -> bytes:
    """The drawings as a PDF, SVG, PNG or EPS file, as `drawing_bytes` has one circuit's."""
    return composed_multiples(graphs, labels, settings).to_bytes(kind, dpi=dpi, about=about)


def draw_multiples(
    graphs: Sequence[CircuitGraph], labels: Sequence[str], settings: DrawingSettings | None = None
) -> Figure:
    """Circuits of one model, a drawing each, as `composed_multiples` places them."""
    return composed_multiples(graphs, labels, settings).draw()


def composed_multiples(
    graphs: Sequence[CircuitGraph], labels: Sequence[str], settings: DrawingSettings | None = None
) -> Multiples:
    """Circuits of one model, a drawing each; what a circuit lacks and another has is a pale box.

    labels  what the circuits are called

    `top` is how many lines every circuit may show. ValueError for circuits of different models, and where what was
    asked for does not fit.
    """
    for graph in graphs[1:]:
        require_comparable(graphs[0], graph, across_models=True)
    if settings is not None and settings.annotations is not None:
        raise ValueError("annotations are of one circuit, and here are several side by side. Leave them out.")
    return Multiples.fitting(graphs, labels, settings or DrawingSettings())


@dataclass(frozen=True)
class Multiples:
    """Circuits side by side on a page."""

    graphs: Sequence[CircuitGraph]
    labels: Sequence[str]
    sheet: Sheet
    scene: Scene
    columns: int

    @classmethod
    def fitting(cls, graphs: Sequence[CircuitGraph], labels: Sequence[str], settings: DrawingSettings) -> Multiples:
        """As much of every circuit as fits side by side with the others."""
        size = settings.size
        limit = most_lines(_DRAWN * size.width * size.height / len(graphs), size.font)
        most = max(len(_part(graph, settings, settings.top)) for graph in graphs)
        tried = candidates(most, settings, limit)
        for n in tried if settings.is_automatic else tried[:1]:
            scene = _union(graphs, settings, n)
            sheet = Sheet(settings, _words(graphs, labels, scene, settings, n))
            grids = [cls(graphs, labels, sheet, scene, columns) for columns in range(1, len(graphs) + 1)]
            best = max(grids, key=lambda grid: grid.looseness)
            if best.looseness >= 1:
                return best
        raise ValueError(
            f"{len(graphs)} circuits side by side do not fit {size.width:g}x{size.height:g} inches with text of "
            f"{size.font:g} points. Show fewer lines of each (top), bundle them by layer, or choose a larger size."
        )

    @property
    def told(self) -> Sequence[str]:
        """What the drawings show and leave out; nothing where all is drawn."""
        return self.sheet.words.told

    def to_bytes(self, kind: DrawingFormat, *, dpi: int = 200, about: tuple[str, str] | None = None) -> bytes:
        """The drawings as a PDF, SVG, PNG or EPS file."""
        return figure_bytes(partial(Multiples.draw, self), kind, dpi=dpi, about=about)

    @property
    def rows(self) -> int:
        return math.ceil(len(self.graphs) / self.columns)

    @property
    def _cell_width(self) -> float:
        width = self.sheet.size.width - 2 * self.sheet.size.margin
        return (width - _APART * (self.columns - 1)) / self.columns

    @property
    def _gutter(self) -> float:
        return self.sheet.gutter(self.scene)

    def _header(self, index: int) -> list[str]:
        """What is written over a drawing, beside its label: how much it shows, and how faithful the circuit is."""
        graph = self.graphs[index]
        n = sum(line.counts[index] for line in self.scene.lines)
        share = "not measured" if graph.faithfulness is None else f"{graph.faithfulness:z.2f}"
        is_part = n < graph.n_edges
        said = f"{n:,} of {graph.n_edges:,} edges" if is_part else f"{n:,} edges"
        return wrapped(
            f"{said}, faithfulness {share}{' of all of them' if is_part else ''}",
            self._cell_width,
            size=self.sheet.size.small,
        )

    @property
    def _header_height(self) -> float:
        labels = max(len(self._label(index)) for index in range(len(self.graphs)))
        return (
            self.sheet.size.line * (labels + max(len(self._header(index)) for index in range(len(self.graphs)))) + 0.04
        )

    def _label(self, index: int) -> list[str]:
        return wrapped(self.labels[index], self._cell_width, size=self.sheet.size.font, weight="bold")

    @property
    def _room(self) -> tuple[float, float]:
        """Inches of one drawing, across and along."""
        height = (self.sheet.height_of_drawing - _APART * (self.rows - 1)) / self.rows - self._header_height
        if self.sheet.is_right:
            return height - self._gutter, self._cell_width
        return self._cell_width - self._gutter, height

    @property
    def looseness(self) -> float:
        """How much more room there is than the boxes need; below 1 where they do not fit."""
        if not self.scene.lines:
            return math.inf
        needs = least_extent(self.scene, self._extents(self._labels))
        return min(have / need for have, need in zip(self._room, needs, strict=True))

    @property
    def _labels(self) -> Mapping[str, str]:
        """In short where names in full do not fit."""
        full = {name: box.label for name, box in self.scene.boxes.items()}
        needs = least_extent(self.scene, self._extents(full))
        if all(have >= 1.3 * need for have, need in zip(self._room, needs, strict=True)):
            return full
        return {name: box.short for name, box in self.scene.boxes.items()}

    def _extents(self, labels: Mapping[str, str]) -> Extents:
        return extents_of(self.scene, labels, self.sheet.size, is_right=self.sheet.is_right)

    def _places(self) -> Places:
        extents, (across, along) = self._extents(self._labels), self._room
        return place(self.scene, extents, min(across, comfortable(self.scene, extents)), along)

    def draw(self) -> Figure:
        sheet, places = self.sheet, self._places()
        across = places.across + self._gutter if sheet.is_right else places.length
        pitch = self._header_height + across + _APART
        height = sheet.height_with(pitch * self.rows - _APART)
        figure, axes = blank(sheet.size.width, height)
        sheet.write(axes, height)
        top = height - sheet.over
        for index in range(len(self.graphs)):
            row, column = divmod(index, self.columns)
            left = sheet.size.margin + column * (self._cell_width + _APART)
            y = top - row * pitch
            for line in self._label(index):
                draw_text(axes, left, y - sheet.size.line * 0.8, line, size=sheet.size.font, weight="bold")
                y -= sheet.size.line
            for line in self._header(index):
                draw_text(axes, left, y - sheet.size.line * 0.8, line, size=sheet.size.small, color="#4a4a4a")
                y -= sheet.size.line
            bottom = top - row * pitch - self._header_height - across
            free = self._cell_width - (places.length if sheet.is_right else self._gutter + places.across)
            origin = (
                left + (0 if sheet.is_right else self._gutter) + free / 2,
                bottom + (self._gutter if sheet.is_right else 0),
            )
            self._draw_one(index, places, origin).draw(axes, self._boxes(index), self._lines(index), thin=_THIN)
        return figure

    def _draw_one(self, index: int, places: Places, origin: tuple[float, float]) -> Drawing:
        held = self._held(index)
        labels = {name: label if name in held else "" for name, label in self._labels.items()}
        return Drawing(self.scene, places, labels, origin, self.sheet.size, self.sheet.is_right, self._gutter)

    def _held(self, index: int) -> set[str]:
        """The boxes of which a circuit has a part."""
        own = {node.name for node in self.graphs[index].nodes}
        return {name for name, box in self.scene.boxes.items() if not own.isdisjoint(map(str, box.parts))}

    def _boxes(self, index: int) -> dict[str, BoxLook]:
        held = self._held(index)
        looks = box_looks(self.scene, self.graphs[index])
        return {name: looks[name] if name in held else _ABSENT for name in self.scene.boxes}

    def _lines(self, index: int) -> list[LineLook | None]:
        """The look of every line that a circuit has, by its own scores."""
        looks = iter(line_looks(_side(self.scene, index)))
        return [next(looks) if line.counts[index] > 0 else None for line in self.scene.lines]


def _side(scene: Scene, index: int) -> Scene:
    """The lines that one circuit has, with its own scores."""
    own = (line for line in scene.lines if line.counts[index] > 0)
    return replace(scene, lines=tuple(line._replace(scores=line.scores[index : index + 1]) for line in own))


def _words(
    graphs: Sequence[CircuitGraph], labels: Sequence[str], scene: Scene, settings: DrawingSettings, n: int | None
) -> Words:
    size = settings.size
    sides = range(len(graphs))
    looks = [look for side in sides for look in line_looks(_side(scene, side))]
    own = [{node.name for node in graph.nodes} for graph in graphs]
    is_absent = any(
        names.isdisjoint(map(str, box.parts)) for names in own for box in scene.boxes.values() if not box.is_bar
    )
    legend = [
        *([Entry("wider: larger |score| in its circuit", None, size)] if scene.ranked_by == "score" else []),
        *sign_entries(looks, size),
        *port_entries(scene, size),
        *serving_entries(scene, size),
        *role_entries(scene, size),
        *([Entry("not in this circuit", _ABSENT, size)] if is_absent else []),
    ]
    some = (
        [] if n is None else [f"Shown: at most {_chosen(settings, n)} of each circuit, and what others have of these."]
    )
    missing = list(_not_drawn(graphs, labels, settings, n)) if n is not None and settings.is_automatic else []
    subtitle = subtitle_of_several(graphs, labels)
    return Words("Circuits side by side", subtitle, some, legend=legend, missing=missing)


def _part(graph: CircuitGraph, settings: DrawingSettings, n: int | None) -> list[Line]:
    """What would be shown of one circuit, unmerged."""
    scene = scene_of([graph])
    plain = replace(settings, bundle=None, collapse=())
    return list(show(scene, plain, n).scene.lines) if scene.lines else []


def _chosen(settings: DrawingSettings, n: int) -> str:
    """`the 10 strongest lines`: those that `_part` takes of a circuit."""
    on_paths = settings.is_automatic and not settings.is_filtered
    return f"the {n} lines on the strongest paths" if on_paths else f"the {n} strongest lines"


def _not_drawn(
    graphs: Sequence[CircuitGraph], labels: Sequence[str], settings: DrawingSettings, n: int
) -> Iterator[str]:
    """What is missing of every circuit, where the drawing itself chose."""
    kept = _kept(graphs, settings, n)
    for graph, label in zip(graphs, labels, strict=True):
        lines = _part(graph, settings, None)
        whole = scene_of([graph]).with_lines(lines)
        missing = not_drawn(whole, [line for line in lines if line.name in kept], label)
        if missing is not None:
            yield missing


def _kept(graphs: Sequence[CircuitGraph], settings: DrawingSettings, n: int | None) -> set[str]:
    """What is shown of any circuit, unmerged."""
    return {line.name for graph in graphs for line in _part(graph, settings, n)}


def _union(graphs: Sequence[CircuitGraph], settings: DrawingSettings, n: int | None) -> Scene:
    """What is shown of any circuit, on one another, merged."""
    kept = _kept(graphs, settings, n)
    whole = scene_of(graphs)
    part = whole.with_lines([line for line in whole.lines if line.name in kept])
    return merged(part, settings) if part.lines else part
