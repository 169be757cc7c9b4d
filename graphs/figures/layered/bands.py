"""Where the layers lie in a drawing: boxes may be called in short there, as their layer stands beside them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

from graphs.figures.layered.places import Places
from graphs.figures.layered.scene import Scene

BEYOND = 0.03  # inches beyond the boxes of a layer


class Band(NamedTuple):
    """A layer, and where its rows begin and end along the drawing, in inches."""

    layer: int
    begin: float
    end: float

    @property
    def label(self) -> str:
        return f"L{self.layer}"

    @property
    def middle(self) -> float:
        return (self.begin + self.end) / 2


def bands(scene: Scene, places: Places) -> Iterator[Band]:
    """The layers that have rows, as they run. A box of several layers stands in a row of one of them."""

    def layer_of(row: Sequence[str]) -> int | None:
        spans = {scene.boxes[name].layers for name in row}
        own = {span[0] for span in spans if span is not None and span[0] == span[1]}
        return own.pop() if len(own) == 1 else None

    for layer, group in groupby(places.rows if scene.has_layers else (), layer_of):
        if layer is not None:
            names = [name for row in group for name in row]
            begin = min(places.along[name] - places.depths[name] / 2 for name in names) - BEYOND
            yield Band(layer, begin, max(places.along[name] + places.depths[name] / 2 for name in names) + BEYOND)
