"""A figure that is asked for in several formats is drawn once, and its files are those of figures drawn for each."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from matplotlib.figure import Figure

from circuits.components import Wiring
from graphs import CircuitGraph
from graphs.figures.canvas import each_drawn_once, figure_bytes
from graphs.figures.layered.drawing import drawing_bytes
from graphs.figures.trace_depth import depth_figure_bytes
from graphs.figures.trace_heatmap import trace_figure_bytes
from tests.graphs.figures.test_trace_heatmap import one_kind

WIRING = Wiring(n_layers=2, n_heads=2, n_kv_heads=2)
TRACE, CIRCUIT = one_kind([[0.5, 0.25], [0.1, -0.2]]), CircuitGraph.from_edges(WIRING, WIRING.edges[:40])
FILES: dict[str, Callable[[Any], bytes]] = {
    "depth": lambda kind: depth_figure_bytes(TRACE, kind),
    "heatmap": lambda kind: trace_figure_bytes(TRACE, kind),
    "circuit": lambda kind: drawing_bytes(CIRCUIT, kind),
}


def square(side: float) -> Figure:
    return Figure(figsize=(side, side))


def test_files_are_those_of_figures_that_are_drawn_for_each():
    apart = {(name, kind): made(kind) for name, made in FILES.items() for kind in ("pdf", "svg")}
    with each_drawn_once():
        together = {(name, kind): FILES[name](kind) for name, kind in apart}
    assert together == apart


def test_one_figure_in_two_formats_is_drawn_once_and_another_by_itself():
    drawn = []

    def draw(side: float) -> Figure:
        drawn.append(side)
        return square(side)

    def save(side: float, kind: Any) -> bytes:
        return figure_bytes(partial(draw, side), kind, dpi=100)

    sides = 1000.5, 2000.5
    with each_drawn_once():
        saved = {save(side / 1000, kind) for kind in ("svg", "pdf") for side in sides}
    assert len(saved) == 4
    assert len(drawn) == 4
    held = [side / 1000 for side in sides]
    with each_drawn_once():
        assert {save(side, kind) for kind in ("svg", "pdf") for side in held} == saved
    assert len(drawn) == 6
    save(held[0], "svg")
    assert len(drawn) == 7


class Side:
    """Draws a square."""

    def __init__(self, side: float) -> None:
        self.side = side

    def draw(self) -> Figure:
        return square(self.side)


def test_figures_of_two_objects_with_one_method_are_not_taken_for_each_other():
    with each_drawn_once():
        one, other = (figure_bytes(partial(Side(side).draw), "svg", dpi=100) for side in (1, 2))
    assert one != other


def test_figures_of_other_keywords_are_not_taken_for_each_other():
    drawn = []

    def draw(*, side: float) -> Figure:
        drawn.append(side)
        return square(side)

    with each_drawn_once():
        one, other, again = (figure_bytes(partial(draw, side=side), "svg", dpi=100) for side in (1, 2, 1))
    assert one == again != other
    assert drawn == [1, 2]
